"""A stand-in for Jetstream: a websocket server that plays events of a made-up Bluesky from a cursor on."""

from __future__ import annotations

import bisect
import json
import logging
import socket
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from quakelens.demo.servers.jetstream_events import Event, did_of, identity, second_form
from quakelens.demo.servers.jetstream_query import FIRST, KINDS, SECOND, check, refusal

_BEAT_S = 0.05  # between events of strangers, once history is played
_log = logging.getLogger(__name__)
_log_quiet = logging.getLogger(f"{__name__}.websockets")
_log_quiet.setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class StreamFault:
    """What goes wrong with one connection.

    Attributes:
        cut_after: Frames, after which the connection is cut without a word.
        status: Answer with this HTTP status instead of a stream.
        silent: Connect, and send nothing.
        garbage_every: Frames, between which something comes that is none.
        pause_s: Between frames.
    """

    cut_after: int | None = None
    status: int | None = None
    silent: bool = False
    garbage_every: int = 0
    pause_s: float = 0.0


class JetstreamServer:
    """Plays `events` in order of `time_us`, then goes on live; open inside a `with` block.

    What is true of the real one (its README, and its code for the second form): cursors are microseconds
    and inclusive; a cursor older than its memory is moved up silently in the first form and with a notice
    in the second; wantedCollections leaves out commits only; there is always something from somebody.

    Attributes:
        faults: By number of the connection, counted from 1.
        cursors: That were asked for, a connection each.
        sent: Frames so far.
    """

    def __init__(
        self,
        events: Iterable[Event] = (),
        *,
        now: datetime | None = None,
        reach: timedelta = timedelta(hours=36),
        faults: Mapping[int, StreamFault] | None = None,
    ) -> None:
        """Keep events; a port is taken inside the `with` block.

        Args:
            events: In the first form.
            now: The present; None: that of the clock.
            reach: How far back it remembers.
            faults: By number of the connection.
        """
        self.faults = dict(faults or {})
        self.cursors: list[int | None] = []
        self.sent = 0
        self._now, self._reach = now, reach
        self._events = sorted(events, key=lambda event: int(event["time_us"]))
        self._news = threading.Condition()
        self._stopping = threading.Event()
        self._open: set[ServerConnection] = set()
        self._numbers: dict[UUID, int] = {}
        self._port = 0
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Of the first form."""
        return f"ws://127.0.0.1:{self._port}{FIRST}"

    @property
    def second_url(self) -> str:
        """Of the second form."""
        return f"ws://127.0.0.1:{self._port}{SECOND}"

    def add(self, *events: Event) -> None:
        """Let something happen."""
        with self._news:
            for event in events:
                bisect.insort(self._events, event, key=lambda each: int(each["time_us"]))
            self._news.notify_all()

    def move_to(self, now: datetime) -> None:
        """Make it this time."""
        self._now = now

    def stop(self) -> None:
        """Cut everything, as when the host is restarted; `start` takes the same port again."""
        self._stopping.set()
        with self._news:
            self._news.notify_all()
        for connection in list(self._open):
            _cut(connection)
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server = None

    def start(self) -> None:
        """Listen."""
        self._stopping.clear()
        self._server = serve(
            self._play, "127.0.0.1", self._port, process_request=self._admit, compression=None,
            close_timeout=1, logger=_log_quiet,
        )  # fmt: skip
        self._port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _time_us(self) -> int:
        return int((self._now or datetime.now(UTC)).timestamp() * 1e6)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        query = parse_qsl(parts.query, keep_blank_values=True)
        cursor = dict(query).get("cursor")
        self.cursors.append(int(cursor) if cursor and cursor.isdigit() else None)
        self._numbers[connection.id] = len(self.cursors)
        fault = self.faults.get(len(self.cursors))
        if fault is not None and fault.status is not None:
            return refusal(fault.status, "ServiceUnavailable", "the stand-in was told to")
        return check(parts.path, query, cursor)

    def _play(self, connection: ServerConnection) -> None:
        self._open.add(connection)
        try:
            self._send(connection, self.faults.get(self._numbers[connection.id]) or StreamFault())
        except (ConnectionClosed, OSError):
            _log.debug("a reader left", exc_info=True)
        finally:
            self._open.discard(connection)

    def _send(self, connection: ServerConnection, fault: StreamFault) -> None:
        assert connection.request is not None
        parts = urlsplit(connection.request.path)
        query = parse_qsl(parts.query)
        collections = {value for name, value in query if name in ("wantedCollections", "collections")}
        kinds = {value for name, value in query if name == "kinds"} or KINDS
        if fault.silent:
            self._stopping.wait()
            return
        largest = int(dict(query).get("maxMessageSizeBytes", 0)) or sys.maxsize
        frames = self._frames(dict(query).get("cursor"), collections, kinds, second=parts.path == SECOND)
        for sent, frame in enumerate(frames):
            if fault.cut_after is not None and sent >= fault.cut_after:
                _cut(connection)
                return
            if fault.garbage_every and sent % fault.garbage_every == 0:
                connection.send('{"did":"did:plc:cut","time_us":99')
                connection.send("<html>502</html>")
            if len(frame.encode()) > largest:
                continue
            connection.send(frame)
            self.sent += 1
            if fault.pause_s and self._stopping.wait(fault.pause_s):
                return

    def _frames(self, asked: str | None, collections: set[str], kinds: set[str], *, second: bool) -> Iterator[str]:
        def written(event: Event) -> str:
            return json.dumps(second_form(event) if second else event, ensure_ascii=False, separators=(",", ":"))

        cursor = self._time_us() if asked is None else int(asked)
        floor = self._time_us() - self._reach // timedelta(microseconds=1)
        if cursor < floor:
            cursor = floor
            if second:
                notice = {"name": "OutdatedCursor", "message": f"resumed from {cursor}"}
                payload = {"$type": "network.bsky.jetstream.subscribeEvents#info", **notice}
                yield json.dumps({"$type": "message", "payload": payload})
        if "identity" in kinds:
            yield written(_stranger(min(cursor, self._time_us())))
        while not self._stopping.is_set():
            with self._news:
                start = bisect.bisect_left(self._events, cursor, key=lambda each: int(each["time_us"]))
                batch = self._events[start : self._end(start)]
                if not batch:
                    self._news.wait(_BEAT_S)
            for event in batch:
                cursor = int(event["time_us"]) + 1
                commit = event.get("commit")
                if event["kind"] in kinds and (
                    commit is None or not collections or commit["collection"] in collections
                ):
                    yield written(event)
            if not batch and "identity" in kinds:
                yield written(_stranger(self._time_us()))

    def _end(self, start: int) -> int:
        """Where to stop, so that events of one moment stay together."""
        end = min(start + 1000, len(self._events))
        while 0 < end < len(self._events) and self._events[end]["time_us"] == self._events[end - 1]["time_us"]:
            end += 1
        return end


def _stranger(time_us: int) -> Event:
    return identity(did_of("somebody"), datetime.fromtimestamp(0, UTC) + timedelta(microseconds=time_us))


def _cut(connection: ServerConnection) -> None:
    with suppress(OSError):
        connection.socket.shutdown(socket.SHUT_RDWR)
