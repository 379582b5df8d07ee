"""From logits to probabilities that mean what they say, and how far they are from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quakelens.errors import DataError
from quakelens.model.bundle import Calibration
from quakelens.model.decisions import probability_of

BINS = 15
"""Of the expected calibration error, as in Guo et al., "On Calibration of Modern Neural Networks" (2017)."""


@dataclass(frozen=True, slots=True)
class Platt:
    """Platt scaling: probability = 1 / (1 + exp(-(a * logit + b))), with a > 0 so that ranks stay."""

    a: float
    b: float

    def apply(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities, 0 to 1, in the logits' shape; by the function that the deployed model uses."""
        return probability_of(np.asarray(logits), Calibration(a=self.a, b=self.b))


def fit_platt(logits: NDArray[Any], label: NDArray[np.bool_], weights: NDArray[Any] | None = None) -> Platt:
    """Fit Platt scaling on logits of pictures that the model was not trained on.

    Targets are smoothed as Platt did ("Probabilistic Outputs for Support Vector Machines", 1999):
    (N+ + 1) / (N+ + 2) for damaged and 1 / (N- + 2) for others, so that a perfect separation does not
    lead to certainty. The probabilities hold at the mix of classes that the (weighted) pictures have.

    Args:
        logits: `(n,)`, out-of-fold.
        label: `(n,) bool`, True for damaged.
        weights: `(n,)`, 0 or more, only their ratios matter; None: all equal.

    Raises:
        DataError: Lengths differ, a value is not finite, a class is missing, or higher logits do not go
            with damage (a would be 0 or less).
    """
    x = np.asarray(logits, dtype=np.float64)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    _check(x, label, w)
    w = w * (np.count_nonzero(w) / w.sum())  # on the scale of counts, for the smoothing
    positives, negatives = w[label].sum(), w[~label].sum()
    target = np.where(label, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    if np.ptp(x[w > 0]) == 0:
        raise DataError("all logits are equal: the model tells no pictures apart, train it on other data")
    a, b = _logistic(x, target, w)
    if not a > 0:
        raise DataError(
            f"higher logits do not go with damage (slope {a:.3g}): the model ranks held-out pictures no "
            "better than chance; check the labels and add pictures"
        )
    return Platt(a, b)


def weights_at(prevalence: float, label: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights `(n,)`, mean 1, by which this share of the pictures is damaged.

    Probabilities that are calibrated with them mean the same whatever mix of pictures was at hand.

    Raises:
        DataError: A class is missing.
    """
    positives = int(label.sum())
    if positives in (0, len(label)):
        raise DataError(f"of {len(label)} pictures {positives} are damaged: calibration needs both classes")
    share = np.where(label, prevalence / positives, (1 - prevalence) / (len(label) - positives))
    return np.asarray(share * len(label), dtype=np.float64)


def expected_calibration_error(probability: NDArray[np.float64], label: NDArray[np.bool_], bins: int = BINS) -> float:
    """Mean distance between the probability of "damaged" and the share of damaged, over equal-mass bins.

    Each of the bins holds about the same number of pictures; equal probabilities always share a bin. The
    result is 0 to 1, in the mix of classes at hand.

    Raises:
        DataError: There is no picture.
    """
    if len(probability) == 0:
        raise DataError("the calibration error of no pictures is not defined")
    bin_of = equal_mass_bins(probability, bins)
    gap = np.bincount(bin_of, weights=probability - label, minlength=bins)
    return float(np.abs(gap).sum() / len(probability))


def equal_mass_bins(probability: NDArray[np.float64], bins: int) -> NDArray[np.intp]:
    """The bin, 0 to bins - 1, of each picture: by rank, with equal values at their middle rank."""
    _, group, counts = np.unique(probability, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    return np.asarray((middle * bins / len(probability)).astype(np.intp)[group])


def _logistic(x: NDArray[np.float64], target: NDArray[np.float64], w: NDArray[np.float64]) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    # Scikit-learn takes no soft targets: each picture enters as both classes, weighted by its target.
    scale = float(np.abs(x).max())
    both = np.concatenate([x, x])[:, None] / scale
    classes = np.repeat([1, 0], len(x))
    shares = np.concatenate([w * target, w * (1 - target)])
    fit = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8, max_iter=1000)
    fit.fit(both, classes, sample_weight=shares)
    return float(fit.coef_[0, 0]) / scale, float(fit.intercept_[0])


def _check(x: NDArray[np.float64], label: NDArray[np.bool_], w: NDArray[np.float64]) -> None:
    if not len(x) == len(label) == len(w):
        raise DataError(f"{len(x)} logits, {len(label)} labels and {len(w)} weights do not fit together")
    if label.dtype != np.bool_:
        raise DataError(f"labels must be bool (True for damaged), not {label.dtype}")
    if not (np.isfinite(x).all() and np.isfinite(w).all() and (w >= 0).all()):
        raise DataError("logits must be finite and weights finite and not negative")
    for name, members in (("damaged", label), ("not_damaged", ~label)):
        if w[members].sum() <= 0:
            raise DataError(f"calibration needs pictures of both classes: none is {name}")
