"""Media and pictures of the store: what is to be fetched, what was, and what repeats what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    delete,
    exists,
    func,
    insert,
    select,
    true,
    type_coerce,
    update,
)

from quakelens.store.database import Store
from quakelens.store.tables import counters, earthquake_posts, media, pictures, post_media, posts

if TYPE_CHECKING:
    from quakelens.duplicates import Hashes, PictureHash

MAX_TRIES = 5
"""Runs that try a picture whose failure may pass; each of them tries `media.attempts` times."""

_AT_ONCE = 50_000  # rows of hashes in memory
_MANY = 500  # values in one question
_REMOVED = "removed pictures"


@dataclass(frozen=True, slots=True)
class PendingMedia:
    """A picture to fetch; `kind` as in `quakelens.sources.post.MediaRef`."""

    source: str
    key: str
    url: str
    kind: str = "photo"


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A fetched file, as the store keeps it; `hash` is None if it cannot be decoded."""

    sha256: str
    path: str
    bytes: int
    width: int
    height: int
    format: str
    fetched_at: datetime
    hash: PictureHash | None


@dataclass(frozen=True, slots=True)
class StoredHashes:
    """Hashes of pictures in the order of the store.

    Attributes:
        last: Number of the last picture that was looked at, one without a hash included.
        sha256: Of those with a hash.
        hashes: As many.
    """

    last: int
    sha256: Sequence[str]
    hashes: Hashes


@dataclass(frozen=True, slots=True)
class MediaCounts:
    """Media of an earthquake's posts, those of its look-back not counted.

    Attributes:
        media: All of them.
        fetched: That lie in the media folder.
        failed: That could not be fetched.
        groups: Different pictures among the fetched ones, near-duplicates counted once.
        reasons: Of the failures, with their counts, the most frequent first.
    """

    media: int
    fetched: int
    failed: int
    groups: int
    reasons: tuple[tuple[str, int], ...]

    @property
    def near_duplicates(self) -> int:
        """Fetched media that repeat a picture, exactly or nearly."""
        return self.fetched - self.groups


def pending(store: Store, key: str, limit: int | None = None) -> list[PendingMedia]:
    """What was not tried yet for an earthquake: its own posts' first, oldest first; no more than `limit`."""
    return _to_fetch(store, key, media.c.status == "pending", limit)


def to_retry(store: Store, key: str, limit: int | None = None) -> list[PendingMedia]:
    """What failed in earlier runs and may still come, in the order of `pending`."""
    again = (media.c.status == "failed") & media.c.final.is_(False) & (media.c.tries < MAX_TRIES)
    return _to_fetch(store, key, again, limit)


def _to_fetch(store: Store, key: str, which: ColumnElement[bool], limit: int | None) -> list[PendingMedia]:
    # Each medium is asked for its posts, not the posts for their media: of those there may be 200,000.
    linked = (
        select(func.min(posts.c.created_at))
        .select_from(post_media)
        .join(posts, (posts.c.source == post_media.c.source) & (posts.c.id == post_media.c.post_id))
        .where(post_media.c.source == media.c.source, post_media.c.media_key == media.c.key)
        .where(of_earthquake(key))
    )
    query = (
        select(media.c.source, media.c.key, media.c.url, media.c.kind)
        .where(which, carried(key))
        .order_by(~carried(key, lookback=False), linked.scalar_subquery(), media.c.key)
        .limit(limit)
    )
    with store.read() as connection:
        return [PendingMedia(*row) for row in connection.execute(query)]


def set_failed(
    connection: Connection, item: PendingMedia, *, reason: str, message: str, final: bool, at: datetime,
    asked: bool = True,
) -> None:  # fmt: skip
    """Within a transaction that writes: keep why a picture could not be fetched; a fetched one stays so.

    Where its host was not even `asked`, the run does not count as one that tried.
    """
    connection.execute(
        update(media)
        .where(_is(item), media.c.status != "fetched")
        .values(
            status="failed", reason=reason, message=message, final=final, tried_at=at,
            tries=media.c.tries + int(asked),
        )
    )  # fmt: skip


def set_fetched(connection: Connection, item: PendingMedia, sha256: str, at: datetime) -> None:
    """Within a transaction that writes: link a medium to its picture."""
    connection.execute(
        update(media)
        .where(_is(item))
        .values(
            status="fetched", reason=None, message=None, final=True, tried_at=at, sha256=sha256,
            tries=media.c.tries + 1,
        )
    )  # fmt: skip


def set_lost(connection: Connection, item: PendingMedia, at: datetime) -> None:
    """Within a transaction that writes: the file went while it was stored; the next run fetches it anew."""
    connection.execute(
        update(media)
        .where(_is(item))
        .values(
            status="failed", reason="network", message="the file was removed while it was stored", final=False,
            tried_at=at,
        )
    )  # fmt: skip


def is_wanted(connection: Connection, item: PendingMedia) -> bool:
    """Whether a post still carries a medium."""
    return connection.scalar(select(media.c.key).where(_is(item))) is not None


def has_picture(connection: Connection, sha256: str) -> bool:
    """Whether the store knows the file."""
    return connection.scalar(select(pictures.c.number).where(pictures.c.sha256 == sha256)) is not None


