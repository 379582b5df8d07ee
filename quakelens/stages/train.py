"""Stage `train`: the head, its calibration and its thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from quakelens import params as sections
from quakelens.errors import DataError
from quakelens.evaluation.calibration import fit_platt, weights_at
from quakelens.evaluation.tables import write_predictions
from quakelens.evaluation.thresholds import choose_thresholds
from quakelens.files import write_atomically, write_json
from quakelens.model.bundle import Calibration, Thresholds, TrainedOn
from quakelens.model.decisions import probability_of
from quakelens.model.training import Head, fit_centred, out_of_fold
from quakelens.stages.features import OUTPUT as FEATURES
from quakelens.stages.features import read_features
from quakelens.stages.pictures import predictions_of, read_pictures

HEAD = "head.npz"
DECISIONS = "decisions.json"
OUT_OF_FOLD = "out_of_fold.csv"


class Decisions(BaseModel):
    """What is decided on out-of-fold predictions; `expected` is what they promise of the thresholds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calibration: Calibration
    thresholds: Thresholds
    expected: dict[str, Any]
    trained_on: TrainedOn


def run(prepared: Path, features: Path, out: Path, params: sections.Params) -> None:
    """Fit the head on the training pictures and choose its decisions on out-of-fold predictions.

    Raises:
        DataError: A class is missing, or too few pictures have out-of-fold predictions.
        PipelineError: An earlier stage has not run.
    """
    pictures = [picture for picture in read_pictures(prepared) if picture.split == "train"]
    values = read_features(features / FEATURES).of(pictures)
    damaged = np.array([picture.damaged for picture in pictures])
    sources = [picture.source for picture in pictures]
    folds, not_for = [picture.fold for picture in pictures], [picture.not_for for picture in pictures]
    head = fit_centred(values, damaged, sources, folds, params.training, not_for)
    logits = out_of_fold(values, damaged, sources, folds, params.training, not_for)
    judged = np.isfinite(logits)
    if damaged[judged].all() or not damaged[judged].any():
        raise DataError(
            f"the {len(pictures)} training pictures cannot be cross-validated: leaving any earthquake out "
            "leaves one class only. Add a second earthquake with damaged and intact buildings"
        )
    weights = weights_at(params.decision.prevalence, damaged[judged])
    platt = fit_platt(logits[judged], damaged[judged], weights)
    calibration = Calibration(a=platt.a, b=platt.b)
    probability = probability_of(logits, calibration)
    thresholds = choose_thresholds(probability[judged], damaged[judged], params.decision)
    trained_on = TrainedOn(
        earthquakes=tuple(sorted({p.event for p in pictures if p.event not in ("none", "unknown")})),
        sources=tuple(sorted(set(sources))),
        pictures=len(pictures),
        damaged=int(damaged.sum()),
    )
    with write_atomically(out / HEAD) as file:
        np.savez(file, weight=head.weight, bias=np.float64(head.bias))
    decisions = Decisions(
        calibration=calibration,
        thresholds=Thresholds(damaged=thresholds.damaged, not_damaged=thresholds.not_damaged),
        expected=thresholds.expected,
        trained_on=trained_on,
    )
    write_json(out / DECISIONS, decisions.model_dump(mode="json"))
    left_out = [picture for picture, known in zip(pictures, judged, strict=True) if known]
    write_predictions(out / OUT_OF_FOLD, predictions_of(left_out, probability[judged], thresholds))


def read_head(trained: Path) -> Head:
    """Read what `run` wrote; pickle is not allowed."""
    with np.load(trained / HEAD, allow_pickle=False) as saved:
        return Head(saved["weight"], float(saved["bias"]))


def read_decisions(trained: Path) -> Decisions:
    """Read the decisions that `run` wrote."""
    return Decisions.model_validate_json((trained / DECISIONS).read_bytes())
