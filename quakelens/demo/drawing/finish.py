"""From a clean drawing to something that a phone could have taken: haze, rain, blur, noise, a mark."""

from __future__ import annotations

from functools import lru_cache
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from quakelens.demo.drawing.colour import Colour
from quakelens.demo.drawing.town import Town

MARK = "drawn sample"
HAZE, MIDDLE = 208.0, 118.0
"""Grey levels: of haze, and the one that contrast leaves as it is."""

_TILE = 1024


@lru_cache(maxsize=1)
def _textures() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Two fixed (1024, 1024) tiles of mean 0 and deviation 1: blotches of all sizes, and fine grain."""
    rng = np.random.default_rng(1024)
    blotches = np.zeros((_TILE, _TILE), np.float32)
    for cells in (16, 64, 256, 512):
        small = rng.standard_normal((cells, cells)).astype(np.float32)
        layer = Image.fromarray(small).resize((_TILE, _TILE), Image.Resampling.BICUBIC)
        blotches += np.asarray(layer, np.float32)
    blotches /= blotches.std()
    return blotches, rng.standard_normal((_TILE, _TILE)).astype(np.float32)


def _crop(tile: NDArray[np.float32], width: int, height: int, rng: Random) -> NDArray[np.float32]:
    x, y = rng.randint(0, _TILE - width), rng.randint(0, _TILE - height)
    return tile[y : y + height, x : x + width]


def photograph(image: Image.Image, town: Town, rng: Random, *, size: tuple[int, int], dust: float = 0.0) -> Image.Image:
    """Turn a drawing into a photograph of `size` pixels; `dust` is 0 to 1."""
    image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    if dust > 0:
        _blow_dust(image, town.rubble, dust, rng)
    if rng.random() < town.rain:
        _rain(image, rng)
    if rng.random() < 0.25:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.5)))
    width, height = size
    blotches, grain = _textures()
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    gain = 1.0 + rng.uniform(0.01, 0.035) * _crop(blotches, width, height, rng)
    gain *= 1.0 - rng.uniform(0, 0.22) * (down * down + across * across) / 2
    veil = rng.uniform(*town.haze) * 0.7 * np.clip(1.1 - np.abs(down + 0.1) * 1.1, 0, 1)
    exposure, contrast = rng.uniform(0.88, 1.25), rng.uniform(0.85, 1.15)
    warmth = rng.uniform(-0.05, 0.05)
    gain *= (1.0 - veil) * (contrast * exposure)
    offset = (HAZE * veil - MIDDLE) * (contrast * exposure) + MIDDLE * exposure
    offset = offset + rng.uniform(0.5, town.noise) * _crop(grain, width, height, rng)
    pixels = np.asarray(image)
    result = np.empty_like(pixels)
    for channel, tint in enumerate((town.tint[0] + warmth, town.tint[1], town.tint[2] - warmth)):
        result[:, :, channel] = np.clip((pixels[:, :, channel] * gain + offset) * tint, 0, 255)
    return Image.fromarray(result)


def _blow_dust(image: Image.Image, tone: Colour, amount: float, rng: Random) -> None:
    width, height = image.width // 8, image.height // 8
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    for _ in range(14):
        x, y = rng.uniform(0, width), rng.uniform(0.35, 0.95) * height
        w, h = rng.uniform(0.08, 0.3) * width, rng.uniform(0.06, 0.2) * height
        draw.ellipse((x - w, y - h, x + w, y + h), fill=int(255 * amount * rng.uniform(0.3, 0.9)))
    soft = mask.filter(ImageFilter.GaussianBlur(max(2, width // 14)))
    image.paste(tone, (0, 0), soft.resize(image.size, Image.Resampling.BILINEAR))


def _rain(image: Image.Image, rng: Random) -> None:
    draw = ImageDraw.Draw(image, "RGBA")
    slant = rng.uniform(-0.3, 0.3)
    for _ in range(rng.randint(80, 260)):
        x, y, length = rng.uniform(0, image.width), rng.uniform(0, image.height), rng.uniform(8, 26)
        draw.line((x, y, x + slant * length, y + length), fill=(220, 224, 230, 70))


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, in pixels."""
    return ImageFont.load_default(size=size)


def mark(image: Image.Image, rng: Random) -> Image.Image:
    """Write `drawn sample` into a corner; every picture of every kind carries it."""
    letters = font(max(10, min(image.size) // 34))
    left, top, right, bottom = letters.getbbox(MARK)
    width, height = int(right - left) + 8, int(bottom - top) + 6
    x = rng.choice((4, image.width - width - 4))
    y = rng.choice((4, image.height - height - 4))
    draw = ImageDraw.Draw(image, "RGBA")
    draw.rectangle((x, y, x + width, y + height), fill=(0, 0, 0, 110))
    draw.text((x + 4 - left, y + 3 - top), MARK, fill=(255, 255, 255, 230), font=letters)
    return image
