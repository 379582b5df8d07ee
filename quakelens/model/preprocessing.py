"""From a decoded picture to what the network takes; one function for training and for inference."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict

GREY = (127, 127, 127)
"""Padding colour: near the mean of the backbones' input, so that it carries no evidence."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as fractions of the upright picture."""


class Preprocessing(BaseModel):
    """How a picture is brought to `size` x `size` pixels; saved with the model.

    `crop` scales the shorter side to `size` and takes the centre; `pad` fits the whole picture on grey;
    `squash` ignores the aspect ratio.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int
    resize: Literal["crop", "pad", "squash"]

    def apply(self, image: Image.Image) -> NDArray[np.uint8]:
        """Bring an upright RGB picture to `(size, size, 3) uint8`, RGB order."""
        size = self.size
        if self.resize == "squash":
            return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
        if self.resize == "crop":
            side = min(image.size)
            left, top = (image.width - side) / 2, (image.height - side) / 2
            box = (left, top, left + side, top + side)
            return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box))
        scale = size / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        canvas = Image.new("RGB", (size, size), GREY)
        scaled = image.resize((width, height), Image.Resampling.BILINEAR)
        canvas.paste(scaled, ((size - width) // 2, (size - height) // 2))
        return np.asarray(canvas)

    def seen(self, width: int, height: int) -> Box:
        """The part of a picture of `width` x `height` pixels that `apply` shows the network.

        Fractions below 0 or above 1 are padding.
        """
        if self.resize == "squash":
            return (0.0, 0.0, 1.0, 1.0)
        side = min(width, height) if self.resize == "crop" else max(width, height)
        x, y = side / width / 2, side / height / 2
        return (0.5 - x, 0.5 - y, 0.5 + x, 0.5 + y)
