"""What is found out about an earthquake beyond its announcements, and kept: PAGER's towns, what to search for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from quakelens.earthquakes.area import shaken_area
from quakelens.earthquakes.detail import Detail
from quakelens.earthquakes.earthquake import Earthquake
from quakelens.earthquakes.service import origin
from quakelens.earthquakes.topic import topic_of
from quakelens.earthquakes.usgs_detail import read_detail
from quakelens.errors import FeedError
from quakelens.params import Harvest, Trigger
from quakelens.settings import Settings
from quakelens.sources.topic import Topic
from quakelens.store import Store, details, earthquakes

MIN_MAGNITUDE = 5.0
"""From which on a detail is asked for before the rule says that the earthquake matters: PAGER and ShakeMap, which
come 20 to 40 minutes later, can show that a smaller one damaged buildings."""

_AGAIN = timedelta(minutes=10)  # after a detail that was not complete
_DOWN = 2  # failures one after the other

_ENOUGH = 0.5
"""More than this share of PAGER's towns must be in a search that was made before PAGER, for it to be kept."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """How many details were fetched, and what failed, a sentence each."""

    count: int
    problems: tuple[str, ...]


def without_detail(store: Store, trigger: Trigger, now: datetime) -> list[Earthquake]:
    """The earthquakes whose detail is to be fetched, those that are due first, then the largest.

    These are those that are due or have magnitude 5 (or half a unit below the rule's) and of which
    `needs_detail`. Others would be thousands of requests a month for nothing.
    """
    least = min(MIN_MAGNITUDE, trigger.min_magnitude - 0.5)
    found = [
        known
        for known in earthquakes.since(store, now - timedelta(hours=trigger.max_age_h))
        if (known.due or (known.earthquake.magnitude or 0.0) >= least) and needs_detail(store, known.earthquake, now)
    ]
    found.sort(key=lambda known: (not known.due, -(known.earthquake.magnitude or 0.0)))
    return [known.earthquake for known in found]


def needs_detail(store: Store, earthquake: Earthquake, now: datetime) -> bool:
    """Whether the agency says more of an earthquake in the store than is kept.

    So it is before the first detail, whenever the announcement was revised since, and some minutes after a
    detail of which a part could not be had.
    """
    if earthquake.detail_url is None:
        return False
    found = details.find(store, earthquakes.get(store, earthquake.id).key)
    if found.detail is None or found.updated != earthquake.updated:
        return True
    return bool(found.detail.problems) and (found.fetched_at is None or now - found.fetched_at >= _AGAIN)


def fetch_details(store: Store, wanted: Iterable[Earthquake], settings: Settings, now: datetime) -> Fetched:
    """Fetch the details of earthquakes in the store, and keep them. Whatever fails leaves its earthquake as it was.

    A part of a detail that cannot be had stays as it was kept. After some failures one after the other no more is
    asked: the service is down, and would be waited for long.

    Args:
        store: Has the earthquakes.
        wanted: In their order; those without an address of a detail are passed over.
        settings: No other host than those of the USGS's feed and event service is asked.
        now: UTC.
    """
    origins = {origin(settings.usgs_feed_url), origin(settings.usgs_event_url)} - {""}
    fetched, failed, problems = 0, 0, []
    for earthquake in wanted:
        if earthquake.detail_url is None or failed >= _DOWN:
            continue
        try:
            detail = read_detail(earthquake.detail_url, only=origins)
        except FeedError as error:
            failed += 1
            problems.append(f"no detail of {earthquake.title}: {error}")
            continue
        failed = 0
        fetched += 1
        key = earthquakes.get(store, earthquake.id).key
        before = details.find(store, key).detail
        details.save_detail(store, key, _completed(detail, before), earthquake.updated, now)
        problems += [f"detail of {earthquake.title}: {problem}" for problem in detail.problems]
    return Fetched(fetched, tuple(problems))


def subject(store: Store, earthquake: Earthquake, harvest: Harvest) -> Topic:
    """What is searched for: the same as long as an earthquake is harvested.

    Another search would find what the former one found already, and be charged for it. So it is kept once made,
    whatever is revised, and made anew only if harvest.words changed, or if PAGER's towns come later and are
    mostly others.
    """
    known = earthquakes.get(store, earthquake.id)
    found = details.find(store, known.key)
    area = shaken_area(known.earthquake, found.detail, harvest.words)
    topic = topic_of(area, harvest.words)
    by_pager = found.detail is not None and bool(found.detail.cities)
    made_of = f"{'pager' if by_pager else 'distance'} {_digest(harvest)}"
    if found.topic is not None and found.made_of is not None:
        same_words = found.made_of.endswith(_digest(harvest))
        first_pager = by_pager and found.made_of.startswith("distance")
        shared = sum(any(name in found.topic.towns for name in town.names) for town in area.towns)
        if same_words and (not first_pager or shared > _ENOUGH * len(area.towns)):
            return found.topic
    details.save_topic(store, known.key, topic, made_of)
    return topic


def _completed(detail: Detail, before: Detail | None) -> Detail:
    if before is None or not detail.problems:
        return detail
    return Detail(
        alert=detail.alert, mmi=detail.mmi, cities=detail.cities or before.cities, box=detail.box or before.box,
        contours=detail.contours or before.contours, problems=detail.problems,
    )  # fmt: skip


def _digest(harvest: Harvest) -> str:
    words = {language: each.model_dump() for language, each in harvest.words.items()}
    return hashlib.sha256(json.dumps(words, ensure_ascii=False).encode()).hexdigest()[:16]
