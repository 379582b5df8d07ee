"""What lies about: heaps of broken wall, slabs, reinforcing bars, beams, tiles and belongings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from quakelens.demo.drawing.canvas import Canvas, Vector, rotation, vector
from quakelens.demo.drawing.colour import Colour, mixed, scaled, varied

RUST: Colour = (112, 66, 46)
CONCRETE: Colour = (168, 166, 160)
TIMBER: Colour = (112, 84, 58)


@dataclass(frozen=True, slots=True)
class Heap:
    """One heap: the middle of its foot and its half-width, half-depth and height, metres.

    `slabs`, `bars`, `beams` and `things` count what sticks out of it; `tones` are its colours.
    """

    x: float
    z: float
    width: float
    depth: float
    height: float
    tones: tuple[Colour, ...]
    pieces: int = 150
    slabs: int = 4
    bars: int = 8
    beams: int = 4
    things: int = 4


def draw_heap(canvas: Canvas, heap: Heap, rng: Random) -> None:
    """Draw a heap from back to front."""
    _mound(canvas, heap, rng)
    items = (
        [(_piece, rng.random()) for _ in range(heap.pieces)]
        + [(_slab, 0.15 + 0.75 * rng.random()) for _ in range(heap.slabs)]
        + [(_bars, rng.random()) for _ in range(heap.bars)]
        + [(_beam, rng.random()) for _ in range(heap.beams)]
        + [(_thing, 0.3 + 0.7 * rng.random()) for _ in range(heap.things)]
    )
    for draw, nearness in sorted(items, key=lambda item: item[1]):
        draw(canvas, heap, _place(heap, nearness, rng), rng)


def scatter(
    canvas: Canvas, rng: Random, *, x: float, z: float, width: float, depth: float,
    tones: tuple[Colour, ...], pieces: int,
) -> None:  # fmt: skip
    """Loose pieces on the ground, no heap; `width` and `depth` are half extents in metres."""
    flat = Heap(x, z, width, depth, 0.05, tones, pieces)
    for nearness in sorted(rng.random() for _ in range(pieces)):
        _piece(canvas, flat, _place(flat, nearness, rng), rng)


def _place(heap: Heap, nearness: float, rng: Random) -> Vector:
    across = rng.uniform(-1, 1) * rng.uniform(0.4, 1)
    along = 1 - 2 * nearness
    top = heap.height * max(0.0, 1 - across * across - 0.5 * along * along) * (0.55 + 0.45 * (1 - nearness))
    return vector(heap.x + across * heap.width, top * rng.uniform(0.6, 1.05), heap.z + along * heap.depth)


def _mound(canvas: Canvas, heap: Heap, rng: Random) -> None:
    tone = canvas.light.on(scaled(heap.tones[0], 0.62), vector(0, 1, 0))
    for layer, shade in ((0.6, 0.8), (0.1, 1.0), (-0.5, 1.12)):
        z = heap.z + heap.depth * layer
        outline = []
        for step in range(15):
            t = step / 7 - 1
            rise = heap.height * (1 - t * t) * (0.8 + 0.2 * layer) * rng.uniform(0.75, 1.1)
            outline.append(vector(heap.x + t * heap.width, max(0.0, rise), z))
        outline[0][1] = outline[-1][1] = 0.0
        foot = [
            vector(heap.x + heap.width, 0, z - heap.depth * 0.4),
            vector(heap.x - heap.width, 0, z - heap.depth * 0.4),
        ]
        canvas.polygon([*outline, *foot], scaled(tone, shade))


def _piece(canvas: Canvas, heap: Heap, at: Vector, rng: Random) -> None:
    x, y, scale = canvas.pixel(at)
    size = scale * rng.choice((0.12, 0.18, 0.25, 0.4, 0.6)) * rng.uniform(0.7, 1.2)
    if size < 1.0:
        return
    tone = canvas.light.on(varied(rng, rng.choice(heap.tones), 30), vector(0, 0.9, -0.4))
    corners, start = rng.randint(4, 6), rng.uniform(0, 6.28)
    shape = []
    for number in range(corners):
        angle = start + number * 6.283 / corners + rng.uniform(-0.3, 0.3)
        shape.append((x + size * math.cos(angle), y + size * 0.62 * math.sin(angle)))
    drop = size * rng.uniform(0.25, 0.6)
    canvas.draw.polygon([(px + drop * 0.3, py + drop) for px, py in shape], fill=scaled(tone, 0.42))
    canvas.draw.polygon(shape, fill=tone)
    if size > 5:
        canvas.draw.polygon([*shape[: corners // 2], (x, y)], fill=scaled(tone, rng.uniform(0.75, 0.92)))


def _slab(canvas: Canvas, heap: Heap, at: Vector, rng: Random) -> None:
    frame = rotation(rng.uniform(-1.2, 1.2), rng.uniform(-0.9, 0.5), rng.uniform(-0.7, 0.7))
    length, breadth = rng.uniform(1.5, 4.0), rng.uniform(1.2, 2.6)
    draw_slab(canvas, at, frame, length, breadth, mixed(CONCRETE, rng.choice(heap.tones), 0.35), rng)


def draw_slab(
    canvas: Canvas, at: Vector, frame: Vector, length: float, breadth: float, tone: Colour, rng: Random
) -> None:
    """A broken floor slab with one ragged end from which bars stick out."""
    right, down, back = frame[:, 0], -frame[:, 1] * 0.25, frame[:, 2]
    near = at - right * length / 2 - back * breadth / 2
    ragged = [near + right * (length * rng.uniform(0.86, 1.08)) + back * breadth * t for t in (0, 0.3, 0.55, 0.8, 1)]
    top = [near, *ragged, near + back * breadth]
    lit = canvas.light.on(tone, frame[:, 1])
    canvas.polygon([near, ragged[0], ragged[0] + down, near + down], scaled(lit, 0.55))
    canvas.polygon([*ragged, *[p + down for p in reversed(ragged)]], scaled(lit, 0.45))
    canvas.polygon(top, lit)
    for start in ragged[::2]:
        end = start + right * rng.uniform(0.3, 1.1)
        bend = end + vector(rng.uniform(-0.2, 0.2), rng.uniform(-0.5, 0.2), 0)
        canvas.line((start + down * 0.5, end, bend), canvas.light.on(RUST, vector(0, 1, 0)), 0.04)


def _bars(canvas: Canvas, heap: Heap, at: Vector, rng: Random) -> None:
    for _ in range(rng.randint(1, 4)):
        lean = vector(rng.uniform(-0.8, 0.8), rng.uniform(0.5, 1.5), 0)
        middle = at + lean
        tip = middle + vector(rng.uniform(-0.7, 0.7), rng.uniform(-0.5, 0.4), 0)
        canvas.line((at, middle, tip), canvas.light.on(RUST, vector(0, 1, -0.3)), 0.04)


def _beam(canvas: Canvas, heap: Heap, at: Vector, rng: Random) -> None:
    angle = rng.uniform(-0.7, 0.7)
    half = vector(math.cos(angle), math.sin(angle), rng.uniform(-0.4, 0.4)) * rng.uniform(0.8, 2.2)
    tone = canvas.light.on(varied(rng, TIMBER, 25), vector(0, 0.8, -0.6))
    canvas.line((at - half + vector(0, -0.12, 0), at + half + vector(0, -0.12, 0)), scaled(tone, 0.45), 0.2)
    canvas.line((at - half, at + half), tone, 0.2)


def _thing(canvas: Canvas, heap: Heap, at: Vector, rng: Random) -> None:
    """A mattress, cloth, cupboard or door among the rubble."""
    tone = rng.choice(((176, 70, 66), (76, 104, 160), (222, 214, 200), (110, 140, 96), (196, 170, 90)))
    frame = rotation(rng.uniform(-1, 1), rng.uniform(-0.8, 0.2), rng.uniform(-0.8, 0.8))
    right, up = frame[:, 0] * rng.uniform(0.5, 1.5), frame[:, 1] * rng.uniform(0.3, 0.9)
    canvas.polygon((at, at + right, at + right + up, at + up), canvas.light.on(tone, vector(0, 0.8, -0.5)))
