"""Reading Jetstream over several connections and hosts until a page is full."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from quakelens.errors import SourceError, SourceUnavailable
from quakelens.sources.jetstream_connection import CursorTooOld, Host, open_stream, worst
from quakelens.sources.jetstream_frames import time_of
from quakelens.sources.jetstream_page import OVERLAP_US, Filling, Mark

REACH = timedelta(hours=36)
"""How far back a host's memory goes (Jetstream's default look-back)."""

_GAP_US = 60_000_000  # the network is never silent for so long


@dataclass(frozen=True, slots=True)
class Pace:
    """How a stream is read, in seconds.

    Attributes:
        page_s: Longest time for one page; what it found until then is kept.
        edge_s: An event so young is the present, and the search is done.
        silence_s: Longest wait for a frame.
        open_s: For connecting.
        tries: Connections in a row that bring nothing before the source counts as down; each host gets one.
        pause_s: Before the next of them; it doubles.
        sleep: Waits.
        clock: Seconds since 1970.
    """

    page_s: float = 60.0
    edge_s: float = 5.0
    silence_s: float = 20.0
    open_s: float = 10.0
    tries: int = 4
    pause_s: float = 0.5
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time


class Reading:
    """The connections that fill one page."""

    def __init__(
        self, filling: Filling, page_size: int, pace: Pace, hosts: Sequence[Host], host_number: int, asked_us: int
    ) -> None:
        self._filling = filling
        self._page_size = page_size
        self._pace = pace
        self._hosts = hosts
        self.host_number = host_number
        self._asked_us = asked_us
        self._began = time.monotonic()
        self._over = self._began + pace.page_s
        self._missed: list[str] = []
        self.done = filling.end_us is not None and asked_us >= filling.end_us

    def problems(self) -> list[str]:
        """What could not be read, a sentence each."""
        malformed = self._filling.malformed
        told = [f"{malformed} frames of Bluesky's stream could not be read"] if malformed else []
        return [*self._missed, *(f"Bluesky's stream says {each}" for each in self._filling.notices), *told]

    def run(self) -> None:
        """Read until the page is full.

        Raises:
            SourceError: No host gave anything; as in `Source.search`.
        """
        errors: list[SourceError] = []
        while True:
            before = self._filling.mark.cursor_us
            try:
                self._connection()
                return
            except CursorTooOld:
                self._skip_to_reach()
                continue
            except SourceError as error:
                errors = [*errors, error] if self._filling.mark.cursor_us <= before else [error]
            self.host_number = (self.host_number + 1) % len(self._hosts)
            if time.monotonic() >= self._over and self._filling.mark.cursor_us > self._asked_us:
                return
            if len(errors) >= max(self._pace.tries, len(self._hosts)):
                if self._filling.mark.cursor_us > self._asked_us:
                    return  # what came is kept, and the next page asks again
                raise worst(errors)
            longest = self._pace.pause_s * 2.0 ** min(len(errors) - 1, 5)
            self._pace.sleep(longest * (0.5 + random.random() / 2))

    def _connection(self) -> None:
        pace, filling = self._pace, self._filling
        again = filling.frames or filling.mark.cursor_us > filling.floor_us
        cursor_us = filling.mark.cursor_us - (OVERLAP_US if again else 0)
        host = self._hosts[self.host_number]
        first = True
        with open_stream(host, cursor_us, open_s=pace.open_s, silence_s=pace.silence_s) as frames:
            for data in frames:
                now_us = int(pace.clock() * 1e6)
                time_us = filling.take(data, now_us)
                if time_us is not None:
                    if first:
                        self._note_gap(host, cursor_us, time_us)
                        first = False
                    if time_us >= now_us - pace.edge_s * 1e6:
                        self.done = True
                    if filling.end_us is not None and time_us >= filling.end_us:
                        self.done = True
                if self.done or filling.posts >= self._page_size:
                    return
                if time.monotonic() >= self._over:
                    self.done = self._is_live()
                    return

    def _is_live(self) -> bool:
        """Whether the stream went on no faster than time does: it is at the present, whatever our clock says."""
        return self._filling.mark.cursor_us - self._asked_us < 2e6 * (time.monotonic() - self._began)

    def _note_gap(self, host: Host, asked_us: int, first_us: int) -> None:
        if first_us - asked_us > _GAP_US:
            minutes = (first_us - asked_us) / 60e6
            self._missed.append(
                f"{host.name} keeps nothing between {time_of(asked_us):%Y-%m-%d %H:%M} and "
                f"{time_of(first_us):%Y-%m-%d %H:%M} UTC: the posts of {minutes:,.0f} minutes were not reached"
            )

    def _skip_to_reach(self) -> None:
        """Go on where the host's memory should start."""
        asked_us = self._filling.mark.cursor_us
        edge_us = int(self._pace.clock() * 1e6) - REACH // timedelta(microseconds=1) + _GAP_US
        if edge_us <= asked_us:
            raise SourceUnavailable("Bluesky's stream keeps less than it says: try again")
        self._filling.mark = Mark(edge_us)
        self._missed.append(
            f"Bluesky's stream keeps nothing from {time_of(asked_us):%Y-%m-%d %H:%M} UTC any more: posts until "
            f"{time_of(edge_us):%Y-%m-%d %H:%M} UTC were not reached"
        )
