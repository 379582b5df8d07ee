"""Views of a town: buildings intact or damaged, streets and crowds, and sites that only look like damage."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

from PIL import Image

from quakelens.demo.drawing import surroundings as about
from quakelens.demo.drawing.block import Block, new_block
from quakelens.demo.drawing.building import draw_building
from quakelens.demo.drawing.canvas import Camera, Canvas, Light, vector
from quakelens.demo.drawing.damage import draw_damaged
from quakelens.demo.drawing.finish import photograph
from quakelens.demo.drawing.rubble import scatter
from quakelens.demo.drawing.town import Town

OVERSAMPLED = 1.2
"""Scenes are drawn this much larger and scaled down, which smooths their edges."""


def picture_size(town: Town, rng: Random) -> tuple[int, int]:
    """Width and height in pixels of one of the town's cameras."""
    longer = rng.randint(*town.side) if rng.random() < 0.95 else rng.randint(760, 900)
    shorter = max(320, int(longer * rng.choice((0.75, 0.75, 0.66, 0.5625, 0.8))))
    return (longer, shorter) if rng.random() < town.landscape else (shorter, longer)


def open_canvas(town: Town, rng: Random, size: tuple[int, int], *, pitch: float = 0.1) -> Canvas:
    """A canvas with a random camera and the town's light, its backdrop drawn."""
    width, height = int(size[0] * OVERSAMPLED), int(size[1] * OVERSAMPLED)
    camera = Camera(
        width, height,
        focal=max(size) * OVERSAMPLED * rng.uniform(0.75, 1.15),
        above_m=rng.choice((1.6, 1.6, 1.7, 2.5, 5.0)),
        yaw=rng.gauss(0, 0.08), pitch=pitch + rng.gauss(0, 0.04), roll=rng.gauss(0, 0.025),
    )  # fmt: skip
    sun = town.sun if rng.random() < 0.7 else (-town.sun[0], town.sun[1], town.sun[2])
    light = Light(sun, min(1.0, max(0.35, town.ambient + rng.uniform(-0.15, 0.2))), town.tint)
    canvas = Canvas(camera, light, rng)
    about.draw_backdrop(canvas, town, rng)
    return canvas


def building(town: Town, rng: Random, *, damaged: bool, view: Random | None = None) -> Image.Image:
    """One building and its neighbours.

    Args:
        town: Whose building.
        rng: Decides on the building and its damage.
        damaged: Draw damage on it.
        view: Decides on camera, weather and passers-by; another one gives a second view of the same
            building.
    """
    first_view = Random(rng.getrandbits(64))
    view = view or first_view
    kind, severity = rng.choice(town.damage), 0.15 + 0.85 * rng.betavariate(1.6, 1.6)
    house = Random(rng.getrandbits(64))
    block = new_block(town, house, x=rng.gauss(0, 1.2), z=0, turn=rng.gauss(0, 0.4))
    near = max(9.0, block.height * 1.25, block.width * 0.95) * rng.uniform(0.8, 1.6) * view.uniform(0.9, 1.15)
    block = _moved(block, near, view)
    size = picture_size(town, view)
    tall = 2.5 if damaged and kind == "heap" else block.height
    canvas = open_canvas(town, view, size, pitch=math.atan2(tall * 0.36, near))
    if view.random() < 0.35:
        about.draw_road(canvas, view, view.uniform(-6, 6))
    _neighbours(canvas, town, block, near, house)
    if damaged:
        draw_damaged(canvas, town, block, kind, severity, house)
        if severity > 0.5 and house.random() < 0.5:
            scatter(
                canvas,
                house,
                x=0,
                z=near * 0.6,
                width=9,
                depth=near * 0.2,
                tones=(town.rubble, block.wall),
                pieces=40,
            )
    else:
        draw_building(canvas, block)
        if house.random() < 0.12:
            scatter(
                canvas,
                house,
                x=0,
                z=near * 0.6,
                width=8,
                depth=near * 0.2,
                tones=(town.foliage, town.ground),
                pieces=60,
            )
    _passers(canvas, town, near, view, helpers=view.random() < (0.3 if damaged else 0.12))
    dusty = view.random() < (0.22 if damaged else 0.12)
    return photograph(canvas.image, town, view, size=size, dust=view.uniform(0.3, 0.8) if dusty else 0.0)


def _moved(block: Block, near: float, view: Random) -> Block:
    shift = view.gauss(0, 1.0)
    middle = block.origin + block.frame[:, 0] * block.width / 2
    away = block.origin.copy()
    away[0] += shift
    away[2] += near - middle[2]
    return replace(block, origin=away)


def _neighbours(canvas: Canvas, town: Town, block: Block, near: float, rng: Random) -> None:
    for _ in range(rng.randint(0, 2)):
        far = new_block(town, rng, x=rng.uniform(-24, 24), z=near + rng.uniform(22, 45), turn=rng.gauss(0, 0.3))
        draw_building(canvas, far)
    for side in (-1, 1):
        if rng.random() < 0.65:
            other = new_block(town, rng, x=0, z=near + rng.uniform(-1, 5), turn=rng.gauss(0, 0.12))
            gap = (block.width + other.width) / 2 + rng.uniform(0.6, 5)
            other.origin[0] += side * gap
            draw_building(canvas, other)
        elif rng.random() < 0.6:
            about.draw_tree(canvas, town, rng, side * (block.width / 2 + rng.uniform(2, 5)), near + rng.uniform(2, 8))


