"""From an archived page into the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from quakelens.earthquakes.earthquake import Earthquake
from quakelens.errors import SourceError
from quakelens.harvest.archive import ArchivedPage, PageArchive
from quakelens.harvest.redaction import redact_if_due
from quakelens.harvest.storable import storable
from quakelens.harvest.window import earthquake_window
from quakelens.params import Harvest
from quakelens.sources.post import Gone, ParsedPage
from quakelens.sources.source import Source
from quakelens.store import Store, todo
from quakelens.store.posts import PageRow, add_page, known_pages

OnGone = Callable[[str, Gone], None]
"""Called with the network and what it says was deleted."""


class Ingest:
    """Reads pages and stores their posts; counts what came.

    Attributes:
        pages: Stored so far.
        new_posts: Of them, new to the earthquake.
        problems: What could not be read, a sentence each.
    """

    def __init__(
        self,
        store: Store,
        source: Source,
        key: str,
        earthquake: Earthquake,
        params: Harvest,
        on_page: Callable[[int, int], None] | None,
        on_gone: OnGone | None = None,
    ) -> None:
        self._store = store
        self._source = source
        self._key = key
        self._window = earthquake_window(earthquake, params)
        self._on_page = on_page
        self._on_gone = on_gone
        self.pages = 0
        self.new_posts = 0
        self.problems: list[str] = []

    def archived(self, archive: PageArchive, keys: Sequence[str]) -> None:
        """Store the pages that a killed run archived and did not store."""
        known = known_pages(self._store, keys)
        due = {task.name for task in todo.pending(self._store, "page") if task.source == self._source.name}
        for path in archive.paths():
            if path in known:
                if path in due:  # killed just before it was
                    redact_if_due(self._store, archive.depot, path, self._source)
                continue
            try:
                page = archive.read(path)
            except ValueError as error:
                self.problems.append(f"{error}: delete it, and its posts are asked for again")
                continue
            self.page(archive, page)

    def page(self, archive: PageArchive, page: ArchivedPage) -> None:
        """Store one page. Posts from before the origin time are kept, those after the window are not.

        What the page says was deleted is removed, also what other pages brought. The archived page keeps only
        what the store keeps.
        """
        parsed = self._parse(page)
        if parsed.gone and self._on_gone is not None:
            # First: a page that is stored is never looked at again.
            self._on_gone(parsed.gone.source or self._source.name, parsed.gone)
        bounded = self._source.traits.bounded
        inside = [post for post in parsed.posts if not bounded or post.created_at < self._window.end]
        row = PageRow(
            path=page.path,
            earthquake=self._key,
            source=self._source.name,
            kind=page.request.kind,
            query=page.request.query,
            fetched_at=page.fetched_at,
            read=len(parsed.posts),
            authors=len({post.author_id or post.author for post in parsed.posts}),
            outside=len(parsed.posts) - len(inside),
            problems=parsed.problems,
            usd=self._source.cost_usd(page.raw),
            ends_before=self._window.start,
            tells_gone=bool(parsed.gone),
        )
        self.new_posts += add_page(self._store, row, inside)
        redact_if_due(self._store, archive.depot, page.path, self._source)
        self.pages += 1
        self.problems.extend(parsed.problems)
        if self._on_page is not None:
            self._on_page(self.pages, self.new_posts)

    def _parse(self, page: ArchivedPage) -> ParsedPage:
        try:
            return storable(self._source.parse(page.raw), local_files=self._source.traits.local_files)
        except SourceError as error:
            # It is in the archive for a person to look at; asking again would cost again.
            return ParsedPage((), (f"the page {page.path} cannot be read: {error}",))
