"""The pictures that the live posts carry: distinct ones, copies of them, and files that trouble readers."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageOps

from quakelens.demo.drawing import DAMAGED, TOWNS, draw_picture
from quakelens.demo.drawing.finish import font
from quakelens.demo.sample_labelled import save

KINDS = {
    "damaged": 18, "damaged_street": 2, "intact": 12, "street": 6, "crowd": 4, "construction": 3,
    "quarry": 2, "ruins": 1, "map": 3, "meme": 3, "screenshot": 3, "seismogram": 2, "thing": 1,
}  # fmt: skip
"""How many distinct pictures of each kind."""

LIVE_PICTURES = sum(KINDS.values()) + 1
"""All distinct pictures; the last one is recycled from an earlier earthquake."""

RECYCLED = "images/recycled.jpg"
TRUNCATED = "images/truncated.jpg"
PAGE = "images/page.jpg"
MISSING = "images/missing.jpg"
BROKEN = {TRUNCATED: "truncated", PAGE: "not_an_image", MISSING: "missing"}
"""Files that cannot be read, and why; the last one is not written."""


@dataclass(frozen=True, slots=True)
class LivePictures:
    """What was written, by name relative to the live folder.

    Attributes:
        distinct: Name and kind of each distinct picture, the recycled one among them.
        copies: Name of each near-duplicate, and of the picture that it copies.
    """

    distinct: dict[str, str]
    copies: dict[str, str]

    def damaged(self, name: str) -> bool:
        """Whether a picture or a copy shows a damaged building."""
        return self.distinct[self.copies.get(name, name)] in DAMAGED


def write_live_pictures(directory: Path, *, seed: int, drawn: Callable[[], None]) -> LivePictures:
    """Draw the pictures into `images/` and write `truth.csv`."""
    rng = Random(f"{seed} live")
    town = TOWNS["ionia"]
    kinds = [kind for kind, count in KINDS.items() for _ in range(count)]
    rng.shuffle(kinds)
    names: dict[str, str] = {}
    odd = _odd_ones(kinds)
    for number, kind in enumerate(kinds):
        scene = Random(f"{seed} live {number}")
        picture = draw_picture(kind, town, scene)
        ending = odd.get(number, ".png" if kind == "screenshot" else ".jpg")
        name = f"images/p{number:02d}{'.jpg' if ending in ('cmyk', 'turned') else ending}"
        _save_as(picture, directory / name, ending, scene.randint(*town.quality))
        names[name] = kind
        drawn()
    save(draw_picture("damaged", TOWNS["solmara"], Random(f"{seed} recycled")), directory / RECYCLED, 82)
    names[RECYCLED] = "damaged"
    drawn()
    pictures = LivePictures(names, _write_copies(directory, names, rng))
    _write_broken(directory)
    _write_truth(directory, pictures)
    return pictures


def _odd_ones(kinds: list[str]) -> dict[int, str]:
    """Which pictures are written in an unusual way: two damaged ones and a map."""
    damaged = [number for number, kind in enumerate(kinds) if kind == "damaged"]
    return {damaged[0]: "cmyk", damaged[1]: "turned", kinds.index("map"): ".gif"}


def _save_as(picture: Image.Image, path: Path, ending: str, quality: int) -> None:
    if ending == "cmyk":
        save(picture.convert("CMYK"), path, quality)
    elif ending == "turned":
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0112] = 6  # orientation: turn by 90 degrees clockwise to see it upright
        exif[0x8825] = {1: "N", 2: (38.0, 12.0, 3.0), 3: "E", 4: (20.0, 25.0, 54.0)}  # GPS: Lixouri
        picture.transpose(Image.Transpose.ROTATE_90).save(path, quality=quality, exif=exif)
    elif ending == ".gif":
        path.parent.mkdir(parents=True, exist_ok=True)
        frames = [picture.quantize(64), ImageOps.autocontrast(picture).quantize(64)]
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=600, loop=0)
    else:
        save(picture, path, quality)


def _write_copies(directory: Path, names: dict[str, str], rng: Random) -> dict[str, str]:
    """Near-duplicates as they spread: compressed again, scaled, cropped, mirrored, captioned."""
    plain = [name for name, kind in names.items() if name.endswith(".jpg") and kind != "meme"]
    shown = [name for name in plain if names[name] in DAMAGED and name != RECYCLED]
    copies: dict[str, str] = {}
    for number, original in enumerate(rng.sample(shown, 9) + rng.sample(plain[:-1], 5)):
        way = ("again", "scaled", "cropped", "mirrored", "captioned")[number % 5]
        with Image.open(directory / original) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        name = f"images/copy{number:02d}-{way}.jpg"
        save(_changed(picture, way, rng), directory / name, 38 if way == "again" else 78)
        copies[name] = original
    return copies


def _changed(picture: Image.Image, way: str, rng: Random) -> Image.Image:
    width, height = picture.size
    if way == "scaled":
        return picture.resize((int(width * 0.62), int(height * 0.62)), Image.Resampling.LANCZOS)
    if way == "cropped":
        cut = [rng.uniform(0.01, 0.035) for _ in range(4)]
        box = (
            int(width * cut[0]),
            int(height * cut[1]),
            int(width * (1 - cut[2])),
            int(height * (1 - cut[3])),
        )
        return picture.crop(box)
    if way == "mirrored":
        return ImageOps.mirror(picture)
    if way == "captioned":
        bar = max(24, height // 14)
        framed = Image.new("RGB", (width, height + bar), (16, 16, 18))
        framed.paste(picture, (0, bar))
        ImageDraw.Draw(framed).text(
            (10, bar // 5), "EARTHQUAKE (drawn sample)", fill=(255, 255, 255), font=font(bar * 3 // 5)
        )
        return framed
    return picture


def _write_broken(directory: Path) -> None:
    whole = (directory / RECYCLED).read_bytes()
    (directory / TRUNCATED).write_bytes(whole[: len(whole) * 2 // 5])
    page = "<!doctype html><title>Sign in</title><p>drawn sample: this is a page, not a picture</p>\n"
    (directory / PAGE).write_text(page, encoding="utf-8")


def _write_truth(directory: Path, pictures: LivePictures) -> None:
    with (directory / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "label", "copy_of"))
        for name in (*pictures.distinct, *pictures.copies):
            label = "damaged" if pictures.damaged(name) else "not_damaged"
            writer.writerow((name, label, pictures.copies.get(name, "")))
