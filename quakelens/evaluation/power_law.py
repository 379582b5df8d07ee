"""How an error falls with the number of training pictures, and how many a wanted one would take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from quakelens.errors import DataError


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """error = factor * count ** -exponent.

    The form is what learning curves of many tasks follow over a middle range (Hestness et al. 2017, Deep Learning
    Scaling is Predictable, Empirically). It knows of no floor, such as wrong labels set: what it promises far outside
    of the counts that it was fitted on is the best case.
    """

    factor: float
    exponent: float

    def error(self, count: float) -> float:
        """The error with so many pictures."""
        return float(self.factor * count**-self.exponent)

    def count_for(self, error: float) -> float:
        """How many pictures this error, above 0, takes; infinite where pictures do not lower it."""
        if self.exponent <= 0:
            return float("inf")
        with np.errstate(over="ignore"):
            return float(np.exp(np.log(self.factor / error) / self.exponent))


def fit_power_law(counts: ArrayLike, errors: ArrayLike) -> PowerLaw:
    """Fit by least squares of the logarithms.

    Args:
        counts: `(n,)`, above 0, at least two different ones.
        errors: `(n,)`, above 0.

    Raises:
        DataError: There are too few counts, or one of the values is 0 or less.
    """
    x, y = np.asarray(counts, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if x.shape != y.shape or len(np.unique(x)) < 2:
        raise DataError("a power law needs errors at two numbers of pictures at least: give more numbers")
    if not ((x > 0) & (y > 0)).all():
        raise DataError("a power law needs numbers of pictures and errors above 0: put a floor under errors of 0")
    slope, start = np.polyfit(np.log(x), np.log(y), 1)
    return PowerLaw(float(np.exp(start)), float(-slope))
