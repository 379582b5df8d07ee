"""Pictures for a burst: as many different ones as are wanted, made of few, and copies of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from random import Random

from PIL import Image, ImageOps

from quakelens.demo.drawing import KINDS, TOWNS, draw_picture
from quakelens.files import write_atomically

BASE = 96  # pictures that the others are made of
_SIDES = (1024, 768)


def make_pictures(folder: Path, count: int, source: Path | None, seed: int) -> list[str]:
    """Write pictures and give their names in the order in which posts carry them; half of them are duplicates.

    Of four, two are new: each is put together of windows of two base pictures, and no two are near-duplicates but by
    chance. One is the same file as an earlier one under another name, one is an earlier one compressed again, smaller.

    Args:
        folder: Where; what is there already is used again.
        count: How many names.
        source: A folder of JPEG pictures to make them of; None: drawn ones.
        seed: Decides on everything.
    """
    base = _base(folder / "base", source, seed)
    rng = Random(f"{seed} order")
    names, plan = [], []
    fresh: list[str] = []
    for number in range(count):
        kind = ("new", "same", "new", "near")[number % 4] if fresh else "new"
        name = f"{kind}{number:06d}.jpg"
        plan.append((name, kind, rng.choice(fresh[-2000:]) if fresh else "", f"{seed} {number}"))
        names.append(name)
        if kind == "new":
            fresh.append(name)
    with ProcessPoolExecutor() as pool:
        news = [each for each in plan if each[1] == "new"]
        list(pool.map(partial(_make, folder, base), news, chunksize=32))
        list(pool.map(partial(_make, folder, base), [each for each in plan if each[1] != "new"], chunksize=32))
    return names


def _base(folder: Path, source: Path | None, seed: int) -> list[Path]:
    if source is not None:
        found = sorted(source.rglob("*.jpg"))
        return Random(f"{seed} base").sample(found, min(len(found), 10 * BASE))
    kinds = [kind for kind in sorted(KINDS) for _ in range(-(-BASE // len(KINDS)))][:BASE]
    with ProcessPoolExecutor() as pool:
        return list(pool.map(partial(_draw, folder, seed), range(BASE), kinds, chunksize=8))


def _draw(folder: Path, seed: int, number: int, kind: str) -> Path:
    path = folder / f"{number:03d}.jpg"
    if not path.is_file():
        rng = Random(f"{seed} base {number}")
        _save(draw_picture(kind, TOWNS[rng.choice(sorted(TOWNS))], rng), path, 90)
    return path


def _make(folder: Path, base: Sequence[Path], what: tuple[str, str, str, str]) -> None:
    name, kind, of, seed = what
    path = folder / name
    if path.is_file():
        return
    if kind == "same":
        os.link(folder / of, path)
        return
    rng = Random(seed)
    if kind == "near":
        with Image.open(folder / of) as image:
            small = image.resize((int(image.width * 0.7), int(image.height * 0.7)), Image.Resampling.LANCZOS)
        _save(small, path, 60)
        return
    size = _SIDES if rng.random() < 0.7 else _SIDES[::-1]
    picture = Image.new("RGB", size)
    cut = int(size[0] * rng.uniform(0.3, 0.7))
    for left, right in ((0, cut), (cut, size[0])):
        part = _window(base[rng.randrange(len(base))], (right - left, size[1]), rng)
        picture.paste(part, (left, 0))
    _save(ImageOps.mirror(picture) if rng.random() < 0.5 else picture, path, 82)


def _window(path: Path, size: tuple[int, int], rng: Random) -> Image.Image:
    with Image.open(path) as opened:
        opened.draft("RGB", _SIDES)
        image = ImageOps.exif_transpose(opened).convert("RGB")
    share = rng.uniform(0.6, 1.0)
    width, height = int(image.width * share), int(image.height * share)
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    window = image.crop((left, top, left + width, top + height))
    return ImageOps.fit(window, size, centering=(rng.random(), rng.random()))


def _save(image: Image.Image, path: Path, quality: int) -> None:
    out = BytesIO()
    image.save(out, "JPEG", quality=quality)
    with write_atomically(path) as file:
        file.write(out.getvalue())
