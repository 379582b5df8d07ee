"""Connections that a stranger's address may open, and none else.

A post chooses the address of its pictures, so the address may point into our own network. Every
connection, also that of a redirect, is checked where it is opened: the name is resolved once, all its
addresses must be public, and the connection goes to exactly the address that was checked. A name that
resolves differently a moment later (DNS rebinding) therefore gains nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import httpcore
import httpx

from quakelens.errors import MediaError

Resolver = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host, as text; raises OSError where there are none."""

_MAX_ADDRESSES = 3  # of one host that are tried
_HTTPS = 443
_DEFAULT_PORTS = {"https": _HTTPS, "http": 80}
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,62}\.?")
"""A name of the public internet: more than one part, and the last no number, as in 0x7f.1 or 127.0.0.1."""
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
"""The only global unicast block in use (IANA IPv6 address space). Outside of it are IPv4-mapped and
IPv4-compatible addresses, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), and all local and multicast ones."""
_NOT_PUBLIC = (
    ipaddress.IPv6Network("2002::/16"),  # 6to4: holds any IPv4 address
    ipaddress.IPv6Network("3fff::/20"),  # documentation, RFC 9637; not known to Python 3.11
    ipaddress.IPv6Network("2001::/23"),  # Teredo and other protocols, RFC 2928
    ipaddress.IPv4Network("192.88.99.0/24"),  # relays of 6to4
    ipaddress.IPv4Network("192.0.0.0/24"),  # protocols, RFC 6890; Python releases differ on it
    ipaddress.IPv4Network("168.63.129.16/32"),  # what a virtual machine of Azure asks for its secrets
)


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the operating system; it keeps its own time limits."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet and embeds no other address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        return False
    if ip.version == 6 and ip not in _PUBLIC_V6:
        return False
    return not any(ip.version == network.version and ip in network for network in _NOT_PUBLIC)


def check_url(url: httpx.URL, allow: frozenset[str]) -> None:
    """Refuse what needs no name resolution to be refused.

    Args:
        url: What is asked for next, a redirect's target too.
        allow: `host:port` pairs that may be reached over http, on any port and on any address.

    Raises:
        MediaError: `forbidden_address`: not https, another port than 443, a user name or password in it,
            or a host that is neither a public name nor an address as it is usually written.
    """
    if url.userinfo:
        raise MediaError("forbidden_address", f"{url.host}: an address with a user name is not used")
    if not url.host or url.scheme not in _DEFAULT_PORTS:
        raise MediaError("forbidden_address", f"{url} is no https address")
    port = _port_of(url)
    if _is_allowed(url.host, port, allow):
        return
    if url.scheme != "https":
        raise MediaError("forbidden_address", f"{url} is not fetched: only https is")
    if port != _HTTPS:
        raise MediaError("forbidden_address", f"{url} is not fetched: pictures are not served on port {port}")
    if not _is_usual(url.raw_host.decode("ascii")):
        raise MediaError("forbidden_address", f"{url} is not fetched: {url.host} is no public name")


def checked_addresses(host: str, port: int, *, allow: frozenset[str], resolve: Resolver) -> Sequence[str]:
    """Resolve a host once and give its addresses, all of them checked.

    Raises:
        MediaError: `forbidden_address`: one of them is not public, and `host:port` is not allowed.
        httpcore.ConnectError: The name cannot be resolved.
    """
    try:
        addresses = resolve(host, port)
    except UnicodeError:
        raise MediaError("forbidden_address", f"{host!r} is no host name") from None
    except OSError as error:
        raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from error
    if not addresses:
        raise httpcore.ConnectError(f"{host} has no address")
    if not _is_allowed(host, port, allow):
        for address in addresses:
            if not is_public(address):
                raise MediaError("forbidden_address", f"{host} leads to {address}, which is not a public address")
    return addresses[:_MAX_ADDRESSES]


