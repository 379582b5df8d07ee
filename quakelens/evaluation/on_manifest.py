"""A model on a labelled manifest: what `quakelens evaluate` does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quakelens.dataset.manifest import Row, read_manifest
from quakelens.engine import Engine
from quakelens.errors import DataError, ImageError
from quakelens.evaluation.predictions import Predictions
from quakelens.images import read_bytes


@dataclass(frozen=True, slots=True)
class Judged:
    """Predictions on a manifest.

    Attributes:
        predictions: One row a readable picture whose `group` is empty.
        files: Where each is, by sha256.
        unreadable: What could not be used, and why.
        grouped: How many rows stayed out because of their `group`.
    """

    predictions: Predictions
    files: dict[str, Path]
    unreadable: tuple[str, ...]
    grouped: int


def predict(engine: Engine, manifest: Path, on_progress: Callable[[int, int], None] | None = None) -> Judged:
    """Score the pictures of a labelled manifest, each file once.

    Raises:
        DataError: The manifest cannot be read, or no picture of it can.
    """
    read = read_manifest(manifest)
    rows = [row for row in read.rows if not row.group]
    told = [str(problem) for problem in read.problems]
    kept: dict[str, tuple[Row, float, str]] = {}
    files: dict[str, Path] = {}
    for start in range(0, len(rows), engine.batch_size):
        contents: list[tuple[Row, bytes]] = []
        for row in rows[start : start + engine.batch_size]:
            try:
                contents.append((row, read_bytes(manifest.parent / row.image)))
            except ImageError as error:
                told.append(f"line {row.line}: {error}")
        verdicts = engine.score([content for _, content in contents])
        for (row, content), verdict in zip(contents, verdicts, strict=True):
            if verdict.probability is None or verdict.decision is None:
                told.append(f"line {row.line}: {row.image}: {verdict.error}")
                continue
            sha256 = hashlib.sha256(content).hexdigest()
            kept[sha256] = (row, verdict.probability, verdict.decision)
            files[sha256] = manifest.parent / row.image
        if on_progress:
            on_progress(min(start + engine.batch_size, len(rows)), len(rows))
    if not kept:
        raise DataError(f"no picture of {manifest} can be judged: {'; '.join(told[:3]) or 'it is empty'}")
    predictions = Predictions(
        sha256=list(kept),
        label=np.array([row.label == "damaged" for row, _, _ in kept.values()], dtype=np.bool_),
        probability=np.array([probability for _, probability, _ in kept.values()]),
        decision=[decision for _, _, decision in kept.values()],
        event=[row.event for row, _, _ in kept.values()],
        source=[row.source for row, _, _ in kept.values()],
    )
    return Judged(predictions, files, tuple(told), len(read.rows) - len(rows))
