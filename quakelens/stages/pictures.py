"""What the later stages read of the stage `prepare`: one row a labelled picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quakelens.errors import PipelineError
from quakelens.evaluation.predictions import Predictions
from quakelens.model.decisions import HasThresholds, decide

TABLE = "pictures.csv"


@dataclass(frozen=True, slots=True)
class Picture:
    """One labelled picture after `prepare`.

    Attributes:
        sha256: Of the file.
        path: Relative to the folder of labelled data.
        damaged: The label.
        event: An earthquake's slug, or `none` or `unknown`.
        source: Where it comes from.
        split: `train`, `held_out` or `left_out`.
        fold: What is left out together with it in cross-validation; empty outside of training, and if it only helps.
        not_for: Further folds for which it is not learnt from.
    """

    sha256: str
    path: str
    damaged: bool
    event: str
    source: str
    split: str
    fold: str
    not_for: frozenset[str] = frozenset()


def read_pictures(prepared: Path) -> list[Picture]:
    """Read the pictures that are trained on or judged on, without near-duplicates of others.

    Raises:
        PipelineError: The stage `prepare` has not run.
    """
    path = prepared / TABLE
    if not path.is_file():
        raise PipelineError(f"{path} is missing: run `quakelens retrain`, which runs every stage in order")
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Picture(
                sha256=row["sha256"],
                path=row["path"],
                damaged=row["label"] == "damaged",
                event=row["event"],
                source=row["source"],
                split=row["split"],
                fold=row["fold"],
                not_for=frozenset(row["not_for"].split()),
            )
            for row in csv.DictReader(file)
            if row["split"] != "left_out" and not row["duplicate_of"]
        ]


def predictions_of(
    pictures: Sequence[Picture], probability: NDArray[np.float64], thresholds: HasThresholds
) -> Predictions:
    """What a model said of these pictures, `probability` `(N,)` in their order."""
    return Predictions(
        sha256=[picture.sha256 for picture in pictures],
        label=np.array([picture.damaged for picture in pictures], dtype=np.bool_),
        probability=probability,
        decision=[decide(float(value), thresholds) for value in probability],
        event=[picture.event for picture in pictures],
        source=[picture.source for picture in pictures],
    )
