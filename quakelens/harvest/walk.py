"""Walking through the pages of one search, from its newest post to its oldest."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from quakelens.earthquakes.earthquake import Earthquake
from quakelens.errors import SourceError
from quakelens.harvest.archive import ArchivedPage, PageArchive, Request
from quakelens.harvest.asking import Patience, Stopped, ask
from quakelens.harvest.ingest import Ingest
from quakelens.harvest.window import MARGIN, earliest, earthquake_window, lookback_window, reachable
from quakelens.params import Harvest
from quakelens.sources.source import Source
from quakelens.store import Store
from quakelens.store.posts import spent

SMALLEST_PAGE = 10
"""Posts; networks give no smaller page, so with fewer left of the limit nothing more is asked."""

OVERLAP = timedelta(minutes=5)
"""How far a search by time looks again at what the last one saw: networks index some posts late."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Walker:
    """Asks one source for an earthquake's pages; `requests` and `problems` grow on the way."""

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
    requests: int = 0
    problems: list[str] = field(default_factory=list)

    def window(self, query: str) -> None:
        """Ask for the earthquake's posts: an unfinished walk is finished, else what is new since the last.

        Raises:
            Stopped: The limit of posts is reached, or the source gives no more now.
        """
        walks = self.archive.walks("window", query)
        last = self._last_readable(walks[max(walks)]) if walks else None
        if last is not None and last.next_token is not None and self._is_reachable(last.request):
            try:
                self._walk(self._after(last), last.walk, last.number + 1)
                return
            except Stopped as stop:
                if not stop.refused:
                    raise
                # The token may have expired. If it is something else, the next request says so.
                _log.info("%s refuses to go on with a search, so it starts anew: %s", self.source.name, stop)
        first = self._first_request(query, walks)
        if first is not None:
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
        window = reachable(lookback_window(self.earthquake), self.source.name, self.now)
        if window is not None:
            first = self._request("lookback", query, window.start, window.end, None)
            self._walk(first, 1, 1, pages=pages)

    def _walk(self, request: Request, walk: int, number: int, pages: int | None = None) -> None:
        while pages is None or number <= pages:
            request = replace(request, page_size=self._page_size())
            try:
                page, tries = ask(self.source, request, self.patience)
            except Stopped as stop:
                self.requests += stop.requests
                raise
            self.requests += tries
            self.ingest.page(self.archive.add(request, walk, number, page))
            if page.next_token is None:
                return
            request, number = replace(request, token=page.next_token), number + 1

    def _first_request(self, query: str, walks: dict[int, list[str]]) -> Request | None:
        """The first page of a new walk; None if there is nothing left to ask for."""
        window = earthquake_window(self.earthquake, self.params)
        edge = earliest(self.source.name, self.now)
        complete = self._complete_walks(walks)
        if complete:
            if window.is_past(complete[0].request.asked_at):
                return None
            newest = next((page for page in complete if page.newest_id is not None), None)
            if newest is not None and (edge is None or self._newest_time(newest) > edge):
                return self._request("window", query, window.start, window.end_at(self.now), newest.newest_id)
            if newest is not None:
                # The id is too old for the source: ask by time, from where the last walk looked up to.
                seen_to = complete[0].request.asked_at - OVERLAP
                window = replace(window, start=max(window.start, seen_to))
        reached = reachable(window, self.source.name, self.now)
        if reached is None:
            self.problems.append(
                f"{self.source.name} does not reach back to the posts of {self.earthquake.title} any more"
            )
            return None
        if reached.cut is not None:
            self.problems.append(reached.cut)
        return self._request("window", query, reached.start, reached.end_at(self.now), None)

    def _complete_walks(self, walks: dict[int, list[str]]) -> list[ArchivedPage]:
        """The first pages of the walks that reached their end, the newest walk first."""
        complete = []
        for walk in sorted(walks, reverse=True):
            last, first = self._last_readable(walks[walk]), self._last_readable(walks[walk][:1])
            if last is not None and first is not None and last.next_token is None:
                complete.append(first)
        return complete

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
        edge = earliest(self.source.name, self.now)
        return edge is None or request.since_id is not None or request.start_time >= edge - MARGIN

    def _request(self, kind: str, query: str, start: datetime, end: datetime | None, since_id: str | None) -> Request:
        return Request(
            earthquake=self.key, source=self.source.name, kind=kind, query=query, start_time=start,
            end_time=end, since_id=since_id, token=None, page_size=self.params.page_size, asked_at=self.now,
        )  # fmt: skip

    def _page_size(self) -> int:
        read = spent(self.store, self.keys).posts
        left = self.params.max_posts - read
        if left < SMALLEST_PAGE:
            raise Stopped(
                f"{read:,} posts were read for {self.earthquake.title}, and no more than harvest.max_posts = "
                f"{self.params.max_posts:,} may be: raise it in params.yaml to go on",
                0,
                budget=True,
            )
        return min(self.params.page_size, left)
