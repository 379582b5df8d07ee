"""Pictures and heat maps as data URIs, small enough that one page can hold a thousand."""

from __future__ import annotations

import base64
import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from quakelens.depot import Filed
from quakelens.images import decode, read_bytes

_LADDER = ((150, 720, 80), (400, 600, 76), (1_000_000_000, 440, 72))
"""Up to so many pictures: longest side in pixels, JPEG quality. Keeps a page below about 40 MB a
thousand pictures."""

_HEAT_BYTES = 15_000
_HEAT_SIDES = (160, 96, 48)
_LEVELS = 64
_FLOOR = 0.2
"""Relative strength below which a heat map stays transparent."""


def thumbnail(file: Filed, *, pictures: int) -> str:
    """A JPEG data URI of an upright picture, without EXIF; smaller the more pictures the page holds.

    Raises:
        ImageError: The file cannot be read or is no picture.
    """
    side, quality = next(step[1:] for step in _LADDER if pictures <= step[0])
    data = read_bytes(file)
    image = decode(data, at_least=side)
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    plain = Image.new("RGB", image.size)  # carries over pixels and nothing else
    plain.paste(image)
    out = io.BytesIO()
    plain.save(out, "JPEG", quality=quality, optimize=True)
    return _data_uri("jpeg", out.getvalue())


def heat_overlay(file: Filed) -> str:
    """A PNG data URI of a heat map in colours that grow brighter and denser with strength.

    The colours are matplotlib's `inferno`, perceptually uniform; weak places are transparent.

    Raises:
        ImageError: The file cannot be read or is no picture.
    """
    grey = decode(read_bytes(file)).convert("L")
    for side in _HEAT_SIDES:
        small = grey.copy()
        small.thumbnail((side, side), Image.Resampling.BILINEAR)
        encoded = _coloured(np.asarray(small, dtype=np.float64) / 255)
        if len(encoded) <= _HEAT_BYTES:
            break
    return _data_uri("png", encoded)


def _coloured(strength: NDArray[np.float64]) -> bytes:
    colours, alphas = _palette()
    levels = np.round(strength * (_LEVELS - 1)).astype(np.uint8)
    image = Image.fromarray(levels, mode=None)
    image.putpalette(colours)
    out = io.BytesIO()
    image.save(out, "PNG", transparency=alphas, optimize=True)
    return out.getvalue()


@lru_cache(maxsize=1)
def _palette() -> tuple[bytes, bytes]:
    from matplotlib import colormaps

    strength = np.linspace(0, 1, _LEVELS)
    # The darkest quarter of the map is left out: it would read as shadow in the photograph.
    rgb = colormaps["inferno"](0.25 + 0.73 * strength)[:, :3]
    alpha = np.clip((strength - _FLOOR) / (0.75 - _FLOOR), 0, 1)
    return np.round(rgb * 255).astype(np.uint8).tobytes(), np.round(alpha * 255).astype(np.uint8).tobytes()


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
