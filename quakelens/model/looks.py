"""Two looks at a picture: a fast one at every picture, a second at those that may show damage.

Most pictures of a harvest show no damage and are told apart with ease. The second look is shown the picture in
another way, or to another backbone, errs on other pictures, and makes the heat map; it costs more and is taken of few.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quakelens.model.bundle import FIRST, SECOND
from quakelens.model.training import Head


def combine(
    first: NDArray[np.floating[Any]], second: NDArray[np.floating[Any]] | None, second_look_from: float | None
) -> NDArray[np.float64]:
    """The logits `(N,)` that decide.

    Args:
        first: Of the first look, `(N,)`.
        second: Of the second look, `(N,)`, NaN where there was none; read only where the first is at least
            `second_look_from`.
        second_look_from: See `Manifest`; None if there is no second look.

    Returns:
        The mean of both where the second look counts, else the first.
    """
    logits = np.array(first, dtype=np.float64)
    if second is not None and second_look_from is not None:
        again = (logits >= second_look_from) & ~np.isnan(second)
        logits[again] = (logits[again] + np.asarray(second, dtype=np.float64)[again]) / 2
    return logits


def logits_of(
    values: Mapping[str, NDArray[np.float32]], heads: Mapping[str, Head], second_look_from: float | None
) -> NDArray[np.float64]:
    """The logits `(N,)` that decide, from the mean features `(N, channels)` of each look."""
    logits = {name: head.logits(values[name]) for name, head in heads.items()}
    return combine(logits[FIRST], logits.get(SECOND), second_look_from)


def choose_second_look_from(first: NDArray[np.floating[Any]], damaged: NDArray[np.bool_], miss_rate: float) -> float:
    """The largest logit of the first look below which at most this share of the damaged pictures lies.

    Args:
        first: Out-of-fold logits, `(N,)`, finite.
        damaged: `(N,) bool`, at least one True.
        miss_rate: 0 to 1.
    """
    own = np.sort(np.asarray(first, dtype=np.float64)[damaged])
    return float(own[min(int(miss_rate * len(own) + 1e-9), len(own) - 1)])
