"""The EMSC's websocket, which tells of an earthquake some seconds after the EMSC has located it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from quakelens.earthquakes.emsc import MIN_MAGNITUDE, parse_frame
from quakelens.errors import FeedError

logger = logging.getLogger(__name__)
_QUIET = logging.getLogger(f"{__name__}.websockets")
_QUIET.setLevel(logging.ERROR)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0  # before connecting again; it doubles
_PING_S = 15.0  # what the EMSC asks for
_MAX_FRAME = 1_000_000  # bytes; real ones have some 500


class Alarm:
    """Listens within a `with` block, in a thread of its own, and says when the feeds are worth reading.

    It only wakes: earthquakes are read from the feeds, so that nothing is lost while it is not connected. It
    connects again by itself, after growing pauses.
    """

    def __init__(self, url: str, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Take an address.

        Args:
            url: `wss://` or `ws://`; empty to listen to nothing.
            clock: The present, UTC.
        """
        self._url = url
        self._clock = clock
        self._rung = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="emsc", daemon=True)

    def wait(self, seconds: float) -> bool:
        """Wait for an earthquake, at most so long; whether one was announced since the last time."""
        rung = self._rung.wait(max(0.0, seconds))
        self._rung.clear()
        return rung

    def __enter__(self) -> Self:
        if self._url:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def _listen(self) -> None:
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect

        pause = _FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                with connect(
                    self._url, ping_interval=_PING_S, max_size=_MAX_FRAME, logger=_QUIET, user_agent_header="quakelens"
                ) as connection:
                    pause = _FIRST_PAUSE_S
                    while not self._stop.is_set():
                        try:
                            self._take(connection.recv(timeout=1.0))
                        except TimeoutError:
                            continue
            except (OSError, WebSocketException, ValueError) as error:
                # The feeds are read every minute all the same.
                logger.debug("the EMSC's websocket is not there: %s", error)
            self._stop.wait(pause)
            pause = min(_LONGEST_PAUSE_S, 2 * pause)

    def _take(self, frame: str | bytes) -> None:
        try:
            found = parse_frame(frame, now=self._clock())
        except FeedError as error:
            logger.debug("%s", error)
            return
        if found is not None and (found.magnitude or 0.0) >= MIN_MAGNITUDE:
            self._rung.set()
