"""Stage `evaluate`: figures and plots on the held-out earthquakes, and by cross-validation beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quakelens import params as sections
from quakelens.evaluation.metrics import figures
from quakelens.evaluation.plots import draw_all
from quakelens.evaluation.tables import read_predictions, write_predictions
from quakelens.files import write_json
from quakelens.model.decisions import probability_of
from quakelens.model.heads import HEADS, read_heads
from quakelens.model.looks import logits_of
from quakelens.stages.features import read_looks
from quakelens.stages.pictures import predictions_of, read_pictures
from quakelens.stages.train import OUT_OF_FOLD, read_decisions

METRICS = "metrics.json"
PREDICTIONS = "predictions.csv"
PLOTS = "plots"


def run(
    prepared: Path,
    features: Path,
    trained: Path,
    labelled: Path,
    out: Path,
    evaluation: sections.Evaluation,
) -> dict[str, Any]:
    """Judge the trained heads; returns what metrics.json holds.

    `held_out` are figures on earthquakes and sources that had no part in training, calibration or
    thresholds. `cross_validation` are figures on the training pictures by heads that had not seen their
    fold; calibration and thresholds were chosen on these same predictions, so the held-out figures count.

    Raises:
        DataError: No picture is held out.
        PipelineError: An earlier stage has not run.
    """
    pictures = [picture for picture in read_pictures(prepared) if picture.split == "held_out"]
    decisions = read_decisions(trained)
    heads = read_heads(trained / HEADS)
    values = {name: found.of(pictures) for name, found in read_looks(features, list(heads)).items()}
    logits = logits_of(values, heads, decisions.second_look_from)
    probability = probability_of(logits, decisions.calibration)
    held_out = predictions_of(pictures, probability, decisions.thresholds)
    options = {"bootstrap": evaluation.bootstrap, "seed": evaluation.seed}
    threshold = decisions.thresholds.damaged
    result = {
        "held_out": figures(held_out, threshold, **options),
        "cross_validation": figures(read_predictions(trained / OUT_OF_FOLD), threshold, **options),
    }
    paths = {picture.sha256: labelled / picture.path for picture in pictures}
    draw_all(held_out, paths, out / PLOTS, worst=evaluation.worst)
    write_predictions(out / PREDICTIONS, held_out)
    write_json(out / METRICS, result)
    return result