def _passers(canvas: Canvas, town: Town, near: float, view: Random, *, helpers: bool) -> None:
    """Trees, poles, cars and people between the camera and the building, from back to front."""
    for _ in range(view.choice((0, 0, 1, 2))):
        about.draw_car(canvas, view, view.uniform(-8, 5), near * view.uniform(0.5, 0.85), view.gauss(0, 0.3))
    people = view.choice((0, 0, 1, 2, 4)) + (3 if helpers else 0)
    for z in sorted((near * view.uniform(0.4, 0.9) for _ in range(people)), reverse=True):
        about.draw_person(canvas, view, view.uniform(-0.4, 0.4) * z, z, helmet=helpers)
    if view.random() < 0.25:
        about.draw_tree(
            canvas,
            town,
            view,
            view.choice((-1, 1)) * near * view.uniform(0.15, 0.35),
            near * view.uniform(0.45, 0.7),
        )
    if view.random() < 0.25:
        about.draw_pole(
            canvas,
            view,
            view.choice((-1, 1)) * near * view.uniform(0.15, 0.35),
            near * view.uniform(0.45, 0.8),
        )


def street(town: Town, rng: Random, *, damaged: bool = False) -> Image.Image:
    """A road between two rows of buildings, with cars and people; one of them may be damaged."""
    size = picture_size(town, rng)
    canvas = open_canvas(town, rng, size, pitch=0.08)
    about.draw_road(canvas, rng, 0)
    distances = sorted((8 + 13 * step + rng.uniform(0, 4) for step in range(4)), reverse=True)
    broken = (rng.choice(distances[-2:]), rng.choice((-1, 1))) if damaged else None
    for z in distances:
        for side in (-1, 1):
            block = new_block(town, rng, x=0, z=z, turn=0)
            block = replace(block, width=min(block.width, 12.0))
            block.origin[0] = side * (6.5 + rng.uniform(0, 1.5)) - (block.width if side < 0 else 0)
            if broken == (z, side):
                draw_damaged(canvas, town, block, rng.choice(town.damage), rng.uniform(0.5, 1), rng)
            else:
                draw_building(canvas, block)
            if rng.random() < 0.35:
                about.draw_tree(canvas, town, rng, side * 5.2, z - 1.5)
    if rng.random() < 0.5:
        about.draw_pole(canvas, rng, rng.choice((-4.4, 4.4)), rng.uniform(8, 20))
    for z in sorted((rng.uniform(7, 40) for _ in range(rng.randint(1, 6))), reverse=True):
        about.draw_car(canvas, rng, rng.choice((-4.2, 1.2)) + rng.uniform(-0.5, 0.5), z, rng.choice((1.45, 1.57, -1.5)))
    for z in sorted((rng.uniform(5, 30) for _ in range(rng.randint(0, 6))), reverse=True):
        about.draw_person(canvas, rng, rng.choice((-1, 1)) * rng.uniform(3.8, 6), z)
    return photograph(canvas.image, town, rng, size=size, dust=rng.uniform(0.2, 0.6) if rng.random() < 0.15 else 0.0)


def crowd(town: Town, rng: Random) -> Image.Image:
    """People who stand in a square, sometimes before tents."""
    size = picture_size(town, rng)
    canvas = open_canvas(town, rng, size, pitch=0.0)
    for _ in range(rng.randint(1, 3)):
        draw_building(
            canvas,
            new_block(town, rng, x=rng.uniform(-20, 20), z=rng.uniform(30, 45), turn=rng.gauss(0, 0.2)),
        )
    if rng.random() < 0.4:
        for step in range(rng.randint(2, 6)):
            _tent(canvas, rng, -12 + step * 5 + rng.uniform(-1, 1), rng.uniform(14, 22))
    helmets = rng.random() < 0.15
    for z in sorted((rng.uniform(4, 22) for _ in range(rng.randint(12, 60))), reverse=True):
        about.draw_person(canvas, rng, rng.uniform(-0.6, 0.6) * z, z, helmet=helmets)
    return photograph(canvas.image, town, rng, size=size)


def _tent(canvas: Canvas, rng: Random, x: float, z: float) -> None:
    face = canvas.face(vector(x, 0, z), vector(1, 0, 0), vector(0, 1, 0))
    tone = rng.choice(((236, 234, 226), (220, 226, 236), (90, 120, 170), (196, 190, 160)))
    face.polygon(((0, 0), (4, 0), (4, 1.5), (2, 2.6), (0, 1.5)), face.lit(tone))
    face.polygon(((1.3, 0), (2.7, 0), (2, 2.1)), face.lit((60, 60, 64)))
