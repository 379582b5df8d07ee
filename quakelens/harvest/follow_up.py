"""When a network is to be asked again for an earthquake's posts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from quakelens.earthquakes.earthquake import Earthquake
from quakelens.harvest.pages import PagesResult
from quakelens.params import Harvest
from quakelens.store import Store, earthquakes, polls

_FIRST_PAUSE = timedelta(minutes=2)  # after a failure; it doubles from one to the next
_LONGEST_PAUSE = timedelta(hours=1)


def record(store: Store, earthquake: Earthquake, result: PagesResult, params: Harvest, now: datetime) -> polls.Poll:
    """Keep what a poll came to, and when the next is due.

    Args:
        store: Keeps it.
        earthquake: Whose posts were asked for.
        result: What came.
        params: The intervals, `follow_up`.
        now: UTC, by the clock by which the harvest is planned.
    """
    before = {poll.source: poll for poll in polls.of(store, earthquakes.keys_of(store, result.earthquake))}
    last = before.get(result.source)
    failures = (last.failures if last else 0) + 1 if result.failed else 0
    poll = polls.Poll(
        source=result.source, polled_at=now, next_at=_next(earthquake, result, failures, params, now),
        state=result.state, failures=failures, message=result.stopped_because,
    )  # fmt: skip
    polls.record(store, result.earthquake, poll)
    return poll


def due(store: Store, earthquake_id: str, names: Sequence[str], now: datetime) -> list[str]:
    """Of some networks, those that were not asked yet, and those whose next poll is due."""
    last = {poll.source: poll for poll in polls.of(store, earthquakes.keys_of(store, earthquake_id))}

    def is_due(name: str) -> bool:
        poll = last.get(name)
        return poll is None or poll.is_due(now)

    return [name for name in names if is_due(name)]


def next_regular(earthquake: Earthquake, params: Harvest, now: datetime) -> datetime | None:
    """When the next poll is due by the intervals of `follow_up`; None once they are over."""
    age = now - earthquake.origin_time
    for step in params.follow_up:
        if age < timedelta(hours=step.until_h):
            return now + timedelta(minutes=step.every_min)
    return None


def _next(
    earthquake: Earthquake, result: PagesResult, failures: int, params: Harvest, now: datetime
) -> datetime | None:
    regular = next_regular(earthquake, params, now)
    if failures:
        # Beyond the intervals too: what a failure kept back is still to be had, for as long as they last again.
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures - 1, 10))
        return now + pause if regular is not None else None
    if result.state == "limited":
        return max(now, result.resume_at) if result.resume_at is not None else now + _FIRST_PAUSE
    return regular
