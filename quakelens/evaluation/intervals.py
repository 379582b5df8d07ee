"""Uncertainty of figures: Wilson intervals of shares, and a stratified bootstrap without Python loops."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
_BLOCK = 4_000_000
"""Weights held in memory at once, 32 MB."""


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of the share `hits / n`; 0 to 1 where n is 0."""
    if n == 0:
        return (0.0, 1.0)
    from scipy.stats import binomtest  # type: ignore[import-untyped]

    low, high = binomtest(int(hits), int(n)).proportion_ci(LEVEL, method="wilson")
    return (float(low), float(high))


def percentile_interval(samples: NDArray[np.float64]) -> tuple[float, float] | None:
    """The 2.5th and 97.5th percentile of the samples that are defined; None where none is.

    Args:
        samples: `(resamples,) float64`, NaN where the figure is undefined in a resample.
    """
    defined = samples[np.isfinite(samples)]
    if defined.size == 0:
        return None
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(defined, [tail, 100 - tail])
    return (float(low), float(high))


def resamples(label: NDArray[np.bool_], count: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Draw bootstrap resamples, stratified by class, as how often each picture was drawn.

    Yields:
        Blocks `(b, n) float64` that add up to `count` rows. In every row the weights of each class add up
        to the number of pictures of that class.
    """
    n = len(label)
    size = max(1, _BLOCK // max(n, 1))
    for start in range(0, count, size):
        rows = min(size, count - start)
        weights = np.zeros((rows, n))
        for members in (np.flatnonzero(label), np.flatnonzero(~label)):
            if not len(members):
                continue
            drawn = rng.integers(0, len(members), size=(rows, len(members)))
            drawn += np.arange(rows)[:, None] * len(members)
            counts = np.bincount(drawn.ravel(), minlength=rows * len(members))
            weights[:, members] = counts.reshape(rows, len(members))
        yield weights


def weighted_ranking(
    probability: NDArray[np.float64], label: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AUC and average precision of many weightings at once.

    The same figures as scikit-learn's `roc_auc_score` and `average_precision_score` with `sample_weight`,
    which take one weighting a call: a thousand resamples took seconds with them, tenths of one here.

    Args:
        probability: `(n,)`; pictures of equal probability share one step of both curves.
        label: `(n,) bool`.
        weights: `(b, n)`, 0 or more.

    Returns:
        AUC and average precision, each `(b,) float64`; NaN where a class has no weight.
    """
    order = np.argsort(-probability, kind="stable")
    ranked = probability[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    ordered = weights[:, order]
    hits = np.cumsum(ordered * label[order], axis=1)[:, ends]
    alarms = np.cumsum(ordered, axis=1)[:, ends] - hits
    new_hits = np.diff(hits, axis=1, prepend=0)
    new_alarms = np.diff(alarms, axis=1, prepend=0)
    positives, negatives = hits[:, -1], alarms[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        # A damaged picture outranks the others below its step, and half of those on it.
        below = negatives[:, None] - alarms + new_alarms / 2
        auc = (new_hits * below).sum(axis=1) / (positives * negatives)
        precision = np.where(new_hits > 0, hits / (hits + alarms), 0)
        average_precision = (new_hits * precision).sum(axis=1) / positives
    undefined = (positives == 0) | (negatives == 0)
    auc[undefined] = np.nan
    average_precision[undefined] = np.nan
    return auc, average_precision