class GuardedTransport(httpx.BaseTransport):
    """HTTP/1.1 connections through the guard: no proxy, no shortcut, and one deadline a download."""

    def __init__(
        self,
        *,
        allow: frozenset[str] = frozenset(),
        resolve: Resolver = system_resolver,
        connections: int = 8,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            allow: `host:port` pairs that may be reached over http and on any address.
            resolve: Looks names up.
            connections: At most, at once.
            tls: Whom to trust; by default certifi's authorities.
        """
        self._allow = allow
        self._backend = _GuardedBackend(allow, resolve)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(trust_env=False),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=5.0,
            network_backend=self._backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            MediaError: The guard refuses the address.
            httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError: As named.
        """
        check_url(request.url, self._allow)
        response = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response.stream),
            extensions=response.extensions,
        )

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Whatever this thread waits for on the network inside the block ends after so long in all."""
        self._backend.set_deadline(time.monotonic() + seconds)
        try:
            yield
        finally:
            self._backend.set_deadline(None)

    def abort(self) -> None:
        """Cut all open connections, so that threads that wait on them go on with an error."""
        self._backend.abort()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


class _GuardedBackend(httpcore.NetworkBackend):
    """Resolves, checks, and connects to what was checked; TLS still verifies the name."""

    def __init__(self, allow: frozenset[str], resolve: Resolver) -> None:
        self._allow = allow
        self._resolve = resolve
        self._sockets = httpcore.SyncBackend()
        self._thread = threading.local()
        self._lock = threading.Lock()
        self._open: set[_DeadlineStream] = set()
        self._aborted = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = checked_addresses(host, port, allow=self._allow, resolve=self._resolve)
        for last, address in enumerate(addresses, 1):
            try:
                stream = self._sockets.connect_tcp(
                    address, port, self.remaining(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if last == len(addresses):
                    raise
            else:
                return self._watch(_DeadlineStream(stream, self))
        raise AssertionError("a host without addresses is refused earlier")

    def _watch(self, stream: _DeadlineStream) -> _DeadlineStream:
        with self._lock:
            self._open.add(stream)
            aborted = self._aborted
        if aborted:
            stream.cut()
        return stream

    def forget(self, stream: _DeadlineStream) -> None:
        with self._lock:
            self._open.discard(stream)

    def abort(self) -> None:
        with self._lock:
            self._aborted = True
            streams = list(self._open)
        for stream in streams:
            stream.cut()

    def set_deadline(self, at: float | None) -> None:
        self._thread.deadline = at

    def remaining(self, timeout: float | None) -> float | None:
        """The shorter of a timeout and the time until this thread's deadline, in seconds."""
        deadline: float | None = getattr(self._thread, "deadline", None)
        if deadline is None:
            return timeout
        left = deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for this download is over")
        return left if timeout is None else min(left, timeout)


class _DeadlineStream(httpcore.NetworkStream):
    """A connection on which no single wait outlasts the deadline of the thread that waits."""

    def __init__(self, stream: httpcore.NetworkStream, backend: _GuardedBackend) -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._backend.remaining(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._backend.remaining(timeout))

    def close(self) -> None:
        self._backend.forget(self)
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._backend.remaining(timeout)
        self._stream = self._stream.start_tls(ssl_context, server_hostname, left)
        return self

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def cut(self) -> None:
        """End the connection under a thread that may be reading from it."""
        with suppress(OSError):  # the other side may be faster
            # Not SSLSocket.shutdown: it takes the TLS object from under the reading thread.
            socket.socket.shutdown(self._stream.get_extra_info("socket"), socket.SHUT_RDWR)


def _is_allowed(host: str, port: int, allow: frozenset[str]) -> bool:
    return f"{host}:{port}" in allow or f"[{host}]:{port}" in allow


def _is_usual(host: str) -> bool:
    """Whether a host is a public name, or an address in its one usual form."""
    if _NAME.fullmatch(host):
        return True
    try:
        return str(ipaddress.ip_address(host)) == host and "%" not in host
    except ValueError:
        return False


def _port_of(url: httpx.URL) -> int:
    return url.port or _DEFAULT_PORTS[url.scheme]
