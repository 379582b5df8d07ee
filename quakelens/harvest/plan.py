"""What a harvest would ask, and what that is expected to cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from quakelens.earthquakes.earthquake import Earthquake
from quakelens.harvest.archive import Request
from quakelens.harvest.asking import Patience
from quakelens.harvest.counting import Purse, count_first
from quakelens.harvest.window import earthquake_window, reachable
from quakelens.params import Harvest
from quakelens.sources.source import Source
from quakelens.store import Store, earthquakes
from quakelens.store.charges import Budget, left


@dataclass(frozen=True, slots=True)
class PlannedQuery:
    """A query; posts and US dollars that it is expected to bring and cost, None where that cannot be counted."""

    query: str
    posts: int | None
    usd: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A harvest of one source before it is made.

    Attributes:
        source: Its name.
        queries: In the order in which they are asked.
        max_usd: More is not spent: the price of `harvest.max_posts`, or what is left of the budget.
    """

    source: str
    queries: tuple[PlannedQuery, ...]
    max_usd: float

    @property
    def posts(self) -> int | None:
        """Posts of all queries; None where one was not counted."""
        counted = [each.posts for each in self.queries if each.posts is not None]
        return sum(counted) if len(counted) == len(self.queries) else None

    @property
    def usd(self) -> float | None:
        """US dollars for all queries, not more than `max_usd`; None where one was not counted."""
        counted = [each.usd for each in self.queries if each.usd is not None]
        return round(min(sum(counted), self.max_usd), 4) if len(counted) == len(self.queries) else None


def plan(
    store: Store, source: Source, earthquake: Earthquake, queries: Sequence[str], params: Harvest, budget: Budget,
    now: datetime, *, count: bool = True, patience: Patience | None = None,
) -> Plan:  # fmt: skip
    """Plan a harvest. Where the source can count, its queries are counted, which costs a little and is booked.

    A query that was counted already is not counted again, neither here nor by the harvest itself.

    Raises:
        Stopped: The source does not answer the count, or the budget does not allow it.
    """
    key = earthquakes.save(store, earthquake, now)
    keys = earthquakes.keys_of(store, key)
    window = reachable(earthquake_window(earthquake, params), source, now)
    purse = Purse(store, key, keys, budget)
    planned = []
    for query in queries:
        if window is None or not count or source.traits.count_usd is None:
            planned.append(PlannedQuery(query, None, None))
            continue
        request = Request(
            earthquake=key, source=source.name, kind="window", query=query, start_time=window.start,
            end_time=window.end_at(now), since_id=None, token=None, page_size=params.page_size, asked_at=now,
        )  # fmt: skip
        expected, _ = count_first(source, request, purse, patience or Patience())
        planned.append(PlannedQuery(query, expected.posts, round(expected.usd, 4)))
    free = source.most_usd(1) == 0
    most = 0.0 if free else min(source.most_usd(params.max_posts), max(0.0, left(store, keys, now, budget)))
    return Plan(source.name, tuple(planned), round(most, 4))
