"""Heat maps: Grad-CAM of the logit on the last features, without a backward pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEATMAP_SIZE = 112
"""Pixels of a side; the evidence is coarser, so more would only be interpolation."""


def grad_cam(evidence: NDArray[np.float32]) -> NDArray[np.float32]:
    """The positive evidence from 0 at its smallest to 1 at its largest, as pytorch-grad-cam scales its maps.

    Where every cell speaks for damage, the least of them becomes 0: the map shows where the evidence is strongest,
    not how strong it is.

    Args:
        evidence: `(h, w) float32`, what each cell adds to the logit (see `quakelens.model.network`).

    Returns:
        `(h, w) float32`; all 0 where nothing speaks for damage, or every cell alike.
    """
    positive = np.maximum(evidence, 0)
    above: NDArray[np.float32] = positive - positive.min()
    return above / max(float(above.max()), float(np.finfo(np.float32).tiny))


def heatmap_of(evidence: NDArray[np.float32], size: int = HEATMAP_SIZE) -> NDArray[np.uint8]:
    """Grad-CAM as a picture: interpolated, then scaled to 255 at its largest.

    Args:
        evidence: `(h, w) float32`, what each cell adds to the logit.
        size: Pixels of a side of the result.

    Returns:
        `(size, size) uint8`; all 0 where nothing speaks for damage, or every cell alike.
    """
    cells = Image.fromarray(grad_cam(evidence))
    smooth = grad_cam(np.asarray(cells.resize((size, size), Image.Resampling.BILINEAR)))
    scaled: NDArray[np.uint8] = np.rint(smooth * 255).astype(np.uint8)
    return scaled
