"""An HTTP server on 127.0.0.1 that answers by a function, in threads of its own."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """One request; names of `headers` are in lower case."""

    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    method: str = "GET"
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """One response.

    Attributes:
        body: Bytes, sent with their length; or parts, sent one by one until the connection is closed.
        cut_after: Send only so many bytes of `body`, then cut the connection; None to send all.
        delay_s: Wait so long before sending anything.
        reset: Send nothing and reset the connection.
    """

    status: int
    body: bytes | Iterable[bytes] = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    delay_s: float = 0.0
    reset: bool = False

    @property
    def length(self) -> int:
        """Bytes of the body; 0 for one that comes in parts."""
        return len(self.body) if isinstance(self.body, bytes) else 0


def json_reply(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """A response that holds a value as JSON."""
    return Reply(status, json.dumps(value, ensure_ascii=False).encode(), headers=headers or {})


def html_reply(status: int) -> Reply:
    """What a proxy in front of a service says instead of the service."""
    body = f"<html><body><h1>{status}</h1><p>Something went wrong.</p></body></html>"
    return Reply(status, body.encode(), content_type="text/html")


class LocalServer:
    """A server on a free port, open inside a `with` block.

    Leaving the block cuts open connections and waits for the threads.
    """

    def __init__(self, answer: Callable[[Request], Reply], *, tls: ssl.SSLContext | None = None) -> None:
        """Take a port; requests are answered inside the `with` block only.

        Args:
            answer: Called in a thread for each request.
            tls: The server's certificate; None for plain http.
        """
        self.stopping = threading.Event()
        self._tls = tls is not None
        self._server = _Server(answer, self.stopping)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        """`host:port`, as the fetching of pictures must allow it."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Base address, without a slash at its end."""
        return f"{'https' if self._tls else 'http'}://{self.address}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.cut()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing the server waits for them
    request_queue_size = 64

    def __init__(self, answer: Callable[[Request], Reply], stopping: threading.Event) -> None:
        self.answer = answer
        self.stopping = stopping
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, client = super().get_request()
        with self._lock:
            self._open.add(connection)
        return connection, client

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a connection ended early", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: the second would wait for an acknowledgement
    server: _Server

    def do_GET(self) -> None:
        self._take()

    def do_POST(self) -> None:
        self._take()

    def do_PUT(self) -> None:
        self._take()

    def _take(self) -> None:
        length = self.headers.get("Content-Length", "0")
        body = self.rfile.read(int(length)) if length.isdigit() else b""
        parts = urlsplit(self.path)
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            reply = self.server.answer(Request(parts.path, query, headers, self.command, body))
        except Exception:
            log.exception("the stand-in cannot answer %s", self.path)
            reply = html_reply(500)
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        if reply.delay_s and self.server.stopping.wait(reply.delay_s):
            self.close_connection = True
            return
        if reply.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if isinstance(reply.body, bytes):
            if reply.status != 304:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body[: reply.cut_after])
            if reply.cut_after is not None:
                self.close_connection = True
            return
        self.send_header("Connection", "close")
        self.end_headers()
        for part in reply.body:
            if self.server.stopping.is_set():
                break
            self.wfile.write(part)

    def log_message(self, format: str, *arguments: Any) -> None:
        log.debug(format, *arguments)
