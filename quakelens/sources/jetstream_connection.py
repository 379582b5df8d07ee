"""One connection to a Jetstream host, and what its failures mean."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit, urlunsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from quakelens.errors import RateLimited, SourceError, SourceRefused, SourceUnavailable, UsageError
from quakelens.sources.bluesky_record import COLLECTION

_SECOND_FORM = "subscribeEvents"
_LARGEST_EVENT = 1_000_000
"""Bytes; the server leaves larger ones out. A post's record is far below, and what is larger is no post."""
_MAX_FRAME = 4 * 2**20
_QUEUE = 256  # frames that wait to be read; with more, the host is made to wait
_CLOSE_S = 0.05  # a host in the middle of sending does not hear a farewell in time
_log = logging.getLogger(__name__)
_QUIET = logging.getLogger(f"{__name__}.websockets")
_QUIET.setLevel(logging.CRITICAL)  # its failures are told by exceptions


class CursorTooOld(Exception):
    """The host keeps nothing from the time asked for."""


@dataclass(frozen=True, slots=True)
class Host:
    """Where a stream is read; `/subscribe` speaks the first form, `...subscribeEvents` the second."""

    url: str

    @classmethod
    def of(cls, url: str) -> Host:
        """Read an address from the settings; without a path it is that of the first form.

        Raises:
            UsageError: It is no address of a websocket.
        """
        parts = urlsplit(url.strip())
        if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.query or parts.username:
            raise UsageError(
                f"Bluesky's stream cannot be read at {url.strip()!r}: set QUAKELENS_BLUESKY_JETSTREAM_URLS to "
                "addresses like wss://jetstream1.us-east.bsky.network/subscribe, separated by commas"
            )
        return cls(urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") or "/subscribe", "", "")))

    @property
    def name(self) -> str:
        """For messages."""
        return urlsplit(self.url).netloc

    def asking(self, cursor_us: int) -> str:
        """The address that gives all posts from a time on, and everything that happens to accounts."""
        common = [("cursor", str(cursor_us)), ("maxMessageSizeBytes", str(_LARGEST_EVENT))]
        if _SECOND_FORM in self.url:
            kinds = [("kinds", kind) for kind in ("commit", "identity", "account")]
            return f"{self.url}?{urlencode([('collections', COLLECTION), *kinds, *common])}"
        return f"{self.url}?{urlencode([('wantedCollections', COLLECTION), *common])}"


@contextmanager
def open_stream(host: Host, cursor_us: int, *, open_s: float, silence_s: float) -> Iterator[Iterator[bytes]]:
    """Connect, and give the frames as they come.

    Pings show both sides that the connection lives. A host that sends faster than the frames are taken is
    held back by the connection itself.

    Args:
        host: Which.
        cursor_us: From when on, microseconds since 1970.
        open_s: For connecting, seconds.
        silence_s: Longest wait for a frame. On the real network, there is something every few milliseconds.

    Raises:
        CursorTooOld: The host keeps nothing from so long ago.
        SourceUnavailable, RateLimited, SourceRefused: As in `Source.search`; also while frames are taken.
    """
    try:
        connection = connect(
            host.asking(cursor_us), open_timeout=open_s, close_timeout=_CLOSE_S, compression=None, proxy=None,
            max_size=_MAX_FRAME, max_queue=_QUEUE, ping_interval=20, ping_timeout=20, logger=_QUIET,
        )  # fmt: skip
    except InvalidStatus as error:
        raise _refusal(host, error) from None
    except (OSError, TimeoutError, InvalidHandshake, WebSocketException, EOFError) as error:
        raise SourceUnavailable(f"{host.name} cannot be reached ({type(error).__name__}: {error}): try again") from None
    try:
        yield _frames(connection, host, silence_s)
    finally:
        connection.close()


def _frames(connection: ClientConnection, host: Host, silence_s: float) -> Iterator[bytes]:
    while True:
        try:
            yield connection.recv(timeout=silence_s, decode=False)
        except TimeoutError:
            raise SourceUnavailable(f"{host.name} sent nothing for {silence_s:.0f} s: try again") from None
        except ConnectionClosed as error:
            raise SourceUnavailable(f"{host.name} cut the connection ({error}): try again") from None


def worst(errors: Sequence[SourceError]) -> SourceError:
    """Of what several hosts said, what counts: a failure that passes, before a limit, before a refusal."""
    for kind in (SourceUnavailable, RateLimited):
        for error in errors:
            if isinstance(error, kind):
                return error
    return errors[-1]


def _refusal(host: Host, error: InvalidStatus) -> Exception:
    response = error.response
    status = response.status_code
    said = bytes(response.body or b"")[:300].decode("utf-8", "replace").strip()
    try:
        body = json.loads(said)
        name = str(body.get("error", "")) if isinstance(body, dict) else ""
    except ValueError:
        name = ""
    _log.info("%s answered %d: %s", host.name, status, said)
    if status == 400 and name == "CursorTooOld":
        return CursorTooOld(said)
    if status == 429:
        until = _retry_at(response.headers.get("Retry-After"))
        return RateLimited(f"{host.name} lets nobody from here connect for now (429): wait", until)
    if status >= 500 or status == 408:
        return SourceUnavailable(f"{host.name} failed with status {status}: try again")
    return SourceRefused(
        f"{host.name} does not give its stream (status {status}: {said or 'no reason given'}): check "
        "QUAKELENS_BLUESKY_JETSTREAM_URLS"
    )


def _retry_at(value: str | None) -> datetime | None:
    if value is None or not value.isdigit():
        return None
    return datetime.now(UTC) + timedelta(seconds=min(int(value), 86_400))
