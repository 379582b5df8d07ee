"""Sky, ground, hills, trees, people, cars and poles."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from quakelens.demo.drawing.canvas import Canvas, Vector, rotation, vector
from quakelens.demo.drawing.colour import Colour, mixed, scaled, varied
from quakelens.demo.drawing.town import Town

CLOTHES: tuple[Colour, ...] = (
    (60, 70, 100), (150, 50, 50), (40, 40, 44), (200, 196, 190), (90, 110, 80), (170, 130, 80),
    (110, 80, 120),
)  # fmt: skip
HELMETS: tuple[Colour, ...] = ((230, 130, 40), (220, 200, 60), (200, 50, 44), (235, 235, 230))
CARS: tuple[Colour, ...] = (
    (200, 202, 204), (40, 44, 52), (150, 40, 40), (50, 80, 130), (120, 124, 128), (226, 224, 216),
    (180, 150, 90),
)  # fmt: skip


def draw_backdrop(canvas: Canvas, town: Town, rng: Random) -> None:
    """Fill the whole picture with sky, hills and ground."""
    width, height = canvas.camera.width, canvas.camera.height
    top, low = rng.choice(town.sky)
    left, right = _horizon(canvas, -0.8), _horizon(canvas, 0.8)
    end = max(1, int(max(left[1], right[1])) + 2)
    steps = 24
    for step in range(steps):
        y0, y1 = end * step / steps, end * (step + 1) / steps + 1
        canvas.draw.rectangle((0, y0, width, y1), fill=mixed(top, low, (step / steps) ** 0.8))
    for _ in range(rng.randint(0, 7)):
        x, y = rng.uniform(0, width), rng.uniform(0, max(1.0, end * 0.7))
        for _ in range(6):
            w, h = rng.uniform(0.05, 0.2) * width, rng.uniform(0.01, 0.03) * height
            dx, dy = rng.uniform(-0.1, 0.1) * width, rng.uniform(-h, h)
            canvas.draw.ellipse(
                (x + dx - w, y + dy - h, x + dx + w, y + dy + h), fill=(*mixed(low, (255, 255, 255), 0.5), 70)
            )
    slope = (right[1] - left[1]) / max(1.0, right[0] - left[0])

    def horizon(x: float) -> float:
        return left[1] + slope * (x - left[0])

    for ridge in range(rng.randint(0, 2)):
        tone = mixed(town.hills, low, 0.5 - 0.2 * ridge)
        phase, rise = rng.uniform(0, 6), rng.uniform(0.03, 0.13) * height / (ridge + 1)
        points = [
            (
                x,
                horizon(x)
                - rise * (1.1 + math.sin(phase + x / width * 5) + 0.4 * math.sin(phase * 3 + x / width * 14)),
            )
            for x in range(0, width + 20, 20)
        ]
        canvas.draw.polygon([*points, (width, horizon(width) + 3), (0, horizon(0) + 3)], fill=tone)
    ground = canvas.light.on(varied(rng, town.ground, 10), vector(0, 1, 0))
    strips = 14
    for step in range(strips):
        t = (step / strips) ** 1.6
        left_y, right_y = (horizon(x) + t * (height - horizon(x)) for x in (0, width))
        tone = scaled(mixed(low, ground, min(1.0, 0.55 + step / strips)), 1.0 - 0.12 * step / strips)
        canvas.draw.polygon(((0, left_y), (width, right_y), (width, height * 2), (0, height * 2)), fill=tone)
    for _ in range(40):
        z, x = rng.uniform(2.5, 30), rng.uniform(-14, 14)
        w, d = rng.uniform(0.2, 2.0), rng.uniform(0.1, 0.6)
        canvas.polygon(
            [vector(x, 0, z), vector(x + w, 0, z), vector(x + w * 0.9, 0, z + d), vector(x, 0, z + d)],
            (*varied(rng, ground, 26), 90),
        )


def _horizon(canvas: Canvas, turn: float) -> tuple[float, float]:
    yaw = canvas.camera.yaw + turn
    far = vector(math.sin(yaw), 0, math.cos(yaw)) * 1e5
    x, y, w = canvas.homogeneous(far + vector(0, canvas.camera.above_m, 0))
    w = max(w, 1.0)
    return x / w, y / w


def draw_road(canvas: Canvas, rng: Random, x: float) -> None:
    """A road that runs away from the camera, with a kerb and a dashed middle line."""
    tone = canvas.light.on(varied(rng, (92, 92, 96), 14), vector(0, 1, 0))
    canvas.polygon(
        [vector(x - 3.4, 0, 1), vector(x + 3.4, 0, 1), vector(x + 3.4, 0, 120), vector(x - 3.4, 0, 120)], tone
    )
    for side in (-3.4, 3.4):
        canvas.polygon(
            [
                vector(x + side - 0.12, 0, 1),
                vector(x + side + 0.12, 0, 1),
                vector(x + side + 0.12, 0, 90),
                vector(x + side - 0.12, 0, 90),
            ],
            scaled(tone, 1.5),
        )
    for step in range(12):
        z = 3 + step * 5.0
        canvas.polygon(
            [
                vector(x - 0.08, 0, z),
                vector(x + 0.08, 0, z),
                vector(x + 0.08, 0, z + 2),
                vector(x - 0.08, 0, z + 2),
            ],
            (220, 220, 214),
        )


def draw_tree(canvas: Canvas, town: Town, rng: Random, x: float, z: float) -> None:
    """A tree with a crown of leaves, or bare."""
    px, py, scale = canvas.pixel(vector(x, 0, z))
    if not scale:
        return
    tall = rng.uniform(3.5, 8) * scale
    trunk = canvas.light.on((84, 66, 50), vector(0, 0.3, -1))
    canvas.draw.line((px, py, px + tall * 0.04, py - tall * 0.6), fill=trunk, width=max(1, int(tall * 0.05)))
    bare = rng.random() < 0.15
    slim = rng.choice((0.3, 0.32, 0.14))
    for _ in range(26 if bare else 44):
        angle, reach = rng.uniform(0, 6.28), math.sqrt(rng.random())
        cx, cy = (
            px + slim * tall * reach * math.cos(angle),
            py - tall * 0.68 + 0.34 * tall * reach * math.sin(angle),
        )
        if bare:
            canvas.draw.line((px + tall * 0.02, py - tall * 0.5, cx, cy), fill=trunk, width=1)
            continue
        size = tall * rng.uniform(0.04, 0.11)
        lift = 0.55 + 0.4 * (py - cy) / tall
        tone = canvas.light.on(scaled(varied(rng, town.foliage, 24), lift + 0.2), vector(0, 0.8, -0.5))
        canvas.draw.ellipse((cx - size, cy - size * 0.8, cx + size, cy + size * 0.8), fill=tone)


def draw_person(canvas: Canvas, rng: Random, x: float, z: float, *, helmet: bool = False) -> None:
    """A standing person, seen whole."""
    px, py, scale = canvas.pixel(vector(x, 0, z))
    if not scale:
        return
    tall = rng.uniform(1.5, 1.85) * scale
    facing = vector(0, 0.4, -1)
    coat, legs = (canvas.light.on(rng.choice(CLOTHES), facing) for _ in range(2))
    skin = canvas.light.on(rng.choice(((214, 172, 140), (180, 134, 104), (120, 84, 62))), facing)
    half, stride = tall * 0.13, rng.uniform(0.02, 0.14) * tall
    width = max(1, int(tall * 0.09))
    canvas.draw.ellipse((px - half * 2, py - half * 0.3, px + half * 2, py + half * 0.3), fill=(15, 15, 20, 70))
    canvas.draw.line((px - stride, py, px, py - tall * 0.48), fill=legs, width=width)
    canvas.draw.line((px + stride, py, px, py - tall * 0.48), fill=scaled(legs, 0.8), width=width)
    canvas.draw.polygon(
        (
            (px - half, py - tall * 0.82),
            (px + half, py - tall * 0.82),
            (px + half * 0.8, py - tall * 0.42),
            (px - half * 0.8, py - tall * 0.42),
        ),
        fill=coat,
    )
    lift = rng.uniform(-0.2, 0.3) * tall
    canvas.draw.line(
        (px + half, py - tall * 0.78, px + half * 2, py - tall * 0.5 - lift),
        fill=scaled(coat, 0.85),
        width=max(1, width * 2 // 3),
    )
    canvas.draw.line(
        (px - half, py - tall * 0.78, px - half * 1.6, py - tall * 0.46),
        fill=scaled(coat, 0.85),
        width=max(1, width * 2 // 3),
    )
    head = tall * 0.075
    canvas.draw.ellipse((px - head, py - tall, px + head, py - tall * 0.84), fill=skin)
    cap = canvas.light.on(
        rng.choice(HELMETS) if helmet else rng.choice(((40, 32, 28), (90, 64, 44), (150, 146, 140))), facing
    )
    canvas.draw.pieslice((px - head * 1.15, py - tall * 1.02, px + head * 1.15, py - tall * 0.88), 180, 360, fill=cap)


def draw_car(canvas: Canvas, rng: Random, x: float, z: float, turn: float) -> None:
    """A parked or driving car."""
    frame = rotation(yaw=turn)
    length, width = rng.uniform(3.8, 4.6), 1.75
    tone = varied(rng, rng.choice(CARS), 10)

    def point(right: float, up: float, back: float) -> Vector:
        return vector(x, 0, z) + frame @ vector(right, up, back)

    light = canvas.light
    canvas.polygon(
        [point(-0.1, 0, -0.15), point(length + 0.1, 0, -0.15), point(length, 0, width), point(0, 0, width)],
        (10, 10, 14, 130),
    )
    end = 0.0 if float(np.dot(point(0, 0, 0), frame[:, 0])) > 0 else length
    outward = frame[:, 0] * (-1 if end == 0.0 else 1)
    canvas.polygon(
        [point(end, 0.25, 0), point(end, 0.25, width), point(end, 0.9, width), point(end, 0.9, 0)],
        light.on(scaled(tone, 0.9), outward),
    )
    canvas.polygon(
        [point(0.0, 0.9, 0), point(length, 0.9, 0), point(length, 0.9, width), point(0.0, 0.9, width)],
        light.on(tone, vector(0, 1, 0)),
    )
    side = canvas.face(point(0, 0, 0), frame[:, 0], frame[:, 1])
    rear = canvas.face(point(0, 0, width), frame[:, 0], frame[:, 1])
    cabin = ((0.5, 0.85), (1.0, 1.42), (length - 1.7, 1.42), (length - 0.9, 0.85))
    rear.polygon(cabin, light.on((40, 46, 54), vector(0, 0, -1)))
    canvas.polygon(
        [side.at(1.0, 1.42), side.at(length - 1.7, 1.42), rear.at(length - 1.7, 1.42), rear.at(1.0, 1.42)],
        light.on(tone, vector(0, 1, 0)),
    )
    side.box(0, 0.25, length, 0.92, side.lit(tone))
    side.polygon(cabin, side.lit((56, 66, 78)))
    side.box(length * 0.46, 0.85, length * 0.46 + 0.1, 1.42, side.lit(tone))
    for wheel in (0.8, length - 0.8):
        ring = [(wheel + 0.33 * math.cos(a / 8 * 6.283), 0.33 + 0.33 * math.sin(a / 8 * 6.283)) for a in range(8)]
        side.polygon(ring, (22, 22, 24))


def draw_pole(canvas: Canvas, rng: Random, x: float, z: float) -> None:
    """A lamp post or a pole with wires."""
    tone = canvas.light.on((80, 80, 82), vector(0, 0.2, -1))
    top = vector(x, rng.uniform(6, 8.5), z)
    canvas.line((vector(x, 0, z), top), tone, 0.16)
    if rng.random() < 0.5:
        canvas.line((top, top + vector(rng.choice((-1.3, 1.3)), 0.1, 0)), tone, 0.1)
        return
    for step in range(3):
        end = top + vector(rng.choice((-30, 30)), rng.uniform(-0.5, 2), rng.uniform(-2, 25))
        middle = (top + end) / 2 - vector(0, 0.9, 0)
        canvas.line((top - vector(0, 0.3 * step, 0), middle, end), (40, 40, 44), 0.02)
