"""Pictures as people send them: changes that leave the damage as it is, for training on few pictures.

What happens to a photograph between a phone and a post: it is cut and scaled, its light and colours are changed, it
is shown in a screenshot with bars, written on, blurred, made small and large again, and compressed anew.
"""

from __future__ import annotations

import io
import string
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

_SMOOTH = Image.Resampling.BILINEAR
_BARS = ("black", "white", "#7f7f7f", "#202226")
_SCRIPTS = (string.ascii_lowercase, "абвгдежзиклмнопрстуфхц", "αβγδεζηθικλμνοπρστυφχψω")


def augment(image: Image.Image, pixels: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One changed copy of an upright RGB picture, `(pixels, pixels, 3) uint8`; the same for the same state of `rng`.

    Each copy is a crop of its own; half of them are mirrored. The light and the colours of all change. Of 100, 10
    lose their colour, 12 lie between bars as in a screenshot, 10 carry a caption, 8 are blurred, 20 were smaller
    once, and 60 are compressed as JPEG. A crop keeps at least .6 of the shorter side: what is left of a smaller
    one need not show what the picture's label says.
    """
    changed = _crop(image, pixels, rng)
    if rng.random() < 0.5:
        changed = ImageOps.mirror(changed)
    changed = _light(changed, rng)
    for share, change in _SOMETIMES:
        if rng.random() < share:
            changed = change(changed, rng)
    return np.asarray(changed.convert("RGB"))


def _crop(image: Image.Image, pixels: int, rng: np.random.Generator) -> Image.Image:
    side = min(image.size) * rng.uniform(0.6, 1.0)
    stretch = np.exp(rng.uniform(-0.22, 0.22))  # aspect ratios of .8 to 1.25
    width, height = (
        min(limit, side * factor) for limit, factor in zip(image.size, (stretch, 1 / stretch), strict=True)
    )
    left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
    return image.resize((pixels, pixels), _SMOOTH, box=(left, top, left + width, top + height))


def _light(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    for enhancer, range_ in ((ImageEnhance.Brightness, 0.3), (ImageEnhance.Contrast, 0.3), (ImageEnhance.Color, 0.5)):
        image = enhancer(image).enhance(rng.uniform(1 - range_, 1 + range_))
    return image


def _without_colour(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return image.convert("L").convert("RGB")


def _between_bars(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """As on a phone's screen: the whole picture on a plain ground, bars above and below it or beside it."""
    size = image.size[0]
    inner = int(size * rng.uniform(0.55, 0.9))
    start = int(rng.integers(0, size - inner + 1))
    ground = Image.new("RGB", image.size, _BARS[rng.integers(len(_BARS))])
    if rng.random() < 0.7:
        ground.paste(image.resize((size, inner), _SMOOTH), (0, start))
    else:
        ground.paste(image.resize((inner, size), _SMOOTH), (start, 0))
    return ground


def _with_caption(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A bar at the top or the bottom with a line of letters on it, as of a broadcaster or a meme."""
    changed = image.copy()
    draw = ImageDraw.Draw(changed)
    size = image.size[0]
    height = max(4, int(size * rng.uniform(0.08, 0.2)))
    top = 0 if rng.random() < 0.3 else size - height
    dark = bool(rng.random() < 0.7)
    colour = tuple(int(value) for value in (rng.integers(0, 90, 3) if dark else rng.integers(190, 256, 3)))
    draw.rectangle((0, top, size, top + height), fill=colour)
    letters = list(_SCRIPTS[rng.integers(len(_SCRIPTS))])
    words = ["".join(rng.choice(letters, rng.integers(2, 9))) for _ in range(rng.integers(3, 8))]
    text = " ".join(words)
    font = ImageFont.load_default(size=max(6.0, height * 0.6))
    draw.text((size * 0.04, top + height * 0.12), text.upper() if rng.random() < 0.4 else text,
              fill="white" if dark else "black", font=font)  # fmt: skip
    return changed


def _blurred(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.6) * image.size[0] / 224))


def _once_smaller(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    small = max(1, int(image.size[0] * rng.uniform(0.35, 0.8)))
    return image.resize((small, small), _SMOOTH).resize(image.size, _SMOOTH)


def _compressed(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(rng.integers(20, 76)))
    return Image.open(file).convert("RGB")


_Change = Callable[[Image.Image, np.random.Generator], Image.Image]
_SOMETIMES: tuple[tuple[float, _Change], ...] = (
    (0.10, _without_colour),
    (0.08, _blurred),
    (0.20, _once_smaller),
    (0.12, _between_bars),
    (0.10, _with_caption),
    (0.60, _compressed),
)
"""Which share of the copies is changed how, in the order in which it happens to pictures."""
