"""A picture with its heat map laid over it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from quakelens.model.preprocessing import Box

STRONGEST_ALPHA = 0.65
"""Opacity where the evidence is strongest; the picture stays recognisable below."""


def overlay(image: Image.Image, heatmap: NDArray[np.uint8], box: Box) -> Image.Image:
    """Lay a heat map `(h, w) uint8` over the part `box` of an upright RGB picture; returns a new picture."""
    from matplotlib import colormaps

    left, top, right, bottom = (
        round(value * side) for value, side in zip(box, (*image.size, *image.size), strict=True)
    )
    strength = Image.new("L", image.size)
    scaled = Image.fromarray(heatmap).resize((right - left, bottom - top), Image.Resampling.BILINEAR)
    strength.paste(scaled, (left, top))
    values = np.asarray(strength)
    colours = Image.fromarray((colormaps["inferno"](values)[..., :3] * 255).astype(np.uint8))
    alpha = Image.fromarray((values * STRONGEST_ALPHA).astype(np.uint8))
    return Image.composite(colours, image, alpha)