def add_picture(connection: Connection, picture: NewPicture, near: Sequence[str]) -> None:
    """Within a transaction that writes: add a picture to the group of its near-duplicates.

    Where it is near to several groups they become one, so that groups do not depend on the order of
    arrival; the group with the earliest picture gives the name.

    Args:
        connection: The transaction.
        picture: New to the store.
        near: sha256 of its near-duplicates.
    """
    groups = _groups_with(connection, near)
    if len(groups) > 1:
        for start in range(1, len(groups), _MANY):
            part = pictures.c.group_id.in_(groups[start : start + _MANY])
            connection.execute(update(pictures).where(part).values(group_id=groups[0]))
    last = max(connection.scalar(select(func.max(pictures.c.number))) or 0, _highest_removed(connection))
    values: dict[str, Any] = {
        name: getattr(picture, name) for name in ("sha256", "path", "bytes", "width", "height", "format", "fetched_at")
    }
    if picture.hash is not None:
        values |= {name: getattr(picture.hash, name) for name in ("phash", "dhash", "phash_mirrored", "detail")}
    group = groups[0] if groups else picture.sha256
    connection.execute(insert(pictures).values(number=last + 1, group_id=group, **values))


def keep_highest(connection: Connection, sha256s: Sequence[str]) -> None:
    """Within a transaction that writes, before pictures are removed: their numbers are not given again.

    Other processes know by the number which pictures they have seen.
    """
    highest = connection.scalar(select(func.max(pictures.c.number)).where(pictures.c.sha256.in_(sha256s))) or 0
    if highest > _highest_removed(connection):
        connection.execute(delete(counters).where(counters.c.name == _REMOVED))
        connection.execute(insert(counters).values(name=_REMOVED, value=highest))


def _highest_removed(connection: Connection) -> int:
    return connection.scalar(select(counters.c.value).where(counters.c.name == _REMOVED)) or 0


def hashes_after(connection: Connection, number: int) -> Iterator[StoredHashes]:
    """Hashes of the pictures that were stored after the one with a number, in their order, many at a time."""
    import numpy as np

    from quakelens.duplicates import Hashes

    bits = [
        type_coerce(column, BigInteger) for column in (pictures.c.phash, pictures.c.dhash, pictures.c.phash_mirrored)
    ]
    query = (
        select(pictures.c.number, pictures.c.sha256, *bits, pictures.c.detail)
        .where(pictures.c.number > number)
        .order_by(pictures.c.number)
    )
    rows = connection.execute(query.execution_options(yield_per=_AT_ONCE))
    for part in rows.partitions():
        hashed = [row for row in part if row[2] is not None]
        # As signed numbers, which the database has them as: turning each into an unsigned one takes seconds.
        phash, dhash, mirrored = (np.array([row[at] for row in hashed], np.int64).view(np.uint64) for at in (2, 3, 4))
        detail = np.array([row[5] for row in hashed], np.float64)
        yield StoredHashes(part[-1][0], [row[1] for row in hashed], Hashes(phash, dhash, mirrored, detail))


def count_media(store: Store, key: str) -> MediaCounts:
    """Count the media of an earthquake's posts."""
    own = own_media(key)
    with store.read() as connection:
        statuses = connection.execute(select(own.c.status, func.count()).select_from(own).group_by(own.c.status))
        by_status = {str(row[0]): int(row[1]) for row in statuses}
        groups = connection.scalar(
            select(func.count(pictures.c.group_id.distinct())).join(own, own.c.sha256 == pictures.c.sha256)
        )
        reasons = connection.execute(
            select(own.c.reason, func.count())
            .where(own.c.status == "failed")
            .group_by(own.c.reason)
            .order_by(func.count().desc(), own.c.reason)
        ).all()
        return MediaCounts(
            media=sum(by_status.values()),
            fetched=by_status.get("fetched", 0),
            failed=by_status.get("failed", 0),
            groups=groups or 0,
            reasons=tuple((str(row[0]), int(row[1])) for row in reasons),
        )


def own_media(key: str) -> Any:
    """Subquery: the media of an earthquake's posts, each once, those of its look-back left out."""
    return (
        select(media)
        .join(post_media, (post_media.c.source == media.c.source) & (post_media.c.media_key == media.c.key))
        .join(
            earthquake_posts,
            (earthquake_posts.c.source == post_media.c.source) & (earthquake_posts.c.post_id == post_media.c.post_id),
        )
        .where(earthquake_posts.c.earthquake == key, earthquake_posts.c.lookback.is_(False))
        .distinct()
        .subquery("own_media")
    )


def carried(key: str, *, lookback: bool | None = None) -> ColumnElement[bool]:
    """Of a row of `media`: whether a post of an earthquake carries it; of its look-back or not, None for either.

    Looked up from the medium on, so quick for few media, however many posts there are.
    """
    return exists(
        select(post_media.c.post_id).where(
            post_media.c.source == media.c.source,
            post_media.c.media_key == media.c.key,
            of_earthquake(key, lookback=lookback),
        )
    )


def of_earthquake(key: str, *, lookback: bool | None = None) -> ColumnElement[bool]:
    """Of a row of `post_media`: whether its post is an earthquake's; `lookback` as in `carried`."""
    return exists(
        select(earthquake_posts.c.post_id).where(
            earthquake_posts.c.earthquake == key,
            earthquake_posts.c.source == post_media.c.source,
            earthquake_posts.c.post_id == post_media.c.post_id,
            true() if lookback is None else earthquake_posts.c.lookback.is_(lookback),
        )
    )


def _groups_with(connection: Connection, shas: Sequence[str]) -> list[str]:
    """Groups of some pictures, the one with the earliest picture first."""
    found: dict[str, int] = {}
    for start in range(0, len(shas), _MANY):
        groups = select(pictures.c.group_id).where(pictures.c.sha256.in_(shas[start : start + _MANY]))
        found.update(
            (str(row[0]), int(row[1]))
            for row in connection.execute(
                select(pictures.c.group_id, func.min(pictures.c.number))
                .where(pictures.c.group_id.in_(groups))
                .group_by(pictures.c.group_id)
            )
        )
    return sorted(found, key=found.__getitem__)


def _is(item: PendingMedia) -> Any:
    return (media.c.source == item.source) & (media.c.key == item.key)
