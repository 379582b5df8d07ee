"""Watching: each announcement goes into the store, and what is to be harvested comes out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from quakelens.earthquakes.earthquake import Earthquake
from quakelens.earthquakes.trigger import decide
from quakelens.params import Trigger
from quakelens.store import Store, earthquakes, polls, runs
from quakelens.store.runs import Claim, Run, claim, fail, finish, renew, renewing

__all__ = ["Claim", "claim", "fail", "finish", "is_free", "observe", "renew", "renewing"]

MAX_FAILED = 12
"""Failed runs after which only a person starts another: with the pauses, seven hours after the first."""

_FIRST_PAUSE = timedelta(minutes=2)  # after a failed run; it doubles from one to the next
_LONGEST_PAUSE = timedelta(hours=1)  # a full disk or a stopped database may stay so for a night


def observe(
    store: Store,
    announced: Iterable[Earthquake],
    trigger: Trigger,
    now: datetime,
) -> list[Earthquake]:
    """Take announcements in, decide of each earthquake again, and say which harvests are to be started.

    Earthquakes that have left the feed are decided again too, so that one whose run was killed or
    failed is started again, and one whose next poll is due is harvested again. A run is only really
    one's own after `claim`.

    Args:
        store: Where all is kept.
        announced: Of a feed; revisions of known earthquakes among them, under whatever id.
        trigger: The rule.
        now: UTC.

    Returns:
        The earthquakes that are due and that nobody works on, oldest first.
    """
    for earthquake in announced:
        earthquakes.save(store, earthquake, now)
    due = []
    for known in earthquakes.since(store, now - timedelta(hours=trigger.max_age_h)):
        decision = decide(known.earthquake, trigger, now)
        if (decision.due, decision.reason) != (known.due, known.reason):
            earthquakes.set_decision(store, known.key, due=decision.due, reason=decision.reason, now=now)
        if decision.due and is_free(store, known.key, now):
            due.append(known.earthquake)
    return due


def is_free(store: Store, key: str, now: datetime) -> bool:
    """Whether a harvest is to be started: nobody works on it, and it was not harvested, or a poll of it is due.

    After a run that did not end in order there is a pause, whatever its polls say: it may have left pictures to do.
    """
    past = runs.history(store, key, now)
    if any(run.state == "running" for run in past):
        return False
    if not past:
        return True
    if past[-1].state != "done":
        return _may_start_again(past, now)
    return any(poll.is_due(now) for poll in polls.of(store, earthquakes.keys_of(store, key)))


def _may_start_again(past: Sequence[Run], now: datetime) -> bool:
    """Whether the pause after a run that did not end in order is over; there is none after a first lost process."""
    last = past[-1]
    if last.state == "failed":
        number = len(failed_since_done(past))
        if number >= MAX_FAILED:
            return False
    else:
        number = next((at for at, run in enumerate(reversed(past)) if run.state != "lost"), len(past)) - 1
    ended = last.ended_at or last.started_at
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (number - 1)) if number else timedelta(0)
    return now - ended >= pause or ended > now + polls.CLOCKS_DIFFER


def failed_since_done(past: Sequence[Run]) -> list[Run]:
    """The runs that failed after the last that was done, oldest first; `past` is in that order."""
    failed: list[Run] = []
    for run in past:
        if run.state == "done":
            failed = []
        elif run.state == "failed":
            failed.append(run)
    return failed
