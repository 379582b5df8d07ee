"""How long it took from a post to what the model says of its picture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from quakelens.store.database import Store
from quakelens.store.tables import earthquake_posts, media, pictures, post_media, posts, scores


@dataclass(frozen=True, slots=True)
class Delay:
    """One picture of one post; times are UTC.

    Attributes:
        source: The network.
        post_id: Its id there.
        created_at: When it was posted.
        harvested_at: When its page came.
        decided_at: When the picture was here and it, or one that it repeats, was scored.
        flagged: Whether it is damaged or unsure.
    """

    source: str
    post_id: str
    created_at: datetime
    harvested_at: datetime
    decided_at: datetime
    flagged: bool


def delays(store: Store, key: str, model: str, since: datetime) -> list[Delay]:
    """Of the posts of an earthquake that were harvested since a time, each picture that has a decision."""
    decided = (
        select(
            pictures.c.group_id,
            func.min(scores.c.scored_at).label("scored_at"),
            func.count().filter(scores.c.decision != "not_damaged").label("flags"),
        )
        .join(scores, scores.c.sha256 == pictures.c.sha256)
        .where(scores.c.model == model, scores.c.decision.is_not(None))
        .group_by(pictures.c.group_id)
        .subquery("decided")
    )
    query = (
        select(
            posts.c.source, posts.c.id, posts.c.created_at, posts.c.harvested_at, media.c.tried_at,
            decided.c.scored_at, decided.c.flags,
        )
        .join(
            earthquake_posts,
            (earthquake_posts.c.source == posts.c.source) & (earthquake_posts.c.post_id == posts.c.id),
        )
        .join(post_media, (post_media.c.source == posts.c.source) & (post_media.c.post_id == posts.c.id))
        .join(media, (media.c.source == post_media.c.source) & (media.c.key == post_media.c.media_key))
        .join(pictures, pictures.c.sha256 == media.c.sha256)
        .join(decided, decided.c.group_id == pictures.c.group_id)
        .where(
            earthquake_posts.c.earthquake == key, earthquake_posts.c.lookback.is_(False),
            posts.c.harvested_at >= since,
        )
    )  # fmt: skip
    with store.read() as connection:
        return [
            Delay(
                row.source, row.id, row.created_at, row.harvested_at, max(row.tried_at, row.scored_at),
                row.flags > 0,
            )
            for row in connection.execute(query)
        ]  # fmt: skip
