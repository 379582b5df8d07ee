"""Walking through the pages of one search, each paid for once over all runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain

from quakelens.earthquakes.earthquake import Earthquake
from quakelens.errors import BudgetReached, SourceError
from quakelens.harvest.archive import ArchivedPage, PageArchive, Request
from quakelens.harvest.asking import Patience, Stopped, ask
from quakelens.harvest.counting import Expected, Purse, count_first
from quakelens.harvest.ingest import Ingest
from quakelens.harvest.window import MARGIN, earliest, earthquake_window, lookback_window, reachable
from quakelens.params import Harvest
from quakelens.sources.source import Source
from quakelens.store import Store, charges
from quakelens.store.posts import spent

OVERLAP = timedelta(minutes=5)
"""How far a search by time looks again at what the last one saw: networks index some posts late."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Walked:
    """A walk that reached its end: its pages by path, and the first and the last of them."""

    paths: Sequence[str]
    first: ArchivedPage
    last: ArchivedPage


@dataclass(slots=True)
class Walker:
    """Asks one source for an earthquake's pages; `requests`, `expected` and `problems` grow on the way."""

    store: Store
    source: Source
    archive: PageArchive
    ingest: Ingest
    earthquake: Earthquake
    key: str
    keys: Sequence[str]
    params: Harvest
    now: datetime
    patience: Patience
    budget: charges.Budget
    requests: int = 0
    expected: Expected = field(default_factory=Expected)
    problems: list[str] = field(default_factory=list)

    def window(self, query: str) -> None:
        """Ask for the earthquake's posts: an unfinished walk is finished, else what is new since the last.

        Raises:
            Stopped: A limit is reached, or the source gives no more now.
        """
        walks = self.archive.walks("window", query)
        last = self._last_readable(walks[max(walks)]) if walks else None
        if last is not None and last.next_token is not None and self._is_reachable(last.request):
            try:
                self._walk(self._after(last), last.walk, last.number + 1)
                return
            except Stopped as stop:
                if stop.state != "refused":
                    raise
                # The token may have expired. If it is something else, the next request says so.
                _log.info("%s refuses to go on with a search, so it starts anew: %s", self.source.name, stop)
        first = self._first_request(query, walks)
        if first is None:
            return
        if first.since_id is None and self.source.traits.count_usd is not None:
            self._count(first)
        self._walk(first, max(walks, default=0) + 1, 1)

    def lookback(self, query: str, pages: int) -> None:
        """Ask for the newest posts from before the origin time, once for an earthquake and source.

        Raises:
            Stopped: As `window`.
        """
        last = self._last_readable(self.archive.paths("lookback"))
        if last is not None:
            if last.next_token is None or not self._is_reachable(last.request):
                return
            self._walk(self._after(last), last.walk, last.number + 1, pages=pages)
            return
        window = reachable(lookback_window(self.earthquake), self.source, self.now)
        if window is not None:
            first = self._request("lookback", query, window.start, window.end, None)
            self._walk(first, 1, 1, pages=pages)

    def _count(self, first: Request) -> None:
        purse = Purse(self.store, self.key, self.keys, self.budget)
        counted, requests = count_first(self.source, first, purse, self.patience)
        self.requests += requests
        self.expected += counted

    def _walk(self, request: Request, walk: int, number: int, pages: int | None = None) -> None:
        while pages is None or number <= pages:
            path = self.archive.path_of(request, walk, number)
            # The newest page of an open window is another one when it is asked for again.
            shifting = request.token is None and request.end_time is None
            request = replace(request, page_size=self._page_size(None if shifting else path))
            fresh = self._reserve(path, request.page_size, shifting=shifting)
            try:
                page, tries = ask(self.source, request, self.patience)
            except Stopped as stop:
                self.requests += stop.requests
                if fresh and not stop.charged:
                    charges.release(self.store, path)
                raise
            self.requests += tries
            self.ingest.page(self.archive, self.archive.add(request, walk, number, page))
            if page.next_token is None:
                # Whatever a lost answer of today held has come with this walk, and X charges for it once a day.
                charges.forget_lost(self.store, path.rpartition("-")[0] + "-", self.patience.clock())
                return
            request, number = replace(request, token=page.next_token), number + 1

    def _reserve(self, path: str, page_size: int, *, shifting: bool) -> bool:
        charge = charges.Charge(path, self.key, self.source.name, "search", self.patience.clock())
        most = self.source.most_usd(page_size)
        try:
            return charges.reserve(self.store, charge, most, self.keys, self.budget, shifting=shifting)
        except BudgetReached as error:
            raise Stopped(str(error), 0, "budget") from error

    def _first_request(self, query: str, walks: dict[int, list[str]]) -> Request | None:
        """The first page of a new walk; None if there is nothing left to ask for."""
        window = earthquake_window(self.earthquake, self.params)
        edge = earliest(self.source, self.now)
        complete = self._complete_walks(walks)
        newest = next(complete, None)
        if newest is not None:
            asked_at = newest.first.request.asked_at
            if window.is_past(asked_at) or not self.source.traits.bounded:
                return None
            marks = map(self._mark_of, chain([newest], complete))
            mark = next((page for page in marks if page is not None), None)
            if mark is not None and (edge is None or self._newest_time(mark) > edge):
                return self._request("window", query, window.start, window.end_at(self.now), mark.newest_id)
            if mark is not None:
                # The mark is too old for the source: ask by time, from where the last walk looked up to.
                window = replace(window, start=max(window.start, asked_at - OVERLAP))
        reached = reachable(window, self.source, self.now)
        if reached is None:
            self.problems.append(
                f"{self.source.name} does not reach back to the posts of {self.earthquake.title} any more"
            )
            return None
        if reached.cut is not None:
            self.problems.append(reached.cut)
        return self._request("window", query, reached.start, reached.end_at(self.now), None)

    def _complete_walks(self, walks: dict[int, list[str]]) -> Iterator[_Walked]:
        """The walks that reached their end, the newest first; older ones are only read if they are asked for."""
        for walk in sorted(walks, reverse=True):
            last = self._last_readable(walks[walk])
            first = last if len(walks[walk]) == 1 else self._last_readable(walks[walk][:1])
            if last is not None and first is not None and last.next_token is None:
                yield _Walked(walks[walk], first, last)

    def _mark_of(self, walk: _Walked) -> ArchivedPage | None:
        """The page of a walk that holds the mark to go on from; None if the walk found nothing."""
        if self.source.traits.forward:
            return walk.last if walk.last.newest_id is not None else None
        # A page without posts can lead to one that has some.
        later = map(self._last_readable, ([path] for path in walk.paths[1:]))
        pages = chain([walk.first], later)
        return next((page for page in pages if page is not None and page.newest_id is not None), None)

    def _newest_time(self, page: ArchivedPage) -> datetime:
        try:
            times = [post.created_at for post in self.source.parse(page.raw).posts]
        except SourceError:
            times = []
        return max(times, default=page.request.asked_at)

    def _last_readable(self, paths: Sequence[str]) -> ArchivedPage | None:
        """The last page that is whole; a damaged one after it is asked for again and replaced."""
        for path in reversed(paths):
            try:
                return self.archive.read(path)
            except ValueError as error:
                _log.warning("%s: it is asked for again", error)
        return None

    def _after(self, page: ArchivedPage) -> Request:
        return replace(page.request, token=page.next_token, asked_at=self.now)

    def _is_reachable(self, request: Request) -> bool:
        edge = earliest(self.source, self.now)
        # A forward walk goes on at its last post, however long ago its first one was.
        behind = edge is not None and request.start_time < edge - MARGIN
        return not behind or request.since_id is not None or self.source.traits.forward

    def _request(self, kind: str, query: str, start: datetime, end: datetime | None, since_id: str | None) -> Request:
        return Request(
            earthquake=self.key, source=self.source.name, kind=kind, query=query, start_time=start,
            end_time=end, since_id=since_id, token=None, page_size=self.params.page_size, asked_at=self.now,
        )  # fmt: skip

    def _page_size(self, path: str | None) -> int:
        """Posts to ask for: as many as a page holds, the limit of posts leaves, and the budget pays.

        A booking under `path` is the request's own and does not count.
        """
        traits = self.source.traits
        if not traits.bounded:
            return traits.largest_page
        read = spent(self.store, self.keys, self.source.name).posts
        left = self.params.max_posts - read
        if left < traits.smallest_page:
            raise Stopped(
                f"{read:,} posts of {self.source.name} were read for {self.earthquake.title}, and no more than "
                f"harvest.max_posts = {self.params.max_posts:,} may be: raise it in params.yaml to go on",
                0,
                "budget",
            )
        most = min(max(self.params.page_size, traits.smallest_page), traits.largest_page, left)
        dollars = charges.left(self.store, self.keys, self.patience.clock(), self.budget, but=path)
        price = self.source.most_usd(most) / most
        affordable = most if price == 0 else int(min(most, dollars / price + 1e-6))
        # A page too small for the source is asked for all the same: the ledger then says what is missing.
        return max(traits.smallest_page, affordable)
