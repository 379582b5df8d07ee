"""Stage `export`: the whole model in one folder, ready to be registered."""

from __future__ import annotations

import json
from pathlib import Path

from quakelens import params as sections
from quakelens.model.assemble import assemble
from quakelens.model.bundle import Manifest
from quakelens.model.heads import HEADS, read_heads
from quakelens.stages.evaluate import METRICS
from quakelens.stages.looks import look_of
from quakelens.stages.train import read_decisions

SUMMARY = (
    "n", "positives", "auc", "auc_ci", "average_precision", "average_precision_ci",
    "precision", "recall", "f1", "accuracy", "precision_at_prevalence", "ece",
)  # fmt: skip


def run(trained: Path, evaluated: Path, out: Path, model: sections.Model) -> Manifest:
    """Assemble backbones, heads, calibration and thresholds into a bundle.

    Raises:
        ModelError: A head does not fit its backbone.
    """
    heads, decisions = read_heads(trained / HEADS), read_decisions(trained)
    held_out = json.loads((evaluated / METRICS).read_text(encoding="utf-8"))["held_out"]
    manifest = Manifest(
        looks={name: look_of(look, len(heads[name].weight)) for name, look in model.looks.items()},
        second_look_from=decisions.second_look_from,
        calibration=decisions.calibration,
        thresholds=decisions.thresholds,
        trained_on=decisions.trained_on,
        figures={
            "held_out": {key: held_out[key] for key in SUMMARY},
            "held_out_earthquakes": sorted(held_out["earthquakes"]),
        },
    )
    return assemble(out, manifest, heads)
