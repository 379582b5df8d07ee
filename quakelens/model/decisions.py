"""From a logit to a probability, and from a probability to one of three decisions."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from quakelens.model.bundle import Calibration

Decision = Literal["damaged", "not_damaged", "unsure"]


class HasThresholds(Protocol):
    """Two thresholds on the probability, `not_damaged` at most `damaged`."""

    @property
    def damaged(self) -> float:
        """At or above it: damaged."""

    @property
    def not_damaged(self) -> float:
        """Below it: not damaged."""


def probability_of(logit: NDArray[np.floating[Any]], calibration: Calibration) -> NDArray[np.float64]:
    """Calibrated probabilities of "damaged", 0 to 1, in the logits' shape."""
    calibrated = calibration.a * logit.astype(np.float64) + calibration.b
    return np.asarray(0.5 * (1 + np.tanh(0.5 * calibrated)))  # the logistic function, without overflow


def decide(probability: float, thresholds: HasThresholds) -> Decision:
    """At or above `damaged`: damaged; below `not_damaged`: not damaged; between them: unsure."""
    if probability >= thresholds.damaged:
        return "damaged"
    if probability < thresholds.not_damaged:
        return "not_damaged"
    return "unsure"
