"""The two thresholds that turn a probability into damaged, not damaged or unsure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quakelens import params
from quakelens.errors import DataError
from quakelens.model.decisions import decide

__all__ = ["Thresholds", "choose_thresholds", "decide", "precision_at"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """At or above `damaged`: damaged; below `not_damaged`: not damaged; between them: unsure.

    Attributes:
        damaged: A probability.
        not_damaged: A probability, `damaged` at most.
        expected: What the pictures they were chosen on promise: `precision` (at `prevalence`), `recall`,
            `false_positive_rate` (smoothed), `miss_rate`, `unsure_share`, and `reached`, False if no
            threshold reaches the wanted precision.
    """

    damaged: float
    not_damaged: float
    expected: dict[str, Any]


def precision_at(prevalence: float, recall: Any, false_positive_rate: Any) -> Any:
    """Precision where this share of the pictures shows damage: by Bayes' rule, elementwise.

    NaN where nothing would be flagged.
    """
    right = np.asarray(recall, dtype=np.float64) * prevalence
    wrong = np.asarray(false_positive_rate, dtype=np.float64) * (1 - prevalence)
    with np.errstate(invalid="ignore"):
        return right / (right + wrong)


def choose_thresholds(
    probability: NDArray[np.float64], label: NDArray[np.bool_], decision: params.Decision
) -> Thresholds:
    """Choose both thresholds on pictures that the model was not trained on.

    `damaged` is the smallest threshold whose precision at `decision.prevalence` is at least
    `decision.precision`. The false-positive rate in it is smoothed by one, (FP + 1) / (N- + 2): where damage
    is rare, a handful of pictures without a false alarm proves nothing. If no threshold reaches the wanted
    precision, the one with the highest is taken and `expected["reached"]` is False.

    `not_damaged` is the largest threshold below which at most `decision.miss_rate` of the damaged pictures
    fall, or `damaged` if that is smaller.

    Both lie halfway between two probabilities that occur, so that another backend's rounding flips nothing.

    Args:
        probability: `(n,)`, calibrated, out-of-fold, 0 to 1.
        label: `(n,) bool`, True for damaged.
        decision: What is wanted, from params.yaml.

    Raises:
        DataError: Lengths differ, a probability is not in 0 to 1, or a class is missing.
    """
    p = np.asarray(probability, dtype=np.float64)
    _check(p, label)
    positives, negatives = np.sort(p[label]), np.sort(p[~label])
    candidates = np.unique(p)
    recall = 1 - np.searchsorted(positives, candidates) / len(positives)
    alarms = len(negatives) - np.searchsorted(negatives, candidates)
    false_positive_rate = (alarms + 1) / (len(negatives) + 2)
    precision = precision_at(decision.prevalence, recall, false_positive_rate)

    good = np.flatnonzero(precision >= decision.precision)
    chosen = int(good[0]) if len(good) else int(np.argmax(precision))
    missed = min(int(np.floor(decision.miss_rate * len(positives) + 1e-9)), len(positives) - 1)
    lowest = min(int(np.searchsorted(candidates, positives[missed])), chosen)
    damaged, not_damaged = _below(candidates, chosen), _below(candidates, lowest)
    expected = {
        "precision": float(precision[chosen]),
        "prevalence": decision.prevalence,
        "recall": float(recall[chosen]),
        "false_positive_rate": float(false_positive_rate[chosen]),
        "miss_rate": float(np.mean(positives < not_damaged)),
        "unsure_share": float(np.mean((p >= not_damaged) & (p < damaged))),
        "reached": bool(len(good)),
    }
    return Thresholds(damaged, not_damaged, expected)


def _below(candidates: NDArray[np.float64], position: int) -> float:
    """Halfway from a candidate down to the next; the lowest candidate itself."""
    value = float(candidates[position])
    if position == 0:
        return value
    middle = (value + float(candidates[position - 1])) / 2
    return middle if middle > candidates[position - 1] else value  # two neighbouring floats


def _check(p: NDArray[np.float64], label: NDArray[np.bool_]) -> None:
    if p.shape != label.shape or p.ndim != 1:
        raise DataError(f"{p.shape} probabilities and {label.shape} labels do not fit together")
    if label.dtype != np.bool_:
        raise DataError(f"labels must be bool (True for damaged), not {label.dtype}")
    if not ((p >= 0) & (p <= 1)).all():
        raise DataError("thresholds need probabilities in 0 to 1: apply the calibration first")
    for name, members in (("damaged", label), ("not_damaged", ~label)):
        if not members.any():
            raise DataError(f"thresholds need pictures of both classes: none is {name}")
