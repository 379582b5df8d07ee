"""Scoring an earthquake's pictures: one of each near-duplicate group, once for a version of the model."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from quakelens.depot import Depot, as_depot
from quakelens.errors import ImageError
from quakelens.harvest.archive import safe_name
from quakelens.harvest.stream import Stream
from quakelens.images import read_bytes
from quakelens.store import Store, earthquakes
from quakelens.store import scores as rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from quakelens.engine.engine import Verdict


GATHER_S = 0.2
"""How long a picture waits for others: a batch costs little more than one picture."""

_LOOK_UP = 500
"""Pictures that are looked up at once."""

_LOOK_AT_ALL_S = 60.0
"""How often everything is looked through while pictures come."""


class Scorer(Protocol):
    """What is needed of `quakelens.engine.engine.Engine`."""

    version: str

    def score(self, pictures: Sequence[bytes], *, heatmaps: bool = False) -> list[Verdict]:
        """One verdict a picture, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class ScoringResult:
    """What the model said of an earthquake's pictures, near-duplicates counted once.

    Attributes:
        scored: That have a decision of this version of the model.
        flagged: Of them, damaged or unsure.
        errors: That could not be read.
        new: Pictures that this run scored, unreadable ones too.
    """

    scored: int
    flagged: int
    errors: int
    new: int


def score_pending(
    store: Store,
    earthquake_id: str,
    engine: Scorer,
    media_dir: Path | Depot,
    heatmaps_dir: Path | Depot,
    *,
    groups: Collection[str] | None = None,
    batch_size: int = 32,
    gather_s: float = GATHER_S,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    pictures: Stream | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> ScoringResult:
    """Score what this version of the model has not scored yet, a transaction a batch.

    The heat map is on the disk before its row is in the store, so a row never names a missing file.
    Where the first picture of a group cannot be read, its next one is scored.

    Args:
        store: Knows the pictures.
        earthquake_id: Any id of the earthquake.
        engine: The model.
        media_dir: Where the pictures lie; of a path the folder.
        heatmaps_dir: Gets `<version>/<sha256[:2]>/<sha256>.png`, 8-bit grey.
        groups: Ids of the only near-duplicate groups to be scored; None for all.
        batch_size: Pictures at once, at most.
        gather_s: Seconds that a picture waits for others to fill its batch.
        clock: The present, UTC, for `scored_at`.
        pictures: Says which pictures came; they are scored as they come, until it ends. None: all are there.
        on_batch: Called after each batch with the number of pictures so far.

    Raises:
        ModelError: The model cannot be used at all.
        Interrupted: `pictures` was interrupted.
    """
    key = earthquakes.get(store, earthquake_id).key
    media, heatmaps = as_depot(media_dir), as_depot(heatmaps_dir)
    coming = pictures or Stream(ended=True)
    new, among, looked = 0, None, time.monotonic()
    while True:
        ended = coming.ended and among is None  # then this is the last look, at everything
        for batch in _pending(store, key, engine.version, groups, among, batch_size):
            coming.check()
            for lost in rows.add_scores(store, _score(batch, engine, media, heatmaps, clock)):
                if lost.heatmap is not None:  # its post was removed meanwhile
                    heatmaps.delete(lost.heatmap)
            new += len(batch)
            if on_batch is not None:
                on_batch(new)
        if ended:
            break
        among = coming.gather(batch_size, gather_s)
        coming.check()
        # A post of the look-back that turns out to be one of the earthquake's brings no picture anew.
        if not among or time.monotonic() - looked > _LOOK_AT_ALL_S:
            among, looked = None, time.monotonic()
    counts = rows.count_scores(store, key, engine.version)
    return ScoringResult(counts.scored, counts.flagged, counts.errors, new)


def _pending(
    store: Store, key: str, version: str, groups: Collection[str] | None, among: Sequence[str] | None, batch_size: int
) -> Iterator[Sequence[rows.Unscored]]:
    """Batches until nothing is left, the groups of some pictures only or all."""
    parts = [None] if among is None else [among[at : at + _LOOK_UP] for at in range(0, len(among), _LOOK_UP)]
    for part in parts:
        while found := rows.unscored(store, key, version, groups, among=part, limit=_LOOK_UP):
            for start in range(0, len(found), batch_size):
                yield found[start : start + batch_size]


def _score(
    batch: Sequence[rows.Unscored],
    engine: Scorer,
    media: Depot,
    heatmaps: Depot,
    clock: Callable[[], datetime],
) -> list[rows.Score]:
    readable: list[bytes] = []
    errors: dict[str, str] = {}
    for picture in batch:
        try:
            readable.append(read_bytes(media.file(picture.path)))
        except ImageError as error:
            errors[picture.sha256] = f"{error.reason}: {error}"
    verdicts = iter(engine.score(readable, heatmaps=True) if readable else [])
    scored = []
    for picture in batch:
        if picture.sha256 in errors:
            why = errors[picture.sha256]
            scored.append(rows.Score(picture.sha256, engine.version, None, None, None, None, clock(), why))
            continue
        verdict = next(verdicts)
        heatmap = None
        if verdict.heatmap is not None:
            heatmap = f"{safe_name(engine.version)}/{picture.sha256[:2]}/{picture.sha256}.png"
            _keep_heatmap(heatmaps, heatmap, verdict.heatmap)
        scored.append(
            rows.Score(
                picture.sha256, engine.version, verdict.probability, verdict.decision, heatmap,
                verdict.box, clock(), verdict.error,
            )
        )  # fmt: skip
    return scored


def _keep_heatmap(heatmaps: Depot, name: str, values: NDArray[np.uint8]) -> None:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(values).save(file, format="PNG", optimize=True)
    heatmaps.put(name, file.getvalue())
