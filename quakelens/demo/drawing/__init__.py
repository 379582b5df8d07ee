"""Drawn pictures: every kind that the sample holds, by name."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from PIL import Image

from quakelens.demo.drawing import graphics, scenes, sites
from quakelens.demo.drawing.finish import mark
from quakelens.demo.drawing.town import TOWNS, Town

KINDS: dict[str, Callable[[Town, Random], Image.Image]] = {
    "damaged": lambda town, rng: scenes.building(town, rng, damaged=True),
    "damaged_street": lambda town, rng: scenes.street(town, rng, damaged=True),
    "intact": lambda town, rng: scenes.building(town, rng, damaged=False),
    "street": scenes.street,
    "crowd": scenes.crowd,
    "construction": sites.construction,
    "quarry": sites.quarry,
    "ruins": sites.ruins,
    "nature": sites.nature,
    "map": graphics.chart_map,
    "seismogram": graphics.seismogram,
    "meme": graphics.meme,
    "screenshot": graphics.screenshot,
    "thing": graphics.thing,
}
"""What can be drawn; the first two show damaged buildings."""

DAMAGED = frozenset(("damaged", "damaged_street"))
"""The kinds that show a damaged building."""

__all__ = ["DAMAGED", "KINDS", "TOWNS", "Town", "draw_picture", "draw_second_view"]


def draw_picture(kind: str, town: Town, rng: Random) -> Image.Image:
    """Draw one RGB picture of a kind of `KINDS`, with the mark `drawn sample` in a corner."""
    return mark(KINDS[kind](town, rng), rng)


def draw_second_view(kind: str, town: Town, rng: Random, view: Random) -> Image.Image:
    """Draw `damaged` or `intact` again as `draw_picture` with this `rng` did, seen from elsewhere."""
    return mark(scenes.building(town, rng, damaged=kind in DAMAGED, view=view), view)
