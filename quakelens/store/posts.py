"""Pages and posts of the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, tuple_, update

from quakelens.sources.post import Post
from quakelens.store import todo
from quakelens.store.charges import Charge, settle_in
from quakelens.store.database import Store, insert_new
from quakelens.store.removal import author_digest
from quakelens.store.tables import (
    earthquake_posts,
    media,
    pages,
    post_media,
    posts,
    removed_authors,
    tombstones,
)
from quakelens.store.todo import Task

_KEPT_PROBLEMS = 20
_MANY = 200  # ids in one question: SQLite and PostgreSQL take far more, and a page has at most 100


@dataclass(frozen=True, slots=True)
class PageRow:
    """An archived page, as the store knows it.

    Attributes:
        path: Below the archive's root, with forward slashes.
        kind: `window` for the posts after the earthquake, `lookback` for those of the days before.
        read: Posts as the network counted them.
        authors: Different authors among them; X charges for each.
        outside: Posts after the window, which are not kept.
        problems: What could not be read, a sentence each.
        usd: What it cost, US dollars.
        ends_before: Posts from before this time are of the look-back, whatever the kind.
        tells_gone: It tells of deletions, so that it may hold what must not be kept.
    """

    path: str
    earthquake: str
    source: str
    kind: str
    query: str
    fetched_at: datetime
    read: int
    authors: int
    outside: int
    problems: tuple[str, ...]
    usd: float = 0.0
    ends_before: datetime | None = None
    tells_gone: bool = False


@dataclass(frozen=True, slots=True)
class Spent:
    """What networks delivered for an earthquake so far."""

    posts: int
    authors: int
    problems: int


def add_page(store: Store, page: PageRow, found: Sequence[Post]) -> int:
    """Add a page and its posts in one transaction; a page that is there already changes nothing.

    Posts of which only a tombstone is left stay away, as do their reposts and the posts of authors who asked to
    be removed. A page with such posts, or others that are not kept, is put down to be redacted in the archive.

    Returns:
        How many of the posts are new to the earthquake, those of a look-back not counted.
    """
    with store.write() as connection:
        if connection.scalar(select(pages.c.path).where(pages.c.path == page.path)) is not None:
            return 0
        connection.execute(
            insert(pages).values(
                path=page.path, earthquake=page.earthquake, source=page.source, kind=page.kind,
                query=page.query, fetched_at=page.fetched_at, posts=page.read, authors=page.authors,
                outside=page.outside, problem_count=len(page.problems),
                problems="\n".join(page.problems[:_KEPT_PROBLEMS]),
            )
        )  # fmt: skip
        charge = Charge(page.path, page.earthquake, page.source, "search", page.fetched_at)
        settle_in(connection, charge, page.usd, page.read if page.usd else 0)
        given = list({(post.source, post.id): post for post in reversed(found)}.values())[::-1]
        alive = _alive(connection, given)
        if len(alive) < len(given) or page.outside or page.tells_gone:
            todo.add(connection, [Task("page", page.source, page.path)], page.fetched_at)
        insert_new(connection, posts, [_row(post, page.fetched_at) for post in alive])
        insert_new(connection, media, list(_media_rows(alive)))
        insert_new(connection, post_media, list(_link_rows(alive)))
        before = [post for post in alive if page.kind == "lookback" or _is_before(post, page)]
        after = [post for post in alive if page.kind != "lookback" and not _is_before(post, page)]
        _link(connection, page.earthquake, before, lookback=True)
        return _link(connection, page.earthquake, after, lookback=False)


def _alive(connection: Connection, found: Sequence[Post]) -> list[Post]:
    """Those that may be kept."""
    dead = _which(connection, tombstones, tombstones.c.id, found)
    repeated = [replace(post, id=post.repost_of) for post in found if post.repost_of is not None]
    dead |= _which(connection, tombstones, tombstones.c.id, repeated)
    removed = connection.execute(select(removed_authors.c.source, removed_authors.c.author_digest))
    asked = {(source, digest) for source, digest in removed}
    return [
        post
        for post in found
        if (post.source, post.id) not in dead
        and (post.source, post.repost_of) not in dead
        and not (asked and post.author_id and (post.source, author_digest(post.author_id)) in asked)
    ]


def _is_before(post: Post, page: PageRow) -> bool:
    return page.ends_before is not None and post.created_at < page.ends_before


def stored(store: Store, found: Sequence[Post]) -> set[str]:
    """Ids of the posts that the store holds, of posts as a page has them."""
    with store.read() as connection:
        return {post_id for _, post_id in _which(connection, posts, posts.c.id, found)}


def keep_problems(store: Store, path: str, problems: Sequence[str]) -> None:
    """Keep no other words of a page's problems than these; how many there were stays."""
    with store.write() as connection:
        here = pages.c.path == path
        kept = connection.scalar(select(pages.c.problems).where(here)) or ""
        left = "\n".join(line for line in kept.split("\n") if line in problems)
        if left != kept:
            connection.execute(update(pages).where(here).values(problems=left))


