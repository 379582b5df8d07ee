"""Stage `export`: the whole model in one folder, ready to be registered."""

from __future__ import annotations

import json
from pathlib import Path

from quakelens import params as sections
from quakelens.model.assemble import assemble
from quakelens.model.bundle import Manifest
from quakelens.model.preprocessing import Preprocessing
from quakelens.stages.evaluate import METRICS
from quakelens.stages.train import read_decisions, read_head

SUMMARY = (
    "n", "positives", "auc", "auc_ci", "average_precision", "average_precision_ci",
    "precision", "recall", "f1", "accuracy", "precision_at_prevalence", "ece",
)  # fmt: skip


def run(trained: Path, evaluated: Path, out: Path, model: sections.Model) -> Manifest:
    """Assemble backbone, head, calibration and thresholds into a bundle.

    Raises:
        ModelError: The head does not fit the backbone.
    """
    head, decisions = read_head(trained), read_decisions(trained)
    held_out = json.loads((evaluated / METRICS).read_text(encoding="utf-8"))["held_out"]
    manifest = Manifest(
        backbone=model.backbone,
        channels=len(head.weight),
        preprocessing=Preprocessing(size=model.pixels, resize=model.resize),
        calibration=decisions.calibration,
        thresholds=decisions.thresholds,
        trained_on=decisions.trained_on,
        figures={
            "held_out": {key: held_out[key] for key in SUMMARY},
            "held_out_earthquakes": sorted(held_out["earthquakes"]),
        },
    )
    return assemble(out, manifest, head.weight, head.bias)
