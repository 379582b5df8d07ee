"""Stage `train`: the heads, who gets a second look, the calibration and the thresholds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from quakelens import params as sections
from quakelens.errors import DataError
from quakelens.evaluation.choosing import Chosen, choose
from quakelens.evaluation.tables import write_predictions
from quakelens.files import write_json
from quakelens.model.bundle import FIRST, TrainedOn
from quakelens.model.heads import HEADS, save_heads
from quakelens.model.training import fit_centred, out_of_fold
from quakelens.stages.features import read_looks
from quakelens.stages.pictures import predictions_of, read_pictures

DECISIONS = "decisions.json"
OUT_OF_FOLD = "out_of_fold.csv"


class Decisions(Chosen):
    """What was chosen, and what the heads have seen."""

    trained_on: TrainedOn


def run(prepared: Path, features: Path, out: Path, params: sections.Params) -> None:
    """Fit a head for each look on the training pictures and choose their decisions on out-of-fold predictions.

    Raises:
        DataError: A class is missing, or too few pictures have out-of-fold predictions.
        PipelineError: An earlier stage has not run.
    """
    pictures = [picture for picture in read_pictures(prepared) if picture.split == "train"]
    values = {name: found.of(pictures) for name, found in read_looks(features, params.model.looks).items()}
    damaged = np.array([picture.damaged for picture in pictures])
    sources = [picture.source for picture in pictures]
    folds, not_for = [picture.fold for picture in pictures], [picture.not_for for picture in pictures]
    learnt = damaged, sources, folds, params.training, not_for
    heads = {name: fit_centred(own, *learnt) for name, own in values.items()}
    left_out = {name: out_of_fold(own, *learnt) for name, own in values.items()}
    judged = np.isfinite(left_out[FIRST])
    if damaged[judged].all() or not damaged[judged].any():
        raise DataError(
            f"the {len(pictures)} training pictures cannot be cross-validated: leaving any earthquake out "
            "leaves one class only. Add a second earthquake with damaged and intact buildings"
        )
    chosen = choose({name: own[judged] for name, own in left_out.items()}, damaged[judged], params.decision)
    trained_on = TrainedOn(
        earthquakes=tuple(sorted({p.event for p in pictures if p.event not in ("none", "unknown")})),
        sources=tuple(sorted(set(sources))),
        pictures=len(pictures),
        damaged=int(damaged.sum()),
    )
    save_heads(out / HEADS, heads)
    write_json(out / DECISIONS, Decisions(**dict(chosen), trained_on=trained_on).model_dump(mode="json"))
    told = [picture for picture, known in zip(pictures, judged, strict=True) if known]
    probability = chosen.probability({name: own[judged] for name, own in left_out.items()})
    write_predictions(out / OUT_OF_FOLD, predictions_of(told, probability, chosen.thresholds))


def read_decisions(trained: Path) -> Decisions:
    """Read the decisions that `run` wrote."""
    return Decisions.model_validate_json((trained / DECISIONS).read_bytes())
