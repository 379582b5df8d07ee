"""Taking posts that must not be kept out of archived pages."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Protocol

from quakelens.depot import Depot
from quakelens.errors import SourceError
from quakelens.harvest.archive import rewrite
from quakelens.sources.post import ParsedPage
from quakelens.store import Store, todo
from quakelens.store.posts import keep_problems, stored
from quakelens.store.todo import Task


class Reader(Protocol):
    """What is needed of a `Source` to read its archived pages; it asks nothing of the network."""

    @property
    def name(self) -> str:
        """As in the table `pages`."""
        ...

    def parse(self, raw: bytes) -> ParsedPage:
        """As `Source.parse`."""
        ...

    def redact(self, raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
        """As `Source.redact`."""
        ...


def redact_if_due(store: Store, depot: Depot, path: str, reader: Reader) -> None:
    """Leave in an archived page only the posts that the store holds, if that was put down when it was stored.

    Other posts would stay there unseen: nobody ever asks whether they were deleted. Run again after a kill, it
    completes.
    """
    task = Task("page", reader.name, path)
    if todo.is_pending(store, task):
        redact_page(store, depot, path, reader)
        todo.done(store, [task])


def redact_page(store: Store, depot: Depot, path: str, reader: Reader) -> bool:
    """As `redact_if_due`, whether due or not; returns whether the page changed.

    Raises:
        ValueError: The file is damaged.
    """

    def keep_stored(raw: bytes) -> bytes:
        try:
            page = reader.parse(raw)
        except SourceError:
            return raw  # nothing of it is in the store; a person may look at it
        kept = stored(store, page.posts)
        ids = {post.id for post in page.posts} - kept | page.gone.posts
        return without(reader, raw, ids, page.gone.authors)

    changed = rewrite(store, depot, path, keep_stored)
    if changed:
        _forget_problems(store, depot, path, reader)
    return changed


def redact_posts(
    store: Store, depot: Depot, path: str, reader: Reader, posts: Collection[str], authors: Collection[str]
) -> bool:
    """Take some posts and authors out of an archived page; returns whether it held any.

    Raises:
        ValueError: The file is damaged.
    """
    changed = rewrite(store, depot, path, lambda raw: without(reader, raw, posts, authors))
    if changed:
        _forget_problems(store, depot, path, reader)
    return changed


def without(reader: Reader, raw: bytes, posts: Collection[str], authors: Collection[str]) -> bytes:
    """A raw page without some posts and authors; the very same bytes if it holds none of them."""
    if not posts and not authors:
        return raw
    redacted = reader.redact(raw, posts=posts, authors=authors)
    # Redacting also writes a page in another layout: only another content counts.
    return raw if redacted == reader.redact(raw, posts=(), authors=()) else redacted


def _forget_problems(store: Store, depot: Depot, path: str, reader: Reader) -> None:
    """Problems of a page may repeat words of its posts."""
    seen: list[str] = []

    def look(raw: bytes) -> bytes:
        with suppress(SourceError):
            seen.extend(reader.parse(raw).problems)
        return raw

    rewrite(store, depot, path, look)
    keep_problems(store, path, seen)
