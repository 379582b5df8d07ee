"""Figures for Prometheus, looked up in the store at each scrape: no process keeps any of them.

Labels are of a fixed set of words, so that no post, place or message makes a series; `docs/observability.md` lists
every metric.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from quakelens.errors import QuakelensError
from quakelens.harvest.summary import percentiles
from quakelens.settings import Settings, Workspace, store_url_of
from quakelens.status import RECENT, Status, status
from quakelens.store import Store, earthquakes, open_store, runs
from quakelens.store.latency import Delay, delays
from quakelens.store.scores import last_model
from quakelens.store.totals import Totals, totals

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_SOURCES = ("x", "bluesky", "bluesky-search", "mastodon")
_REASONS = (
    "forbidden_address", "gone", "too_large", "timeout", "http_status", "network", "missing", "empty", "not_an_image",
    "truncated", "unsupported", "killed",
)  # fmt: skip
_OTHER = "other"
_POLL_STATES = ("done", "budget", "limited", "down", "refused")
_MEDIA = ("pending", "fetched", "failed")
_RUN_STATES = ("running", "done", "failed", "lost")
LATENCY_OVER = timedelta(days=1)


class Figures:
    """A collector of prometheus_client, which calls `collect` at each scrape."""

    def __init__(self, workspace: Workspace, settings: Settings, clock: Callable[[], datetime] | None = None) -> None:
        self._workspace = workspace
        self._settings = settings
        self._clock = clock or (lambda: datetime.now(UTC))

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering asks for no figures."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every figure; where the store cannot be read, `quakelens_store_up` alone tells."""
        from quakelens.registry.lookup import find

        model: str | None = None
        with suppress(QuakelensError):  # told by quakelens_registry_up
            model = find("champion", self._workspace, self._settings).version
        yield _gauge("registry_up", "1 if the registry of models can be read", float(model is not None))
        if model is not None:
            yield _info("champion", "The version of the model that the next harvest uses", {"version": model})
        try:
            store = open_store(store_url_of(self._settings, self._workspace))
            try:
                found = list(_of_store(store, model or "unknown", self._settings.budget_day_usd, self._clock()))
            finally:
                store.close()
        except (QuakelensError, OSError):
            yield _gauge("store_up", "1 if the store can be read", 0)
            return
        yield _gauge("store_up", "1 if the store can be read", 1)
        yield from found


