"""An earthquake's near-duplicate groups with every post that carries one of their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, func, or_, select

from quakelens.store.database import Store
from quakelens.store.media import own_media
from quakelens.store.tables import earthquake_posts, earthquakes, media, pictures, post_media, posts


@dataclass(frozen=True, slots=True)
class Picture:
    """A fetched file; `path` is relative to the media folder, width and height are pixels upright."""

    sha256: str
    path: str
    width: int
    height: int
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """Near-duplicates.

    Attributes:
        pictures: All its files, in the order in which they were stored.
        copies: How many of them the posts carry.
        posts: Rows of the table `posts`, oldest first; each has `own` too: whether it is one of the
            earthquake's, or an older one that shows the picture to be recycled.
    """

    id: str
    pictures: tuple[Picture, ...]
    copies: int
    posts: tuple[Row[Any], ...]

    def picture(self, sha256: str) -> Picture:
        """One of the files."""
        return next(picture for picture in self.pictures if picture.sha256 == sha256)


def groups_of(store: Store, key: str, origin_time: datetime) -> list[Group]:
    """The groups that an earthquake's posts carry.

    Their posts are the earthquake's own, those of its look-back, and those of any earthquake of the
    store from before the origin time.
    """
    linked = (
        (earthquake_posts.c.earthquake == key)
        & (earthquake_posts.c.source == posts.c.source)
        & (earthquake_posts.c.post_id == posts.c.id)
    )
    own = exists().where(linked, earthquake_posts.c.lookback.is_(False))
    query = (
        select(pictures.c.group_id, pictures.c.sha256, own.label("own"), *posts.c)
        .join(media, media.c.sha256 == pictures.c.sha256)
        .join(post_media, (post_media.c.source == media.c.source) & (post_media.c.media_key == media.c.key))
        .join(posts, (posts.c.source == post_media.c.source) & (posts.c.id == post_media.c.post_id))
        .where(
            pictures.c.group_id.in_(_group_ids(key)),
            or_(exists().where(linked), posts.c.created_at < origin_time),
        )
        .order_by(posts.c.created_at, posts.c.source, posts.c.id, pictures.c.number)
    )
    with store.read() as connection:
        rows = connection.execute(query).all()
        files: dict[str, list[Picture]] = {}
        for row in connection.execute(_files(key)):
            picture = Picture(row.sha256, row.path, row.width, row.height, row.fetched_at)
            files.setdefault(row.group_id, []).append(picture)
    carried: dict[str, dict[tuple[str, str], Row[Any]]] = {}
    shas: dict[str, set[str]] = {}
    for row in rows:
        carried.setdefault(row.group_id, {}).setdefault((row.source, row.id), row)
        shas.setdefault(row.group_id, set()).add(row.sha256)
    return [
        Group(group, tuple(files[group]), len(shas[group]), tuple(found.values())) for group, found in carried.items()
    ]


def other_earthquakes(store: Store, key: str, source: str, post_id: str) -> list[str]:
    """Keys of the other earthquakes for which a post was harvested, not only looked back on; the latest first."""
    query = (
        select(earthquakes.c.key)
        .join(earthquake_posts, earthquake_posts.c.earthquake == earthquakes.c.key)
        .where(
            earthquake_posts.c.source == source,
            earthquake_posts.c.post_id == post_id,
            earthquake_posts.c.lookback.is_(False),
            earthquakes.c.key != key,
        )
        .order_by(earthquakes.c.origin_time.desc(), earthquakes.c.key)
    )
    with store.read() as connection:
        return list(connection.scalars(query))


def count_located(store: Store, key: str) -> int:
    """Posts of an earthquake that say where they are from, those of its look-back not counted."""
    query = (
        select(func.count())
        .select_from(posts)
        .join(
            earthquake_posts,
            (earthquake_posts.c.source == posts.c.source) & (earthquake_posts.c.post_id == posts.c.id),
        )
        .where(
            earthquake_posts.c.earthquake == key,
            earthquake_posts.c.lookback.is_(False),
            posts.c.latitude.is_not(None),
            posts.c.longitude.is_not(None),
        )
    )
    with store.read() as connection:
        return connection.scalar(query) or 0


def _group_ids(key: str) -> Any:
    own, inner = own_media(key), pictures.alias()
    return select(inner.c.group_id).join(own, own.c.sha256 == inner.c.sha256)


def _files(key: str) -> Any:
    return select(pictures).where(pictures.c.group_id.in_(_group_ids(key))).order_by(pictures.c.number)
