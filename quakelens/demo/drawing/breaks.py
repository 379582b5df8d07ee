"""What broken walls look like: open rooms, ragged edges, cracks."""

from __future__ import annotations

import math
from random import Random

from quakelens.demo.drawing.block import Block
from quakelens.demo.drawing.canvas import Face
from quakelens.demo.drawing.colour import Colour, mixed, scaled, varied
from quakelens.demo.drawing.rubble import CONCRETE, RUST, TIMBER

BRICK: Colour = (160, 98, 76)
ROOMS: tuple[Colour, ...] = (
    (196, 206, 190), (214, 196, 170), (186, 200, 214), (216, 190, 190), (204, 204, 200), (222, 214, 160),
)  # fmt: skip


def open_rooms(face: Face, block: Block, u0: float, v0: float, u1: float, v1: float, rng: Random) -> None:
    """Rooms seen where a wall of (u0, v0) to (u1, v1) metres fell out, with the floors' ends."""
    storey = block.style.storey_m
    face.box(u0, v0, u1, v1, face.lit((58, 52, 48), 0.75))
    v = math.floor(v0 / storey) * storey
    while v < v1 - 0.5:
        low, high = max(v, v0), min(v + storey, v1)
        middle = rng.uniform(u0 + 0.3 * (u1 - u0), u0 + 0.7 * (u1 - u0))
        for left, right in ((u0, middle), (middle, u1)):
            room = face.lit(varied(rng, rng.choice(ROOMS), 14), rng.uniform(0.42, 0.72))
            face.box(left + 0.3, low + 0.2, right - 0.25, high - 0.5, room)
            face.polygon(
                ((left, low), (left + 0.3, low + 0.2), (left + 0.3, high - 0.5), (left, high)),
                scaled(room, 0.6),
            )
            face.polygon(
                ((left, low), (right, low), (right - 0.25, low + 0.2), (left + 0.3, low + 0.2)),
                face.lit(TIMBER, 0.6),
            )
            if right - left > 1.6:
                u = rng.uniform(left + 0.4, right - 1.2)
                face.box(
                    u,
                    low + 0.15,
                    u + rng.uniform(0.5, 1.1),
                    low + rng.uniform(0.6, 1.7),
                    face.lit(varied(rng, TIMBER, 50), 0.7),
                )
            if rng.random() < 0.4:
                u = rng.uniform(left + 0.3, right - 0.8)
                face.box(u, low + 1.1, u + 0.7, low + 2.0, (26, 28, 34))
        sag = rng.uniform(-0.5, 0.1)
        plate = face.lit(CONCRETE if block.style.surface in ("plaster", "panel") else TIMBER)
        face.polygon(((u0 - 0.1, v), (u1 + 0.1, v + sag), (u1 + 0.1, v + sag + 0.24), (u0 - 0.1, v + 0.24)), plate)
        for _ in range(3):
            u = rng.uniform(u0, u1)
            face.line(((u, v + 0.1), (u + rng.uniform(-0.3, 0.3), v - rng.uniform(0.3, 1.0))), face.lit(RUST), 0.05)
        v += storey
    inner = face.lit(mixed(BRICK, block.wall, 0.4))
    ragged_edge(face, (u0, v0), (u0, v1), 0.5, inner, rng)
    ragged_edge(face, (u1, v0), (u1, v1), -0.5, inner, rng)
    ragged_edge(face, (u0, v0), (u1, v0), 0.0, inner, rng)


def ragged_edge(
    face: Face, start: tuple[float, float], end: tuple[float, float], inward: float, tone: Colour, rng: Random
) -> None:  # fmt: skip
    """A ragged edge of broken wall along a line; `inward` metres to the right, 0 for upwards."""
    length = math.dist(start, end)
    count = max(3, int(length / 0.6))
    for number in range(count):
        t0, t1 = number / count, (number + 1) / count
        a = (start[0] + (end[0] - start[0]) * t0, start[1] + (end[1] - start[1]) * t0)
        b = (start[0] + (end[0] - start[0]) * t1, start[1] + (end[1] - start[1]) * t1)
        reach = rng.uniform(-0.5, 1.6)
        tip = ((a[0] + b[0]) / 2 + inward * reach, (a[1] + b[1]) / 2 + (0.0 if inward else 0.5 * abs(reach)))
        face.polygon((a, b, tip), varied(rng, tone, 16))


def crack(face: Face, width: float, height: float, severity: float, rng: Random, wall: Colour) -> None:
    """Crosses of diagonal cracks, with bare brick where plaster fell off."""
    for _ in range(round(1 + 5 * severity)):
        u, v = rng.uniform(0.1, 0.8) * width, rng.uniform(0.05, 0.75) * height
        w, h = rng.uniform(1.2, 3.2), rng.uniform(1.5, 3.0)
        if rng.random() < severity:
            patch = [
                (
                    u + w / 2 + w * 0.4 * math.cos(a) * rng.uniform(0.4, 1),
                    v + h / 2 + h * 0.35 * math.sin(a) * rng.uniform(0.4, 1),
                )
                for a in (0, 0.9, 1.8, 2.7, 3.6, 4.5, 5.4)
            ]
            face.polygon(patch, face.lit(mixed(BRICK, wall, rng.uniform(0, 0.5)), 0.8))
        for start, end in (((u, v), (u + w, v + h)), ((u, v + h), (u + w, v)))[: rng.randint(1, 2)]:
            path = []
            for step in range(8):
                t = step / 7
                path.append(
                    (
                        start[0] + (end[0] - start[0]) * t + rng.uniform(-0.14, 0.14),
                        start[1] + (end[1] - start[1]) * t + rng.uniform(-0.14, 0.14),
                    )
                )
            face.line(path, face.lit((46, 40, 36)), 0.06 + 0.14 * severity * rng.random())
