"""What is chosen on out-of-fold logits: which pictures get a second look, the calibration, the thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from quakelens import params
from quakelens.evaluation.calibration import fit_platt, weights_at
from quakelens.evaluation.thresholds import choose_thresholds
from quakelens.model.bundle import FIRST, SECOND, Calibration, Thresholds
from quakelens.model.decisions import probability_of
from quakelens.model.looks import choose_second_look_from, combine

Logits = Mapping[str, NDArray[np.float64]]
"""Of each look, `(N,)`."""


class Chosen(BaseModel):
    """What a model decides by; `expected` is what the pictures it was chosen on promise of the thresholds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    second_look_from: float | None
    calibration: Calibration
    thresholds: Thresholds
    expected: dict[str, Any]

    def probability(self, logits: Logits) -> NDArray[np.float64]:
        """Calibrated probabilities `(N,)`."""
        return probability_of(combine(logits[FIRST], logits.get(SECOND), self.second_look_from), self.calibration)


def choose(logits: Logits, damaged: NDArray[np.bool_], decision: params.Decision) -> Chosen:
    """Choose on pictures that the model was not trained on.

    Args:
        logits: Finite.
        damaged: `(N,) bool`.
        decision: What is wanted, from params.yaml.

    Raises:
        DataError: A class is missing, or the model ranks the pictures no better than chance.
    """
    limit = None
    if SECOND in logits:
        limit = choose_second_look_from(logits[FIRST], damaged, decision.second_look_miss_rate)
    combined = combine(logits[FIRST], logits.get(SECOND), limit)
    platt = fit_platt(combined, damaged, weights_at(decision.prevalence, damaged))
    calibration = Calibration(a=platt.a, b=platt.b)
    thresholds = choose_thresholds(probability_of(combined, calibration), damaged, decision)
    return Chosen(
        second_look_from=limit,
        calibration=calibration,
        thresholds=Thresholds(damaged=thresholds.damaged, not_damaged=thresholds.not_damaged),
        expected=thresholds.expected,
    )
