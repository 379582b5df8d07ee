"""Downloading one picture: through the guard, within limits, stored under their sha256."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore
import httpx

from quakelens import __version__, images, params
from quakelens.depot import Depot
from quakelens.errors import MediaError
from quakelens.media.guard import GuardedTransport, Resolver
from quakelens.media.keep import Stored, keep
from quakelens.media.pauses import Pauses, retry_after_s

_MAX_REDIRECTS = 3
_MAX_PAUSE_S = 10.0  # between two tries; who asks for a longer one is asked again in a later run
_HEADERS = {
    "User-Agent": f"quakelens/{__version__}",
    "Accept": "image/*",
    # A compressed body could unfold to any size; pictures are compressed already.
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a download may go.

    Attributes:
        max_bytes: Of one picture's file.
        max_pixels: Width times height.
        timeout_s: For one try, from the first packet to the last.
        connections: Downloads at once.
        per_host: Of them, from one host, so that a slow one cannot hold all.
        attempts: Tries in one run for failures that pass.
        connect_timeout_s: For opening one connection.
        read_timeout_s: For each wait on data.
        pause_s: Before the second try; it doubles from try to try.
    """

    max_bytes: int
    max_pixels: int
    timeout_s: float
    connections: int
    attempts: int
    per_host: int = 6
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 10.0
    pause_s: float = 0.5

    @classmethod
    def of(cls, media: params.Media) -> Limits:
        """The limits that params.yaml sets."""
        return cls(
            max_bytes=media.max_bytes,
            max_pixels=media.max_pixels,
            timeout_s=media.timeout_s,
            connections=media.connections,
            attempts=media.attempts,
            per_host=media.connections_per_host,
        )


class _PassingError(MediaError):
    """A failure that passes."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message, final=False)


class HostPaused(_PassingError):
    """The host asked to be left alone for longer than a download waits; nothing was asked of it."""

    def __init__(self, host: str, seconds: float) -> None:
        super().__init__("http_status", f"{host} asked not to be asked again for another {seconds:.0f} s")


class Downloader:
    """Downloads, checks and stores single pictures; may be used from several threads at once."""

    def __init__(self, depot: Depot, limits: Limits, allow: frozenset[str], resolve: Resolver) -> None:
        self._depot = depot
        self._limits = limits
        self._stopped = threading.Event()
        self._pauses = Pauses()
        self._transport = GuardedTransport(allow=allow, resolve=resolve, connections=limits.connections)
        self._client = httpx.Client(
            transport=self._transport,
            headers=_HEADERS,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=httpx.Timeout(limits.read_timeout_s, connect=limits.connect_timeout_s),
            trust_env=False,
        )

    def stop(self) -> None:
        """Cut what is open and try nothing again; `fetch` then ends with an error."""
        self._stopped.set()
        self._transport.abort()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def fetch(self, url: str) -> Stored:
        """Fetch and store one picture, with more tries where the failure may pass.

        Raises:
            MediaError: It cannot be fetched or read, or the limits are exceeded.
            OSError: It cannot be written.
        """
        pause_s = self._limits.pause_s
        failed: MediaError | None = None
        for attempts_left in range(self._limits.attempts - 1, -1, -1):
            try:
                return self._fetch_once(url)
            except HostPaused as paused:
                raise failed or paused from None
            except _PassingError as error:
                failed = error
                # Jitter, so that failed downloads don't all come back at the same moment.
                wait_s = min(pause_s * random.uniform(0.5, 1.5), _MAX_PAUSE_S)
                if not attempts_left or self._stopped.wait(wait_s):
                    raise
            pause_s *= 2
        raise AssertionError("the last try returns or raises")

    def _fetch_once(self, url: str) -> Stored:
        try:
            parsed = httpx.URL(url)
            self._wait_for(parsed.host)
            with self._transport.deadline(self._limits.timeout_s):
                data = self._download(parsed)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.RemoteProtocolError) as error:
            # The last is what httpx says of a redirect to an address that is none.
            raise MediaError("forbidden_address", f"{url} is or leads to no https address: {error}") from None
        except httpcore.TimeoutException as error:
            raise _PassingError("timeout", f"{url} took too long: {error or 'no data'}") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError) as error:
            raise _PassingError("network", f"{url} could not be read: {error}") from None
        return keep(data, url, self._depot, max_pixels=self._limits.max_pixels, formats=images.WEB_FORMATS)

    def _wait_for(self, host: str) -> None:
        """Leave a host alone for as long as it asked for.

        Raises:
            HostPaused: That is longer than a download waits, or the run is over.
        """
        left = self._pauses.left_s(host)
        if left > _MAX_PAUSE_S or (left and self._stopped.wait(left)):
            raise HostPaused(host, left)

    def _download(self, url: httpx.URL) -> bytes:
        request = self._client.build_request("GET", url)
        for _ in range(1 + _MAX_REDIRECTS):
            # Redirects are followed here, so that their bodies are never read.
            response = self._client.send(request, stream=True, follow_redirects=False)
            try:
                if response.next_request is None:
                    self._check_status(url, response)
                    return self._read(url, response)
                request = response.next_request
            finally:
                response.close()
            self._wait_for(request.url.host)
        raise MediaError("http_status", f"{url} redirects more than {_MAX_REDIRECTS} times")

    def _check_status(self, url: httpx.URL, response: httpx.Response) -> None:
        status = response.status_code
        if status == 200:
            return
        if status in (404, 410):
            raise MediaError("gone", f"{url}: it was deleted (status {status})")
        if status in (408, 429) or status >= 500:
            self._pauses.ask(response.request.url.host, retry_after_s(response.headers.get("retry-after")))
            raise _PassingError("http_status", f"{url} answered with status {status}")
        raise MediaError("http_status", f"{url} answered with status {status}")

    def _read(self, url: httpx.URL, response: httpx.Response) -> bytes:
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding != "identity":
            raise MediaError("unsupported", f"{url} comes compressed ({coding[:40]}) although that was not asked for")
        limit = self._limits.max_bytes
        told = response.headers.get("content-length", "")
        if told.isascii() and told.isdigit() and int(told[:20]) > limit:
            raise MediaError("too_large", f"{url} is larger than {limit:,} bytes, it says")
        data = bytearray()
        for chunk in response.iter_raw():
            data += chunk
            if len(data) > limit:  # counted here: a declared length may lie or be missing
                raise MediaError("too_large", f"{url} is larger than {limit:,} bytes")
        return bytes(data)
