"""How things stand: earthquakes, their polls, what waits, the money, the model, and what a person should look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from quakelens.earthquakes.watching import MAX_FAILED, failed_since_done
from quakelens.errors import QuakelensError
from quakelens.registry.lookup import find
from quakelens.registry.names import CHAMPION
from quakelens.settings import Settings, Workspace, store_url_of
from quakelens.store import Store, charges, earthquakes, open_store, polls, runs, todo, watched
from quakelens.store.earthquakes import StoredEarthquake
from quakelens.store.media import count_media
from quakelens.store.polls import Poll
from quakelens.store.posts import count_posts
from quakelens.store.runs import Run
from quakelens.store.scores import ScoreCounts, count_scores, last_model

RECENT = timedelta(days=7)
"""Older earthquakes are not told of: their follow-up has ended."""

UNKNOWN = "unknown"
"""In place of a version, where the registry cannot be read."""

_LATE = timedelta(minutes=10)
"""A poll or a first harvest that is late by more than this has nobody to start it."""


@dataclass(frozen=True, slots=True)
class EarthquakeStatus:
    """An earthquake that is to be harvested.

    Attributes:
        id: By which commands take it.
        title: For people.
        origin_time: UTC.
        run: State of its last run: `running`, `done`, `failed` or `lost`; None before the first.
        run_at: When that ended, or started if it has not; UTC.
        posts: Stored.
        pictures: Fetched.
        to_fetch: Pictures that were not tried yet.
        to_score: Groups of near-duplicates that the model has not seen.
        flagged: Groups that are damaged or unsure.
        model: Version that scored last; None if none did.
        usd: Spent on it so far.
        polls: The last of each network.
    """

    id: str
    title: str
    origin_time: datetime
    run: str | None
    run_at: datetime | None
    posts: int
    pictures: int
    to_fetch: int
    to_score: int
    flagged: int
    model: str | None
    usd: float
    polls: tuple[Poll, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """How things stand.

    Attributes:
        at: UTC.
        model: Version that the next harvest uses.
        earthquakes: That are to be harvested, the newest first.
        not_due: How many others of this time are not to be harvested.
        usd_today: Spent in this UTC day.
        usd_a_day: The budget of a day.
        feeds: When each agency's feed was last read by watch, UTC; empty where none ever was.
        removals: Things that are still to be removed from the files.
        problems: What a person should look at, a sentence each, the most pressing first.
    """

    at: datetime
    model: str
    earthquakes: tuple[EarthquakeStatus, ...]
    not_due: int
    usd_today: float
    usd_a_day: float
    feeds: dict[str, datetime]
    removals: int
    problems: tuple[str, ...]


def look_up(workspace: Workspace, settings: Settings, now: datetime) -> tuple[Status, int]:
    """As `status`; a registry or a store that cannot be read is a problem among the others.

    Returns:
        How things stand, and the exit code of the error that was met; 0 if none was.
    """
    met: QuakelensError | None = None
    model = UNKNOWN
    try:
        model = find(CHAMPION, workspace, settings).version
    except QuakelensError as error:
        met = error
    told = () if met is None else (f"the registry of models: {met}",)
    try:
        store = open_store(store_url_of(settings, workspace))
        try:
            found = status(store, model, settings.budget_day_usd, now)
        finally:
            store.close()
    except QuakelensError as error:
        met = error
        found = Status(
            at=now, model=model, earthquakes=(), not_due=0, usd_today=0.0, usd_a_day=settings.budget_day_usd, feeds={},
            removals=0, problems=(str(error),),
        )  # fmt: skip
    return replace(found, problems=(*told, *found.problems)), met.exit_code if met else 0


def status(store: Store, model: str, usd_a_day: float, now: datetime) -> Status:
    """Look up how things stand.

    Args:
        store: Where all is kept.
        model: Version that the next harvest uses.
        usd_a_day: The budget of a day.
        now: UTC.
    """
    recent = earthquakes.since(store, now - RECENT)
    due = sorted((known for known in recent if known.due), key=lambda known: known.earthquake.origin_time, reverse=True)
    told: list[EarthquakeStatus] = []
    problems: list[str] = []
    for known in due:
        past = runs.history(store, known.key, now)
        own = _of(store, known, past)
        told.append(own)
        problems += _problems(own, past, now)
    feeds = watched.last(store)
    problems[:0] = _unwatched(feeds, now)
    spent, removals = charges.spent_on_day_usd(store, now), len(todo.pending(store))
    if spent >= usd_a_day:
        problems.insert(0, f"today's budget of {usd_a_day:g} USD is spent: X is asked again after midnight UTC")
    if removals:
        problems.append(f"{removals} things are still to be removed from the files: run `quakelens purge`")
    return Status(
        at=now, model=model, earthquakes=tuple(told), not_due=len(recent) - len(due), usd_today=spent,
        usd_a_day=usd_a_day, feeds=feeds, removals=removals, problems=tuple(problems),
    )  # fmt: skip


def _of(store: Store, known: StoredEarthquake, past: Sequence[Run]) -> EarthquakeStatus:
    keys = earthquakes.keys_of(store, known.key)
    media, model = count_media(store, known.key), last_model(store, known.key)
    scored = count_scores(store, known.key, model) if model else ScoreCounts(0, 0, 0, 0)
    last = past[-1] if past else None
    return EarthquakeStatus(
        id=known.earthquake.id,
        title=known.earthquake.title,
        origin_time=known.earthquake.origin_time,
        run=last.state if last else None,
        run_at=(last.ended_at or last.started_at) if last else None,
        posts=count_posts(store, known.key),
        pictures=media.fetched,
        to_fetch=media.media - media.fetched - media.failed,
        to_score=max(0, media.groups - scored.scored - scored.errors),
        flagged=scored.flagged,
        model=model,
        usd=charges.spent_usd(store, keys),
        polls=tuple(polls.of(store, keys)),
    )


def _unwatched(feeds: dict[str, datetime], now: datetime) -> Iterator[str]:
    if not feeds:
        yield "no earthquake feed was ever read: start `quakelens watch`, or the station with its deployments"
        return
    last = max(feeds.values())
    if now - last > _LATE:
        yield (
            f"no earthquake feed was read since {_utc(last)}: see whether `quakelens watch` runs, and what it says; "
            "without workers it waits for the harvest that it started"
        )
    for agency, at in feeds.items():
        if last - at > _LATE:
            yield f"the feed of the {agency} was not read since {_utc(at)}: see what `quakelens watch` says of it"


def _problems(own: EarthquakeStatus, past: Sequence[Run], now: datetime) -> Iterator[str]:
    by_hand = f"run `quakelens harvest {own.id}`"
    if own.run is None and now - own.origin_time > _LATE:
        yield f"{own.title}: it is due and was never harvested; is `quakelens watch` running? If not, {by_hand}"
    if own.run == "failed":
        gave_up = len(failed_since_done(past)) >= MAX_FAILED
        then = f"nothing starts it again: {by_hand}" if gave_up else "watch starts it again"
        yield f"{own.title}: run failed at {_utc(own.run_at)} ({past[-1].message}); {then}"
    if own.run == "lost":
        yield f"{own.title}: the process of its last run is gone; watch starts it again, or {by_hand}"
    for poll in own.polls:
        if poll.state in ("refused", "down", "budget"):
            again = f"again at {_utc(poll.next_at)}" if poll.next_at else "not again by itself"
            yield f"{own.title}: {poll.source} is {poll.state} ({poll.message}); {again}"
        elif own.run != "running" and poll.next_at and now - poll.next_at > _LATE:
            yield (f"{own.title}: {poll.source} was to be asked at {_utc(poll.next_at)}; is `quakelens watch` running?")


def _utc(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "an unknown time"
