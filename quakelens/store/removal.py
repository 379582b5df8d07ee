"""Removing posts from the store, with whatever only they brought."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from quakelens import params as sections
from quakelens.sources.post import Gone
from quakelens.store import todo
from quakelens.store.database import Store, insert_new
from quakelens.store.media import keep_highest
from quakelens.store.tables import (
    earthquake_posts,
    earthquakes,
    media,
    pages,
    pictures,
    post_media,
    posts,
    removed_authors,
    scores,
    tombstones,
)
from quakelens.store.todo import Task

_MANY = 500  # values in one question


@dataclass(frozen=True, slots=True)
class Removed:
    """How much left the store.

    Attributes:
        posts: Rows of posts, reposts of removed ones among them.
        pictures: Files that no other post carries.
        earthquakes: Keys of those whose reports change.
    """

    posts: int = 0
    pictures: int = 0
    earthquakes: tuple[str, ...] = ()


def author_digest(author_id: str) -> str:
    """What is kept of an author who asked to be removed."""
    return hashlib.sha256(author_id.encode()).hexdigest()


def remove_posts(
    store: Store,
    source: str,
    gone: Gone,
    now: datetime,
    limits: sections.Duplicates,
    *,
    asked: bool = False,
) -> Removed:
    """Remove posts and put down what is to be removed from the files, all in one transaction.

    A post leaves a tombstone, its network and id, so that it is never stored again; its reposts, which repeat its
    words, go with it. A picture stays while any other post carries the file; groups of near-duplicates go on
    without the pictures that went, and fall apart where only those connected them.

    Args:
        store: Where from.
        source: The network.
        gone: Ids of posts, and of authors all of whose posts go.
        now: UTC.
        limits: When two pictures are near-duplicates.
        asked: The authors asked for it: their later posts, and posts that were not harvested yet, stay away too.
    """
    with store.write() as connection:
        ids = _with_reposts(connection, source, gone)
        dead = ids | gone.posts if asked else ids
        authors = gone.authors if asked else frozenset(_authors_of(connection, source, ids)) & gone.authors
        if not dead and not authors:
            return Removed()
        if asked:
            rows = [{"source": source, "author_digest": author_digest(each), "removed_at": now} for each in authors]
            insert_new(connection, removed_authors, rows)
        insert_new(connection, tombstones, [{"source": source, "id": each, "deleted_at": now} for each in sorted(dead)])
        keys = _media_of(connection, source, ids)
        groups = _groups_of(connection, source, keys)
        shown = _earthquakes_of(connection, source, ids) | _earthquakes_with(connection, groups)
        looked_through = _with_pages(connection) if asked else shown
        _delete(connection, source, ids)
        lone = _delete_media(connection, source, keys)
        orphans = _without_media(connection, lone)
        unscored = _delete_pictures(connection, orphans, limits)
        live = _live_keys(connection, shown)
        tasks = [
            *(Task("post", source, each) for each in dead),
            *(Task("author", source, each) for each in authors),
            *(Task("pages", "", each) for each in looked_through),
            *(Task("picture", "", each) for each in orphans),
            *(Task("labelled", "", each) for each in orphans),
            *(Task("group", version, each) for each, version in unscored),
            *(Task("report", "", each) for each in live),
            Task("store", "", "traces"),
        ]
        todo.add(connection, tasks, now)
        return Removed(len(ids), len(orphans), tuple(sorted(live)))


def _with_reposts(connection: Connection, source: str, gone: Gone) -> set[str]:
    """The stored posts among those that go, and every repost of a post that goes."""
    here = posts.c.source == source
    found = _select(connection, posts.c.id, posts.c.id, gone.posts, here)
    found |= _select(connection, posts.c.id, posts.c.author_id, gone.authors, here)
    new = found | gone.posts
    while new:
        new = _select(connection, posts.c.id, posts.c.repost_of, new, here) - found
        found |= new
    return found


def _authors_of(connection: Connection, source: str, ids: Collection[str]) -> set[str]:
    return _select(connection, posts.c.author_id, posts.c.id, ids, posts.c.source == source)


def _media_of(connection: Connection, source: str, ids: Collection[str]) -> set[str]:
    return _select(connection, post_media.c.media_key, post_media.c.post_id, ids, post_media.c.source == source)


def _groups_of(connection: Connection, source: str, keys: Collection[str]) -> set[str]:
    shas = _select(connection, media.c.sha256, media.c.key, keys, media.c.source == source)
    return _select(connection, pictures.c.group_id, pictures.c.sha256, shas)


def _earthquakes_of(connection: Connection, source: str, ids: Collection[str]) -> set[str]:
    table = earthquake_posts
    return _select(connection, table.c.earthquake, table.c.post_id, ids, table.c.source == source)


def _earthquakes_with(connection: Connection, groups: Collection[str]) -> set[str]:
    """Keys of the earthquakes whose posts carry a picture of some groups: their reports may show any of its posts."""
    found: set[str] = set()
    for part in _parts(groups):
        query = (
            select(earthquake_posts.c.earthquake)
            .join(
                post_media,
                (post_media.c.source == earthquake_posts.c.source)
                & (post_media.c.post_id == earthquake_posts.c.post_id),
            )
            .join(media, (media.c.source == post_media.c.source) & (media.c.key == post_media.c.media_key))
            .join(pictures, pictures.c.sha256 == media.c.sha256)
            .where(pictures.c.group_id.in_(part))
            .distinct()
        )
        found |= set(connection.scalars(query))
    return found


def _with_pages(connection: Connection) -> set[str]:
    return set(connection.scalars(select(pages.c.earthquake).distinct()))


def _live_keys(connection: Connection, keys: Collection[str]) -> set[str]:
    """The keys under which the earthquakes go on, where they were found to be the same as others."""
    key = func.coalesce(earthquakes.c.merged_into, earthquakes.c.key)
    return _select(connection, key, earthquakes.c.key, keys)


def _delete(connection: Connection, source: str, ids: Collection[str]) -> None:
    for part in _parts(ids):
        for table, column in (
            (earthquake_posts, earthquake_posts.c.post_id),
            (post_media, post_media.c.post_id),
            (posts, posts.c.id),
        ):
            connection.execute(delete(table).where(table.c.source == source, column.in_(part)))


def _delete_media(connection: Connection, source: str, keys: set[str]) -> set[str]:
    """Delete the media that no post carries any more; returns sha256 of their files."""
    kept = _select(connection, post_media.c.media_key, post_media.c.media_key, keys, post_media.c.source == source)
    shas: set[str] = set()
    for part in _parts(keys - kept):
        lone = (media.c.source == source) & media.c.key.in_(part)
        shas |= {each for each in connection.scalars(select(media.c.sha256).where(lone)) if each is not None}
        connection.execute(delete(media).where(lone))
    return shas


def _without_media(connection: Connection, shas: set[str]) -> set[str]:
    return shas - _select(connection, media.c.sha256, media.c.sha256, shas)


def _delete_pictures(connection: Connection, shas: set[str], limits: sections.Duplicates) -> set[tuple[str, str]]:
    """Delete pictures with their scores.

    Returns:
        What is left of the groups of those that were scored, and the versions of the model that had scored them.
    """
    scored: set[tuple[str, str]] = set()
    for part in _parts(shas):
        query = select(pictures.c.group_id, scores.c.model).join(scores, scores.c.sha256 == pictures.c.sha256)
        for group, version in connection.execute(query.where(pictures.c.sha256.in_(part), scores.c.error.is_(None))):
            scored.add((group, version))
    groups = _select(connection, pictures.c.group_id, pictures.c.sha256, shas)
    for part in _parts(shas):
        keep_highest(connection, part)
        connection.execute(delete(scores).where(scores.c.sha256.in_(part)))
        connection.execute(delete(pictures).where(pictures.c.sha256.in_(part)))
    left = {group: _regroup(connection, group, limits) for group in sorted(groups)}
    return {(name, version) for group, version in scored for name in left[group]}


def _regroup(connection: Connection, group: str, limits: sections.Duplicates) -> set[str]:
    """Group anew what is left of a group, each named by its earliest picture; returns the names."""
    from quakelens.duplicates import PictureHash, cluster

    rest = connection.execute(select(pictures).where(pictures.c.group_id == group).order_by(pictures.c.number)).all()
    names = {row.sha256: row.sha256 for row in rest}
    hashed = [row for row in rest if row.phash is not None]
    first = cluster([PictureHash(row.phash, row.dhash, row.phash_mirrored, row.detail) for row in hashed], limits)
    for row, position in zip(hashed, first, strict=True):
        names[row.sha256] = hashed[position].sha256
    for sha256, name in names.items():
        if name != group:
            connection.execute(update(pictures).where(pictures.c.sha256 == sha256).values(group_id=name))
    return set(names.values())


def _select(
    connection: Connection, wanted: Any, column: Any, values: Iterable[str], *conditions: ColumnElement[bool]
) -> set[str]:
    """Different values of a column, None left out, where another has one of many values."""
    found: set[str] = set()
    for part in _parts(values):
        found |= set(connection.scalars(select(wanted).where(column.in_(part), *conditions).distinct()))
    return found - {None}


def _parts(values: Iterable[str]) -> Iterator[list[str]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), _MANY):
        yield ordered[start : start + _MANY]
