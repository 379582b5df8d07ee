"""Scores of the store: one picture of each near-duplicate group, once for each version of the model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, exists, func, select

from quakelens.store.database import Store, insert_new
from quakelens.store.media import carried, own_media
from quakelens.store.tables import media, pictures, scores

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Unscored:
    """A picture to score; `path` is relative to the media folder."""

    sha256: str
    path: str


@dataclass(frozen=True, slots=True)
class Score:
    """What one version of the model said of a picture.

    Attributes:
        heatmap: Path below the heat maps' folder, with forward slashes; None if it is not flagged.
        box: What part of the upright picture the model saw: left, top, right, bottom in 0..1.
        error: Why it could not be scored; then the others are None.
    """

    sha256: str
    model: str
    probability: float | None
    decision: str | None
    heatmap: str | None
    box: Box | None
    scored_at: datetime
    error: str | None


@dataclass(frozen=True, slots=True)
class ScoreCounts:
    """Groups of an earthquake's pictures by decision; `errors` are groups without any readable picture."""

    damaged: int
    unsure: int
    not_damaged: int
    errors: int

    @property
    def scored(self) -> int:
        """Groups that have a decision."""
        return self.damaged + self.unsure + self.not_damaged

    @property
    def flagged(self) -> int:
        """Groups that are damaged or unsure."""
        return self.damaged + self.unsure


def unscored(
    store: Store, key: str, model: str, groups: Collection[str] | None = None, *,
    among: Sequence[str] | None = None, limit: int | None = None,
) -> list[Unscored]:  # fmt: skip
    """What is to be scored next for an earthquake: the first picture of each group without a decision.

    Where that one has an error, it is the next of the group; so ask again until nothing is left.

    Args:
        store: Knows the pictures.
        key: The earthquake's.
        model: Version.
        groups: The only ones to be looked at.
        among: Look only at the groups of these pictures, by sha256: quick, however many others there are.
        limit: No more than so many.
    """
    other, mine = pictures.alias(), scores.alias()
    decided = exists(
        select(mine.c.sha256)
        .join(other, other.c.sha256 == mine.c.sha256)
        .where(other.c.group_id == pictures.c.group_id, mine.c.model == model, mine.c.error.is_(None))
    )
    tried = exists(select(scores.c.sha256).where(scores.c.sha256 == pictures.c.sha256, scores.c.model == model))
    first = (
        select(func.min(pictures.c.number))
        .where(pictures.c.group_id.in_(_groups(key, among)), ~decided, ~tried)
        .group_by(pictures.c.group_id)
        .order_by(func.min(pictures.c.number))
        .limit(limit)
    )
    if groups is not None:
        first = first.where(pictures.c.group_id.in_(groups))
    query = select(pictures.c.sha256, pictures.c.path).where(pictures.c.number.in_(first)).order_by(pictures.c.number)
    with store.read() as connection:
        return [Unscored(*row) for row in connection.execute(query)]


def last_model(store: Store, key: str) -> str | None:
    """The version of the model that scored an earthquake's pictures last; None if none did."""
    query = (
        select(scores.c.model)
        .join(pictures, pictures.c.sha256 == scores.c.sha256)
        .where(pictures.c.group_id.in_(_groups(key)))
        .order_by(scores.c.scored_at.desc(), scores.c.model)
        .limit(1)
    )
    with store.read() as connection:
        found: str | None = connection.scalar(query)
        return found


def add_scores(store: Store, found: Sequence[Score]) -> list[Score]:
    """Add scores in one transaction; one that is there already stays.

    Returns:
        Those of pictures that were removed meanwhile: they are not added.
    """
    with store.write() as connection:
        wanted = [score.sha256 for score in found]
        here = set(connection.scalars(select(pictures.c.sha256).where(pictures.c.sha256.in_(wanted))))
        insert_new(
            connection,
            scores,
            [
                {
                    "sha256": score.sha256, "model": score.model, "probability": score.probability,
                    "decision": score.decision, "heatmap": score.heatmap,
                    "box_left": score.box[0] if score.box else None,
                    "box_top": score.box[1] if score.box else None,
                    "box_right": score.box[2] if score.box else None,
                    "box_bottom": score.box[3] if score.box else None,
                    "scored_at": score.scored_at, "error": score.error,
                }
                for score in found
                if score.sha256 in here
            ],
        )  # fmt: skip
    return [score for score in found if score.sha256 not in here]


def group_scores(store: Store, key: str, model: str) -> dict[str, Score]:
    """By group, what the model said of an earthquake's pictures; an error only where nothing else is."""
    query = (
        select(pictures.c.group_id, scores)
        .join(scores, scores.c.sha256 == pictures.c.sha256)
        .where(pictures.c.group_id.in_(_groups(key)), scores.c.model == model)
        .order_by(pictures.c.number)
    )
    result: dict[str, Score] = {}
    with store.read() as connection:
        for row in connection.execute(query):
            known = result.get(row.group_id)
            if known is not None and known.error is None:
                continue  # groups that became one later can hold two scores: the first counts
            box = (row.box_left, row.box_top, row.box_right, row.box_bottom)
            score = Score(
                row.sha256, row.model, row.probability, row.decision, row.heatmap,
                None if row.box_left is None else box, row.scored_at, row.error,
            )  # fmt: skip
            if known is None or score.error is None:
                result[row.group_id] = score
    return result


def count_scores(store: Store, key: str, model: str) -> ScoreCounts:
    """Count an earthquake's groups by what the model said of them."""
    found = group_scores(store, key, model).values()
    decisions = [score.decision for score in found if score.error is None]
    return ScoreCounts(
        damaged=decisions.count("damaged"),
        unsure=decisions.count("unsure"),
        not_damaged=decisions.count("not_damaged"),
        errors=sum(score.error is not None for score in found),
    )


def _groups(key: str, among: Sequence[str] | None = None) -> Select[tuple[str]]:
    own_pictures = pictures.alias()
    if among is None:
        own = own_media(key)
        return select(own_pictures.c.group_id).join(own, own.c.sha256 == own_pictures.c.sha256)
    mine = exists(select(media.c.key).where(media.c.sha256 == own_pictures.c.sha256, carried(key, lookback=False)))
    return select(own_pictures.c.group_id).where(own_pictures.c.sha256.in_(among), mine)
