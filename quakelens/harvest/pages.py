"""Harvesting the pages of one source for one earthquake, each asked for once over all runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quakelens.earthquakes.earthquake import Earthquake
from quakelens.harvest.archive import PageArchive
from quakelens.harvest.asking import Patience, Stopped
from quakelens.harvest.cost import cost_usd
from quakelens.harvest.ingest import Ingest
from quakelens.harvest.walk import Walker
from quakelens.params import Harvest
from quakelens.sources.queries import make_queries
from quakelens.sources.source import Source
from quakelens.store import Store, earthquakes
from quakelens.store.posts import count_posts, spent

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
        posts: The earthquake has now, from all sources.
        new_posts: Of them, came with this run.
        pages: That came with this run, those from the archive that the store lacked among them.
        requests: That were made, failed ones too.
        problems: What could not be read or is left out, a sentence each.
        stopped_because: Why not everything was asked for; None if it was.
        refused: It stopped because the source wants a person to act.
        failed: It stopped for another reason than the limit of posts: run it again to complete it.
        cost_usd: Of this run's pages, an upper bound in US dollars.
    """

    earthquake: str
    posts: int
    new_posts: int
    pages: int
    requests: int
    problems: tuple[str, ...]
    stopped_because: str | None
    refused: bool
    failed: bool
    cost_usd: float


def harvest_pages(
    store: Store,
    source: Source,
    earthquake: Earthquake,
    params: Harvest,
    archive: Path,
    now: datetime,
    *,
    queries: Sequence[str] | None = None,
    lookback_pages: int = LOOKBACK_PAGES,
    patience: Patience | None = None,
    on_page: Callable[[int, int], None] | None = None,
) -> PagesResult:
    """Bring a source's posts of an earthquake into the store, newest first.

    Repeat it after a kill, and it goes on where it was: pages that were archived and did not reach the
    store come from the archive, and a search goes on at its last page. Repeat it after it ended, and it
    asks only for newer posts, until the window has passed. Keep others from harvesting the same
    earthquake meanwhile by `store.runs.claim`.

    Args:
        store: Gets the posts; the earthquake is added to it if it is new.
        source: A network.
        earthquake: Whose posts.
        params: Window, page size, limit of posts and words.
        archive: Folder of the raw pages.
        now: The present by which is planned, UTC.
        queries: In place of those made of the words; for sources that are not searched by words.
        lookback_pages: Pages from before the origin time, see `LOOKBACK_PAGES`.
        patience: How long to wait for the source.
        on_page: Called after each page with the number of pages and of new posts so far.
    """
    key = earthquakes.save(store, earthquake, now)
    keys = earthquakes.keys_of(store, key)
    known = earthquakes.get(store, key).earthquake  # an older announcement may have been given
    if queries is None:
        queries = make_queries(params.words, place=known.place, max_chars=params.max_query_chars)
    before = spent(store, keys, source.name)
    ingest = Ingest(store, source, key, known, params, on_page)
    for each in keys:
        ingest.archived(PageArchive(archive, each, source.name), keys)
    walker = Walker(
        store=store, source=source, archive=PageArchive(archive, key, source.name), ingest=ingest,
        earthquake=known, key=key, keys=keys, params=params, now=now, patience=patience or Patience(),
    )  # fmt: skip
    stopped: Stopped | None = None
    try:
        for query in queries:
            walker.window(query)
        if queries:
            # The last query names no town: pictures that are passed off come from anywhere.
            walker.lookback(queries[-1], lookback_pages)
    except Stopped as stop:
        stopped = stop
    after = spent(store, keys, source.name)
    return PagesResult(
        earthquake=key,
        posts=count_posts(store, key),
        new_posts=ingest.new_posts,
        pages=ingest.pages,
        requests=walker.requests,
        problems=(*walker.problems, *ingest.problems),
        stopped_because=None if stopped is None else str(stopped),
        refused=stopped is not None and stopped.refused,
        failed=stopped is not None and not stopped.budget,
        cost_usd=cost_usd(source.name, posts=after.posts - before.posts, authors=after.authors - before.authors),
    )
