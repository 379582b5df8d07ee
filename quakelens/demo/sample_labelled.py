"""The labelled part of the drawn sample: six earthquakes, and pictures of no earthquake."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

from PIL import Image

from quakelens.demo.drawing import DAMAGED, TOWNS, Town, draw_picture, draw_second_view

EVENTS = {
    "sample-2017-brenholt": "brenholt",
    "sample-2018-tanoru": "tanoru",
    "sample-2019-zarqal": "zarqal",
    "sample-2021-arvela": "arvela",
    "sample-2023-kesmir": "kesmir",
    "sample-2024-solmara": "solmara",
}
"""Slug of each sample earthquake, and the town that it struck. None of them is a real one."""

DAMAGED_SHARE = 0.45
AFTERWARDS = (*("damaged",) * 4, "damaged_street", *("damaged",) * 4)
UNHARMED = (
    "intact",
    "intact",
    "intact",
    "intact",
    "street",
    "intact",
    "crowd",
    "intact",
    "construction",
    "street",
)
SOURCES = ("sample/press", "sample/eyewitness", "sample/survey", "sample/aid")
OTHERS = (
    ("facades", "intact"), ("streets", "street"), ("construction", "construction"), ("maps", "map"),
    ("facades", "intact"), ("crowds", "crowd"), ("quarries", "quarry"), ("memes", "meme"),
    ("facades", "intact"), ("screenshots", "screenshot"), ("ruins", "ruins"), ("objects", "thing"),
    ("streets", "street"), ("seismograms", "seismogram"), ("construction", "construction"),
    ("nature", "nature"),
)  # fmt: skip
"""Source and kind of the pictures of no earthquake, taken in turn."""

ALBUMS = "abc"
"""Each kind comes from several sources, as on any day; a source that is held out takes no kind with it."""

SECOND_VIEW = 0.15
"""Chance that a picture shows the previous building of its kind again, from elsewhere."""


def write_labelled(directory: Path, *, seed: int, each: int, others: int, drawn: Callable[[], None]) -> list[str]:
    """Draw and write `manifest.csv` and its pictures; returns the label of each row."""
    rows: list[dict[str, str]] = []
    for slug, town in EVENTS.items():
        rows += _earthquake(directory, slug, TOWNS[town], Random(f"{seed} {slug}"), each, drawn)
    for number in range(others):
        turn, place = divmod(number, len(OTHERS))
        source, kind = OTHERS[place]
        album = ALBUMS[turn % len(ALBUMS)]
        rng = Random(f"{seed} other {number}")
        path = directory / "images" / "none" / f"{number:04d}.jpg"
        save(draw_picture(kind, mixed_town(rng), rng), path, rng.randint(50, 92))
        rows.append(_row(directory, path, "not_damaged", "none", f"sample/{source}-{album}"))
        drawn()
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("image", "label", "event", "source", "note"))
        writer.writeheader()
        writer.writerows(rows)
    return [row["label"] for row in rows]


def _earthquake(
    directory: Path, slug: str, town: Town, rng: Random, count: int, drawn: Callable[[], None]
) -> list[dict[str, str]]:
    damaged = round(count * DAMAGED_SHARE)
    kinds = [AFTERWARDS[number % len(AFTERWARDS)] for number in range(damaged)]
    kinds += [UNHARMED[number % len(UNHARMED)] for number in range(count - damaged)]
    rows: list[dict[str, str]] = []
    last: dict[str, str] = {}
    for number, kind in enumerate(kinds):
        path = directory / "images" / slug / f"{number:04d}.jpg"
        again = last.get(kind) if rng.random() < SECOND_VIEW and kind in ("damaged", "intact") else None
        if again is not None:
            picture = draw_second_view(kind, town, Random(again), Random(f"{again} seen again {number}"))
        else:
            last[kind] = scene = f"{rng.getrandbits(64)}"
            picture = draw_picture(kind, town, Random(scene))
        save(picture, path, rng.randint(*town.quality))
        label = "damaged" if kind in DAMAGED else "not_damaged"
        rows.append(_row(directory, path, label, slug, rng.choice(SOURCES)))
        drawn()
    return rows


def _row(directory: Path, path: Path, label: str, event: str, source: str) -> dict[str, str]:
    image = path.relative_to(directory).as_posix()
    return {
        "image": image, "label": label, "event": event, "source": source,
        "note": "drawn sample",
    }  # fmt: skip


def mixed_town(rng: Random) -> Town:
    """A town of no earthquake: buildings, colours, light and camera of four different towns."""
    towns = list(TOWNS.values())
    built, coloured, lit, seen = (rng.choice(towns) for _ in range(4))
    return replace(
        built, walls=coloured.walls, roofs=coloured.roofs, trims=coloured.trims, ground=coloured.ground,
        sky=lit.sky, sun=lit.sun, ambient=lit.ambient, tint=lit.tint, haze=lit.haze, rain=lit.rain,
        side=seen.side, noise=seen.noise, landscape=seen.landscape,
    )  # fmt: skip


def save(picture: Image.Image, path: Path, quality: int) -> None:
    """Write a JPEG, or what the name's ending says, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=quality)