def text(workspace: Workspace, settings: Settings) -> str:
    """All figures in Prometheus' text form."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(Figures(workspace, settings))
    return generate_latest(registry).decode()


def _of_store(store: Store, model: str, usd_a_day: float, now: datetime) -> Iterator[Metric]:
    stands = status(store, model, usd_a_day, now)
    yield from _of_totals(totals(store), now)
    yield from _of_status(stands)
    yield _by("runs", "Harvests of all time, by how they stand", "state", runs.count(store, now), _RUN_STATES)
    waits = _latencies(store, now)
    latency = _family("post_to_flag_seconds", "Of the last day's flagged pictures: since the post, or its page",
                      ("since", "quantile"))  # fmt: skip
    for since, seconds in waits.items():
        for name, value in percentiles(seconds).items() if seconds else ():
            latency.add_metric((since, f"0.{name.removeprefix('p')}"), value)
    yield latency
    yield _gauge("flagged_last_day", "Pictures over which post_to_flag_seconds goes", len(waits["post"]))


def _of_totals(found: Totals, now: datetime) -> Iterator[Metric]:
    sources, other = _SOURCES, _OTHER
    yield _by("posts", "Posts in the store", "source", found.posts, sources)
    yield _by("posts_unreadable", "Posts that could not be read", "source", found.unreadable, sources)
    yield _by("cost_usd", "US dollars booked in all, at most", "source", found.usd, sources)
    by_status = _family("media", "Pictures that posts carry", ("source", "status"))
    for key, value in _bounded(found.media, sources, _MEDIA).items():
        by_status.add_metric(key, value)
    yield by_status
    failed = _family("media_failed", "Pictures that could not be fetched", ("source", "reason"))
    for key, value in _bounded(found.failures, sources, _REASONS).items():
        failed.add_metric(key, value)
    yield failed
    states = _family("polls", "Earthquakes by how the last poll of a network ended", ("source", "state"))
    last = _family("last_poll_timestamp_seconds", "When a network was last polled", ("source",))
    late = _family("poll_overdue_seconds", "How long the most urgent poll is overdue", ("source",))
    by_state = {(source, state): n for source, poll in found.polls.items() for state, n in poll.states.items()}
    for key, value in _bounded(by_state, sources, _POLL_STATES).items():
        states.add_metric(key, value)
    polled: dict[str, float] = {}
    overdue: dict[str, float] = {}
    for source, poll in found.polls.items():
        name = source if source in sources else other
        polled[name] = max(polled.get(name, 0.0), poll.polled_at.timestamp())
        wait = 0.0 if poll.next_at is None else max(0.0, (now - poll.next_at).total_seconds())
        overdue[name] = max(overdue.get(name, 0.0), wait)
    for name, at in polled.items():
        last.add_metric((name,), at)
        late.add_metric((name,), overdue[name])
    yield from (states, last, late)


def _of_status(stands: Status) -> Iterator[Metric]:
    due = stands.earthquakes
    yield _gauge("earthquakes_due", f"Earthquakes of the last {RECENT.days} days that are harvested", len(due))
    yield _gauge("flagged", "Pictures of theirs that are damaged or unsure", sum(each.flagged for each in due))
    waiting = {"fetch": sum(each.to_fetch for each in due), "score": sum(each.to_score for each in due)}
    yield _by("backlog", "Pictures of theirs that wait", "step", waiting, tuple(waiting))
    yield _gauge("cost_today_usd", "US dollars booked in this UTC day, at most", stands.usd_today)
    yield _gauge("budget_day_usd", "US dollars that a UTC day may cost", stands.usd_a_day)
    yield _gauge("removals_pending", "Things that are still to be removed from the files", stands.removals)
    yield _gauge("problems", "Problems that `quakelens status` tells of", len(stands.problems))
    read = _family("feed_read_timestamp_seconds", "When watch last read an agency's feed", ("agency",))
    for agency, at in stands.feeds.items():
        read.add_metric((agency.lower() if agency in ("USGS", "EMSC") else _OTHER,), at.timestamp())
    yield read
    if stands.feeds:
        newest = max(stands.feeds.values()).timestamp()
        yield _gauge("watch_last_success_timestamp_seconds", "When watch last read a feed and took it in", newest)


def _latencies(store: Store, now: datetime) -> dict[str, list[float]]:
    found: list[Delay] = []
    for known in earthquakes.since(store, now - RECENT):
        model = last_model(store, known.key) if known.due else None
        if model is not None:
            found += [each for each in delays(store, known.key, model, now - LATENCY_OVER) if each.flagged]
    return {
        "post": [(each.decided_at - each.created_at).total_seconds() for each in found],
        "page": [(each.decided_at - each.harvested_at).total_seconds() for each in found],
    }


def _bounded(
    counts: Mapping[tuple[str, str], float], first: tuple[str, ...], second: tuple[str, ...]
) -> dict[tuple[str, str], float]:
    """Counts under known words; those of all others are summed up as `other`."""
    found: dict[tuple[str, str], float] = {}
    for (one, two), count in counts.items():
        key = (one if one in first else _OTHER, two if two in second else _OTHER)
        found[key] = found.get(key, 0) + count
    return found


def _by(name: str, told: str, label: str, counts: Mapping[str, float], known: tuple[str, ...]) -> Any:
    family = _family(name, told, (label,))
    for (value, _), count in _bounded({(key, ""): n for key, n in counts.items()}, known, ("",)).items():
        family.add_metric((value,), count)
    return family


def _family(name: str, told: str, labels: tuple[str, ...]) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"quakelens_{name}", told, labels=labels)


def _gauge(name: str, told: str, value: float) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"quakelens_{name}", told, value=value)


def _info(name: str, told: str, value: dict[str, str]) -> Any:
    from prometheus_client.core import InfoMetricFamily

    return InfoMetricFamily(f"quakelens_{name}", told, value=value)
