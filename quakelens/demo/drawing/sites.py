"""Sites that look like damage and are none: building sites, quarries, ancient ruins; and plain nature."""

from __future__ import annotations

import math
from random import Random

from PIL import Image

from quakelens.demo.drawing import surroundings as about
from quakelens.demo.drawing.block import new_block
from quakelens.demo.drawing.building import draw_building
from quakelens.demo.drawing.canvas import Canvas, Vector, vector
from quakelens.demo.drawing.colour import Colour, scaled, varied
from quakelens.demo.drawing.finish import photograph
from quakelens.demo.drawing.rubble import CONCRETE, RUST, TIMBER, Heap, draw_heap, scatter
from quakelens.demo.drawing.scenes import open_canvas, picture_size
from quakelens.demo.drawing.town import Town

STONE: Colour = (206, 196, 176)


def construction(town: Town, rng: Random) -> Image.Image:
    """A building behind scaffolding, or a bare concrete frame with bars and a crane."""
    size = picture_size(town, rng)
    near = rng.uniform(16, 28)
    block = new_block(town, rng, x=rng.gauss(0, 1.5), z=near, turn=rng.gauss(0, 0.3))
    canvas = open_canvas(town, rng, size, pitch=math.atan2(block.height * 0.36, near))
    if rng.random() < 0.5:
        _crane(canvas, rng, rng.uniform(-10, 10), near + 14)
    if rng.random() < 0.5:
        draw_building(canvas, block)
        _scaffold(canvas, block.corner(-0.5, 0, -1.3), block.frame, block.width + 1, block.height + 1, rng)
    else:
        _bare_frame(canvas, block.origin, block.frame, block.width, rng.randint(2, 6), rng)
    for _ in range(rng.randint(0, 2)):
        tones = rng.choice(
            ((town.ground, (196, 176, 132)), (CONCRETE, (150, 148, 144)), ((170, 96, 72), (150, 84, 66)))
        )
        draw_heap(
            canvas,
            Heap(
                rng.uniform(-7, 7),
                near * 0.7,
                rng.uniform(1, 2.5),
                1.2,
                rng.uniform(0.5, 1.3),
                tones,
                40,
                0,
                0,
                1,
                0,
            ),
            rng,
        )
    for _ in range(rng.randint(0, 4)):
        about.draw_person(canvas, rng, rng.uniform(-5, 5), near * rng.uniform(0.5, 0.8), helmet=True)
    return photograph(canvas.image, town, rng, size=size, dust=rng.choice((0.0, 0.0, 0.4)))


def _scaffold(canvas: Canvas, origin: Vector, frame: Vector, width: float, height: float, rng: Random) -> None:
    face = canvas.face(origin, frame[:, 0], frame[:, 1])
    steel = face.lit((150, 152, 156))
    if rng.random() < 0.35:
        face.box(0, 2, width, height, (*rng.choice(((60, 120, 90), (220, 220, 214), (70, 100, 150))), 130))
    columns = max(3, int(width / 2))
    for number in range(columns + 1):
        u = width * number / columns
        face.line(((u, 0), (u, height)), steel, 0.06)
        if number < columns and number % 2:
            face.line(((u, 0), (u + width / columns, height)), scaled(steel, 0.8), 0.04)
    level = 2.0
    while level < height:
        face.box(0, level, width, level + 0.12, face.lit(TIMBER, 1.2))
        face.line(((0, level + 1), (width, level + 1)), steel, 0.05)
        level += 2.0


def _bare_frame(canvas: Canvas, origin: Vector, frame: Vector, width: float, storeys: int, rng: Random) -> None:
    tone = varied(rng, CONCRETE, 14)
    filled = rng.random() < 0.5
    for back in (6.0, 0.0):
        face = canvas.face(origin + frame[:, 2] * back, frame[:, 0], frame[:, 1])
        columns = max(2, int(width / 4))
        for storey in range(storeys + 1):
            v = storey * 3.0
            if storey and back:
                face.box(0, v - 3.0, width, v, face.lit((90, 88, 84), 0.7))
            if storey and filled and not back:
                u = width * rng.randrange(columns) / columns
                face.box(u, v - 2.9, u + width / columns, v - 0.3, face.lit((176, 104, 78)))
            face.box(-0.3, v - 0.3, width + 0.3, v, face.lit(tone))
        for number in range(columns + 1):
            u = width * number / columns
            face.box(u - 0.2, 0, u + 0.2, storeys * 3.0, face.lit(tone, 0.93))
            for bar in (-0.12, 0.0, 0.12):
                face.line(((u + bar, storeys * 3.0), (u + bar, storeys * 3.0 + 1.1)), face.lit(RUST), 0.04)


def _crane(canvas: Canvas, rng: Random, x: float, z: float) -> None:
    tone = canvas.light.on((222, 176, 50), vector(0, 0.3, -1))
    top = rng.uniform(20, 30)
    arm = rng.choice((-1, 1)) * rng.uniform(14, 22)
    canvas.line((vector(x, 0, z), vector(x, top + 3, z)), tone, 0.7)
    canvas.line((vector(x - arm * 0.3, top, z), vector(x + arm, top, z)), tone, 0.5)
    canvas.line((vector(x, top + 3, z), vector(x + arm, top, z)), tone, 0.1)
    canvas.line((vector(x + arm * 0.7, top, z), vector(x + arm * 0.7, top - 9, z)), (60, 60, 60), 0.05)


