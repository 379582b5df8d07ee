"""Heat maps: Grad-CAM of the logit on the last features, without a backward pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEATMAP_SIZE = 112
"""Pixels of a side; the evidence is coarser, so more would only be interpolation."""


def heatmap_of(evidence: NDArray[np.float32], size: int = HEATMAP_SIZE) -> NDArray[np.uint8]:
    """Grad-CAM as a picture: the positive evidence, scaled to 255 at its largest, interpolated.

    Args:
        evidence: `(h, w) float32`, what each cell adds to the logit (see `quakelens.model.network`).
        size: Pixels of a side of the result.

    Returns:
        `(size, size) uint8`; all 0 where nothing speaks for damage.
    """
    positive = np.maximum(evidence, 0)
    cells = Image.fromarray(positive.astype(np.float32))
    smooth = np.asarray(cells.resize((size, size), Image.Resampling.BILINEAR))
    peak = max(float(smooth.max()), np.finfo(np.float32).tiny)
    scaled: NDArray[np.uint8] = np.rint(smooth / peak * 255).astype(np.uint8)
    return scaled