def known_pages(store: Store, keys: Sequence[str]) -> set[str]:
    """Paths of the pages that the store has."""
    with store.read() as connection:
        return set(connection.scalars(select(pages.c.path).where(pages.c.earthquake.in_(keys))))


def spent(store: Store, keys: Sequence[str], source: str | None = None) -> Spent:
    """What was read for an earthquake so far, of one source or all."""
    query = select(
        func.coalesce(func.sum(pages.c.posts), 0),
        func.coalesce(func.sum(pages.c.authors), 0),
        func.coalesce(func.sum(pages.c.problem_count), 0),
    ).where(pages.c.earthquake.in_(keys))
    if source is not None:
        query = query.where(pages.c.source == source)
    with store.read() as connection:
        read, authors, problems = connection.execute(query).one()
    return Spent(int(read), int(authors), int(problems))


def count_posts(store: Store, key: str) -> int:
    """Posts of an earthquake, those of its look-back not counted."""
    with store.read() as connection:
        return (
            connection.scalar(
                select(func.count())
                .select_from(earthquake_posts)
                .where(earthquake_posts.c.earthquake == key, earthquake_posts.c.lookback.is_(False))
            )
            or 0
        )


def _link(connection: Connection, key: str, found: Sequence[Post], *, lookback: bool) -> int:
    here = earthquake_posts.c.earthquake == key
    linked = _which(connection, earthquake_posts, earthquake_posts.c.post_id, found, here)
    if not lookback:
        full = _which(
            connection, earthquake_posts, earthquake_posts.c.post_id, found,
            here & earthquake_posts.c.lookback.is_(False),
        )  # fmt: skip
        new = len(found) - len(full)
        for source, post_id in linked - full:
            connection.execute(
                update(earthquake_posts)
                .where(here, earthquake_posts.c.source == source, earthquake_posts.c.post_id == post_id)
                .values(lookback=False)
            )
    else:
        new = 0
    rows = [
        {"earthquake": key, "source": post.source, "post_id": post.id, "lookback": lookback}
        for post in found
        if (post.source, post.id) not in linked
    ]
    insert_new(connection, earthquake_posts, rows)
    return new


def _which(
    connection: Connection, table: Any, id_column: Any, found: Sequence[Post], *conditions: Any
) -> set[tuple[str, str]]:
    """Which of the posts a table has."""
    names = [(post.source, post.id) for post in found]
    result: set[tuple[str, str]] = set()
    for start in range(0, len(names), _MANY):
        part = tuple_(table.c.source, id_column).in_(names[start : start + _MANY])
        result |= {
            (source, post_id)
            for source, post_id in connection.execute(select(table.c.source, id_column).where(part, *conditions))
        }
    return result


def _row(post: Post, harvested_at: datetime) -> dict[str, Any]:
    return {
        "source": post.source, "id": post.id, "created_at": post.created_at, "author": post.author,
        "text": post.text, "url": post.url, "lang": post.lang, "latitude": post.latitude,
        "longitude": post.longitude, "place": post.place, "location_kind": post.location_kind,
        "repost_of": post.repost_of, "sensitive": post.sensitive, "harvested_at": harvested_at,
        "author_id": post.author_id, "lookup": post.lookup,
    }  # fmt: skip


def _media_rows(found: Iterable[Post]) -> Iterable[dict[str, Any]]:
    for post in found:
        for item in post.media:
            yield {
                "source": post.source, "key": item.key, "url": item.url, "kind": item.kind,
                "width": item.width, "height": item.height, "alt_text": item.alt_text,
                "status": "pending", "final": False, "tries": 0,
            }  # fmt: skip


def _link_rows(found: Iterable[Post]) -> Iterable[dict[str, Any]]:
    for post in found:
        for position, item in enumerate(post.media):
            yield {
                "source": post.source, "post_id": post.id, "media_key": item.key, "position": position,
            }  # fmt: skip
