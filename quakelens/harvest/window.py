"""Which posts are asked for: the window of an earthquake, cut to how far back a source reaches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from quakelens.earthquakes.earthquake import Earthquake
from quakelens.params import Harvest
from quakelens.sources.source import Source

LOOKBACK = timedelta(days=3)
"""How far before the origin time recycled pictures are looked for."""

MARGIN = timedelta(minutes=5)
"""Kept from the edge: a start at the very edge would have slipped out of reach on arrival."""

_FRESH = timedelta(seconds=30)  # X fills a search up to 30 s before the present


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` until before `end`, UTC; `cut` says what a source does not reach, if anything."""

    start: datetime
    end: datetime
    cut: str | None = None

    def end_at(self, now: datetime) -> datetime | None:
        """The end as a source takes it: None as long as it lies in the future."""
        return self.end if self.end <= now - _FRESH else None

    def is_past(self, now: datetime) -> bool:
        """Whether a search that is made now sees the whole window."""
        return self.end <= now - _FRESH


def earthquake_window(earthquake: Earthquake, harvest: Harvest) -> Window:
    """The posts from the origin time until `window_h` later."""
    start = earthquake.origin_time
    return Window(start, start + timedelta(hours=harvest.window_h))


def reachable(window: Window, source: Source, now: datetime) -> Window | None:
    """The part of a window that a source's search reaches; None if there is none."""
    edge = earliest(source, now)
    if edge is None or window.start >= edge:
        return window
    if window.end <= edge:
        return None
    hours = (edge - window.start).total_seconds() / 3600
    return Window(edge, window.end, f"{source.name} does not reach the first {hours:.0f} h of the window any more")


def lookback_window(earthquake: Earthquake) -> Window:
    """The days before the origin time."""
    return Window(earthquake.origin_time - LOOKBACK, earthquake.origin_time)


def earliest(source: Source, now: datetime) -> datetime | None:
    """The oldest time that a source's search takes; None if it takes any."""
    reach = source.traits.reach
    return None if reach is None else now - reach + MARGIN