def quarry(town: Town, rng: Random) -> Image.Image:
    """Heaps of gravel, sand or stone with no building."""
    size = picture_size(town, rng)
    canvas = open_canvas(town, rng, size, pitch=0.05)
    base = rng.choice((town.ground, STONE, (150, 148, 146), (186, 160, 116)))
    tones = tuple(varied(rng, base, 25) for _ in range(4))
    for z in sorted((rng.uniform(9, 30) for _ in range(rng.randint(1, 4))), reverse=True):
        heap = Heap(
            rng.uniform(-0.4, 0.4) * z,
            z,
            rng.uniform(3, 9),
            rng.uniform(2, 4),
            rng.uniform(1.5, 5),
            tones,
            rng.randint(60, 260),
            0,
            0,
            0,
            0,
        )
        draw_heap(canvas, heap, rng)
    if rng.random() < 0.5:
        about.draw_car(canvas, rng, rng.uniform(-5, 3), rng.uniform(8, 14), rng.gauss(0, 0.5))
    scatter(canvas, rng, x=0, z=7, width=6, depth=3, tones=tones, pieces=rng.randint(0, 60))
    return photograph(canvas.image, town, rng, size=size)


def ruins(town: Town, rng: Random) -> Image.Image:
    """Columns of an ancient temple: broken long ago, kept and swept."""
    size = picture_size(town, rng)
    canvas = open_canvas(town, rng, size, pitch=0.12)
    near = rng.uniform(12, 20)
    count, spacing = rng.randint(4, 8), rng.uniform(2.0, 2.8)
    left = -count * spacing / 2 + rng.gauss(0, 1)
    canvas.polygon(
        [
            vector(left - 2, 0, near - 1.5),
            vector(left + count * spacing + 1, 0, near - 1.5),
            vector(left + count * spacing, 0.6, near),
            vector(left - 1, 0.6, near),
        ],
        canvas.light.on(STONE, vector(0, 0.9, -0.3)),
    )
    face = canvas.face(vector(left, 0.6, near), vector(1, 0, 0), vector(0, 1, 0))
    whole = rng.randint(2, count)
    for number in range(count):
        tall = 6.0 if number < whole else rng.uniform(0.5, 5)
        tone = varied(rng, STONE, 12)
        for strip in range(5):
            shade = face.lit(tone, 0.7 + 0.09 * strip)
            face.box(number * spacing + strip * 0.2, 0, number * spacing + strip * 0.2 + 0.2, tall, shade)
        for drum in range(int(tall / 1.5)):
            face.line(
                ((number * spacing, drum * 1.5), (number * spacing + 1.0, drum * 1.5)),
                face.lit(scaled(tone, 0.6)),
                0.04,
            )
    face.box(-0.2, 6.0, (whole - 1) * spacing + 1.2, 7.1, face.lit(STONE))
    face.box(-0.4, 7.0, (whole - 1) * spacing + 1.4, 7.3, face.lit(STONE, 0.8))
    for _ in range(rng.randint(1, 4)):
        about.draw_person(canvas, rng, rng.uniform(-5, 5), near * rng.uniform(0.6, 0.9))
    scatter(
        canvas,
        rng,
        x=0,
        z=near * 0.75,
        width=7,
        depth=1.5,
        tones=(STONE, scaled(STONE, 0.85)),
        pieces=rng.randint(5, 30),
    )
    for _ in range(rng.randint(0, 3)):
        about.draw_tree(canvas, town, rng, rng.uniform(-9, 9), near + rng.uniform(5, 14))
    return photograph(canvas.image, town, rng, size=size)


def nature(town: Town, rng: Random) -> Image.Image:
    """Trees, meadow, sea; no building."""
    size = picture_size(town, rng)
    canvas = open_canvas(town, rng, size, pitch=0.03)
    if rng.random() < 0.4:
        tone = canvas.light.on((70, 120, 150), vector(0, 1, 0))
        canvas.polygon([vector(-400, 0, 14), vector(400, 0, 14), vector(400, 0, 500), vector(-400, 0, 500)], tone)
        for _ in range(60):
            x, z = rng.uniform(-40, 40), rng.uniform(15, 80)
            canvas.polygon(
                [vector(x, 0, z), vector(x + 2, 0, z), vector(x + 2, 0, z + 0.3), vector(x, 0, z + 0.4)],
                (220, 232, 236, 90),
            )
    else:
        canvas.polygon(
            [vector(-60, 0, 2), vector(60, 0, 2), vector(90, 0, 80), vector(-90, 0, 80)],
            canvas.light.on(town.foliage, vector(0, 1, 0)),
        )
    for z in sorted((rng.uniform(7, 40) for _ in range(rng.randint(3, 16))), reverse=True):
        about.draw_tree(canvas, town, rng, rng.uniform(-0.6, 0.6) * z, z)
    return photograph(canvas.image, town, rng, size=size)
