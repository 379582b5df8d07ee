"""When the networks last said that posts are still there, and which are to be asked about next."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import exists, func, select, update

from quakelens.sources.presence import KnownPost
from quakelens.store.database import Store
from quakelens.store.tables import media, pictures, post_media, posts, scores

_MANY = 500  # ids in one question


def networks(store: Store) -> list[str]:
    """The networks of which posts are stored."""
    with store.read() as connection:
        return sorted(connection.scalars(select(posts.c.source).distinct()))


def due(store: Store, source: str, before: datetime) -> list[str]:
    """Ids of a network's posts that were neither harvested nor found to be there since a time.

    Those whose pictures, or near-duplicates of them, are flagged come first, as reports show them; then those that
    wait longest.
    """
    last = func.coalesce(posts.c.checked_at, posts.c.harvested_at)
    own, scored = pictures.alias(), pictures.alias()
    flagged = exists(
        select(post_media.c.media_key)
        .join(media, (media.c.source == post_media.c.source) & (media.c.key == post_media.c.media_key))
        .join(own, own.c.sha256 == media.c.sha256)
        .join(scored, scored.c.group_id == own.c.group_id)
        .join(scores, scores.c.sha256 == scored.c.sha256)
        .where(
            post_media.c.source == posts.c.source,
            post_media.c.post_id == posts.c.id,
            scores.c.decision.in_(("damaged", "unsure")),
        )
    )
    query = (
        select(posts.c.id).where(posts.c.source == source, last <= before).order_by(flagged.desc(), last, posts.c.id)
    )
    with store.read() as connection:
        return list(connection.scalars(query))


def known(store: Store, source: str, ids: Sequence[str]) -> list[KnownPost]:
    """Those of some posts that are still stored, in their order."""
    found: dict[str, KnownPost] = {}
    query = select(posts.c.id, posts.c.author_id, posts.c.lookup, posts.c.url).where(posts.c.source == source)
    with store.read() as connection:
        for start in range(0, len(ids), _MANY):
            for row in connection.execute(query.where(posts.c.id.in_(ids[start : start + _MANY]))):
                found[row.id] = KnownPost(row.id, row.author_id, row.lookup, row.url)
    return [found[each] for each in ids if each in found]


def set_checked(store: Store, source: str, ids: Collection[str], at: datetime) -> None:
    """Keep that a network said that posts are there."""
    ordered = sorted(ids)
    with store.write() as connection:
        for start in range(0, len(ordered), _MANY):
            part = posts.c.id.in_(ordered[start : start + _MANY])
            connection.execute(update(posts).where(posts.c.source == source, part).values(checked_at=at))


def author_ids(store: Store, source: str, name: str) -> tuple[set[str], set[str]]:
    """Whom a network's stored posts know under a handle or an id.

    Args:
        store: Where to look.
        source: The network.
        name: A handle, with or without `@`, in any case; or an id.

    Returns:
        Ids of authors, and ids of the posts of such a handle that tell no author's id.
    """
    handle = name.strip().removeprefix("@").lower()
    ours = (posts.c.author_id == name.strip()) | (func.lower(posts.c.author) == handle)
    with store.read() as connection:
        rows = connection.execute(select(posts.c.author_id, posts.c.id).where(posts.c.source == source, ours)).all()
    return {row.author_id for row in rows if row.author_id}, {row.id for row in rows if not row.author_id}
