"""Harvesting the pages of one source for one earthquake, each asked for once over all runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from quakelens.depot import Depot
from quakelens.earthquakes.earthquake import Earthquake
from quakelens.harvest.archive import PageArchive
from quakelens.harvest.asking import Patience, Stopped
from quakelens.harvest.counting import Expected
from quakelens.harvest.ingest import Ingest, OnGone
from quakelens.harvest.walk import Walker
from quakelens.params import Harvest
from quakelens.sources.source import Source
from quakelens.store import Store, earthquakes
from quakelens.store.charges import UNLIMITED, Budget, spent_usd
from quakelens.store.posts import count_posts

_log = logging.getLogger(__name__)

LOOKBACK_PAGES = 2
"""Pages that are asked for from the days before the origin time, once an earthquake and source.

They are there to recognise pictures that went round already and are passed off as the new earthquake's.
With 100 posts a page this costs about a dollar at most on X.
"""


@dataclass(frozen=True, slots=True)
class PagesResult:
    """What a harvest of pages did.

    Attributes:
        earthquake: The key under which the store keeps it.
        source: The network.
        posts: The earthquake has now, from all sources.
        new_posts: Of them, came with this run.
        pages: That came with this run, those from the archive that the store lacked among them.
        requests: That were made, failed ones too.
        problems: What could not be read or is left out, a sentence each.
        state: `done`, or why not everything was asked for, as in `quakelens.store.polls.Poll`.
        stopped_because: The same in a sentence; None if everything was asked for.
        resume_at: When the network gives more, UTC, if it is limited and said so.
        expected: What the searches that were counted first are expected to find and cost.
        cost_usd: Of this run's requests, an upper bound in US dollars.
    """

    earthquake: str
    source: str
    posts: int
    new_posts: int
    pages: int
    requests: int
    problems: tuple[str, ...]
    state: str
    stopped_because: str | None
    resume_at: datetime | None
    expected: Expected
    cost_usd: float

    @property
    def failed(self) -> bool:
        """Whether the source failed or refused; limits that were kept are no failure."""
        return self.state in ("down", "refused")


def harvest_pages(
    store: Store,
    source: Source,
    earthquake: Earthquake,
    params: Harvest,
    archive: Path | Depot,
    now: datetime,
    *,
    queries: Sequence[str],
    budget: Budget = UNLIMITED,
    lookback_pages: int = LOOKBACK_PAGES,
    patience: Patience | None = None,
    on_page: Callable[[int, int], None] | None = None,
    on_gone: OnGone | None = None,
) -> PagesResult:
    """Bring a source's posts of an earthquake into the store.

    Repeat it after a kill, and it goes on where it was: pages that were archived and did not reach the
    store come from the archive, and a search goes on at its last page. Repeat it after it ended, and it
    asks only for newer posts, until the window has passed. Keep others from harvesting the same
    earthquake meanwhile by `store.runs.claim`.

    Args:
        store: Gets the posts; the earthquake is added to it if it is new.
        source: A network.
        earthquake: Whose posts.
        params: Window, page size and limit of posts.
        archive: Where the raw pages are kept; of a path the folder.
        now: The present by which is planned, UTC.
        queries: In the source's language, see `Source.queries`; the last one is used to look back.
        budget: What may be spent.
        lookback_pages: Pages from before the origin time, see `LOOKBACK_PAGES`.
        patience: How long to wait for the source.
        on_page: Called after each page with the number of pages and of new posts so far.
        on_gone: Removes what the network says was deleted.
    """
    key = earthquakes.save(store, earthquake, now)
    keys = earthquakes.keys_of(store, key)
    known = earthquakes.get(store, key).earthquake  # an older announcement may have been given
    before = spent_usd(store, keys, source.name)
    ingest = Ingest(store, source, key, known, params, on_page, on_gone)
    for each in keys:
        ingest.archived(PageArchive(archive, each, source.name), keys)
    walker = Walker(
        store=store, source=source, archive=PageArchive(archive, key, source.name), ingest=ingest,
        earthquake=known, key=key, keys=keys, params=params, now=now, patience=patience or Patience(),
        budget=budget,
    )  # fmt: skip
    stopped = _ask_all(walker, queries, lookback_pages)
    return PagesResult(
        earthquake=key,
        source=source.name,
        posts=count_posts(store, key),
        new_posts=ingest.new_posts,
        pages=ingest.pages,
        requests=walker.requests,
        problems=(*walker.problems, *ingest.problems),
        state="done" if stopped is None else stopped.state,
        stopped_because=None if stopped is None else str(stopped),
        resume_at=None if stopped is None else stopped.resume_at,
        expected=walker.expected,
        cost_usd=round(spent_usd(store, keys, source.name) - before, 4),
    )


def _ask_all(walker: Walker, queries: Sequence[str], lookback_pages: int) -> Stopped | None:
    """Ask every query; None if nothing stopped that, else why it ended.

    Where a network is many servers, one that stops is passed over and becomes a problem; only if all of them
    stop has the network stopped.
    """
    traits = walker.source.traits
    asks = [(query, partial(walker.window, query)) for query in queries]
    if queries and traits.looks_back:
        # The last query names no town: pictures that are passed off come from anywhere.
        asks.append((queries[-1], partial(walker.lookback, queries[-1], lookback_pages)))
    silent: dict[str, Stopped] = {}
    for query, ask in asks:
        server = traits.server_of(query)
        if server in silent:
            continue
        try:
            ask()
        except Stopped as stop:
            if server is None or stop.state == "budget":
                return stop
            silent[server] = stop
            walker.problems.append(f"{server} gives no more in this run: {stop}")
            _log.warning("%s: %s gives no more in this run: %s", walker.source.name, server, stop)
    servers = {traits.server_of(query) for query in queries}
    return _of_all(silent) if silent and len(silent) == len(servers) else None


def _of_all(silent: Mapping[str, Stopped]) -> Stopped:
    """Why a network stopped all of whose servers did: the state that soonest passes by itself."""
    told = "; ".join(f"{server}: {stop}" for server, stop in silent.items())
    for stop in sorted(silent.values(), key=lambda each: ("limited", "down", "refused").index(each.state)):
        return Stopped(told, 0, stop.state, resume_at=stop.resume_at)
    raise AssertionError("there is at least one server")
