"""What an earthquake does to a building, drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random

from quakelens.demo.drawing.block import Block
from quakelens.demo.drawing.breaks import BRICK, ROOMS, crack, open_rooms, ragged_edge
from quakelens.demo.drawing.building import draw_building, draw_shadow, draw_walls
from quakelens.demo.drawing.canvas import Canvas, rotation, vector
from quakelens.demo.drawing.colour import Colour, mixed, scaled, varied
from quakelens.demo.drawing.roof import draw_roof, seen_from_outside
from quakelens.demo.drawing.rubble import CONCRETE, RUST, TIMBER, Heap, draw_heap, draw_slab
from quakelens.demo.drawing.town import Town


def draw_damaged(canvas: Canvas, town: Town, block: Block, kind: str, severity: float, rng: Random) -> None:
    """Draw a building damaged in one of the ways of `KINDS`; `severity` is 0 (little) to 1."""
    KINDS[kind](canvas, town, block, severity, rng)


def _tones(town: Town, block: Block) -> tuple[Colour, ...]:
    return (town.rubble, block.wall, mixed(town.rubble, CONCRETE, 0.6), scaled(town.rubble, 0.75), BRICK)


def _heap_before(
    canvas: Canvas, town: Town, block: Block, severity: float, rng: Random,
    *, centre: float, share: float, high: float,
) -> None:  # fmt: skip
    """A heap at the foot of the front; `centre` and `share` are of the width, `high` metres."""
    foot = block.corner(block.width * centre, 0, -1.2)
    concrete = block.style.surface in ("plaster", "panel")
    heap = Heap(
        float(foot[0]), float(foot[2]), max(1.5, block.width * share), rng.uniform(1.6, 3.0), high,
        _tones(town, block), pieces=int(60 + 150 * severity),
        slabs=rng.randint(2, 6) if concrete else rng.randint(0, 1),
        bars=rng.randint(4, 10) if concrete else 0,
        beams=rng.randint(2, 5) if concrete else rng.randint(4, 9), things=rng.randint(1, 5),
    )  # fmt: skip
    draw_heap(canvas, heap, rng)


def _pancake(canvas: Canvas, town: Town, block: Block, severity: float, rng: Random) -> None:
    """One or more storeys are gone; those above came down on them, askew."""
    gone = 1 if severity < 0.5 else min(block.storeys - 1, rng.randint(1, 3)) or 1
    below = rng.choice((0, 0, min(1, block.storeys - gone)))
    crushed = gone * 0.4 + 0.2
    draw_shadow(canvas, block)
    if below:
        draw_walls(canvas, replace(block, storeys=below))
    base = below * block.style.storey_m
    tilt = rng.choice((-1, 1)) * rng.uniform(0.02, 0.05 + 0.09 * severity)
    layer = block.front(canvas)
    dark = layer.lit((70, 66, 62), 0.7)
    layer.box(-0.3, base - 0.1, block.width + 0.3, base + crushed + abs(tilt) * block.width, dark)
    for number in range(3 + gone * 3):
        v = base + rng.uniform(0, crushed)
        lift = rng.uniform(-0.3, 0.3)
        thick = rng.uniform(0.12, 0.25)
        u0, u1 = rng.uniform(-0.8, block.width * 0.4), rng.uniform(block.width * 0.5, block.width + 0.8)
        shade = layer.lit(varied(rng, CONCRETE, 20), 0.9 - 0.08 * (number % 3))
        layer.polygon(((u0, v), (u1, v + lift), (u1, v + lift + thick), (u0, v + thick)), shade)
    turned = block.frame @ rotation(rng.uniform(-0.06, 0.06), rng.uniform(-0.03, 0.1) * severity, tilt)
    left = max(1, block.storeys - below - gone)
    shift = block.corner(rng.uniform(-0.8, 0.8), base + crushed + max(0.0, -tilt) * block.width, rng.uniform(-0.9, 0.2))
    upper = replace(block, origin=shift, frame=turned, storeys=left, ground=False)
    draw_building(canvas, upper)
    crack(upper.front(canvas), upper.width, upper.height, severity, rng, block.wall)
    _heap_before(canvas, town, block, severity, rng, centre=rng.uniform(0.3, 0.7), share=0.6, high=crushed * 0.9 + 0.5)


def _lean(canvas: Canvas, town: Town, block: Block, severity: float, rng: Random) -> None:
    """The whole building leans, its foot sunk or broken."""
    angle = rng.choice((-1, 1)) * (0.08 + 0.16 * severity) * rng.uniform(0.8, 1.2)
    frame = block.frame @ rotation(0, rng.uniform(-0.06, 0.03), angle)
    origin = block.corner(0, -0.9 + max(0.0, -angle) * block.width * 0.5, 0)
    leaning = replace(block, origin=origin, frame=frame)
    draw_building(canvas, leaning)
    crack(leaning.front(canvas), leaning.width, leaning.height * 0.6, severity, rng, block.wall)
    side = 0.12 if angle > 0 else 0.88
    _heap_before(canvas, town, block, severity * 0.6, rng, centre=side, share=0.4, high=0.8 + severity)
    _heap_before(canvas, town, block, 0.2, rng, centre=0.5, share=0.55, high=0.5)


def _gap(canvas: Canvas, town: Town, block: Block, severity: float, rng: Random) -> None:
    """A wall fell out and the rooms stand open."""
    draw_building(canvas, block, roof=severity < 0.8 or block.style.roof == "flat")
    span = block.width * (0.25 + 0.45 * severity)
    left = rng.uniform(0.02, 0.96) * (block.width - span)
    low = rng.randint(0, max(0, block.storeys - 2)) * block.style.storey_m
    open_rooms(block.front(canvas), block, left, low, left + span, block.height - 0.2, rng)
    crack(block.front(canvas), block.width, block.height, severity * 0.5, rng, block.wall)
    _heap_before(
        canvas, town, block, severity, rng,
        centre=(left + span / 2) / block.width, share=0.2 + 0.3 * severity, high=1.0 + 1.6 * severity,
    )  # fmt: skip


def _half(canvas: Canvas, town: Town, block: Block, severity: float, rng: Random) -> None:
    """One end of the building is gone; floors hang from what still stands."""
    keep = block.width * (0.75 - 0.4 * severity)
    right_gone = rng.random() < 0.5
    origin = block.origin if right_gone else block.corner(block.width - keep, 0, 0)
    rest = replace(block, origin=origin, width=keep)
    draw_building(canvas, rest, roof=block.style.roof == "flat" or severity < 0.6)
    edge = keep if right_gone else 0.0
    outward = 1.0 if right_gone else -1.0
    face = rest.front(canvas)
    lost = block.width - keep
    for storey in range(rest.storeys):
        v = storey * block.style.storey_m
        reach = lost * rng.uniform(0.15, 0.75) * (1 - 0.5 * storey / rest.storeys)
        room = face.lit(varied(rng, rng.choice(ROOMS), 14), 0.55)
        back = rest.corner(edge, v, rng.uniform(3, 6))
        wall = canvas.face(back, block.frame[:, 0] * outward, block.frame[:, 1])
        wall.polygon(
            (
                (0, 0),
                (reach, 0),
                (reach * 0.8, 1.7),
                (reach * 0.3, block.style.storey_m),
                (0, block.style.storey_m),
            ),
            room,
        )
        drop = -rng.uniform(0, 0.45) * reach
        shade = face.lit(CONCRETE if block.style.surface in ("plaster", "panel") else TIMBER, 0.95)
        tip = edge + outward * reach
        face.polygon(((edge, v), (tip, v + drop), (tip, v + drop + 0.25), (edge, v + 0.28)), shade)
        for _ in range(4):
            t = rng.uniform(0.6, 1)
            bar = (edge + outward * reach * t, v + drop * t)
            face.line(
                (bar, (bar[0] + outward * rng.uniform(0, 0.6), bar[1] - rng.uniform(0.3, 1.2))),
                face.lit(RUST),
                0.05,
            )
    ragged_edge(face, (edge, 0.0), (edge, rest.height), 0.8 * outward, face.lit(mixed(BRICK, block.wall, 0.4)), rng)
    crack(face, keep, rest.height, severity, rng, block.wall)
    centre = (keep + lost / 2) / block.width if right_gone else lost / 2 / block.width
    _heap_before(
        canvas,
        town,
        block,
        severity,
        rng,
        centre=centre,
        share=0.3 + 0.25 * severity,
        high=1.6 + 2.2 * severity,
    )


def _roof(canvas: Canvas, town: Town, block: Block, severity: float, rng: Random) -> None:
    """The roof fell in: bare rafters, ragged wall tops, tiles and beams below."""
    draw_shadow(canvas, block)
    draw_walls(canvas, block)
    face = block.front(canvas)
    top = block.height
    ridge = block.corner(block.width / 2, top + 2, block.depth / 2)
    from_above = seen_from_outside(canvas, block.corner(0, top, 0), block.corner(block.width, top, 0), ridge)
    if severity < 0.5 and block.style.roof != "flat" and from_above:
        draw_roof(canvas, block)
        slope = canvas.face(block.corner(0, top, 0), block.frame[:, 0], vector(0, 0.5, 0) + 0.85 * block.frame[:, 2])
        u, reach = rng.uniform(0.2, 0.6) * block.width, block.width * (0.15 + 0.3 * severity)
        hole = [
            (u + reach * math.cos(a) * rng.uniform(0.6, 1.1), 2.4 + 1.6 * math.sin(a) * rng.uniform(0.6, 1.1))
            for a in (0, 0.7, 1.5, 2.3, 3.1, 3.9, 4.7, 5.5)
        ]
        slope.polygon(hole, (40, 34, 30))
        for step in range(5):
            x = u - reach + 2 * reach * step / 4
            slope.line(((x, 1.0), (x + rng.uniform(-0.3, 0.3), rng.uniform(2.4, 4.0))), slope.lit(TIMBER), 0.14)
    else:
        sky_through = face.lit((74, 66, 60), 0.8)
        notch = [(0.0, top + 0.1)]
        count = 9
        for step in range(count + 1):
            notch.append((block.width * step / count, top - rng.uniform(0.1, 0.5 + 2.0 * severity)))
        notch.append((block.width, top + 0.1))
        face.polygon(notch, sky_through)
        for _ in range(int(7 + 6 * severity)):
            u = rng.uniform(0, block.width)
            foot = block.corner(u, top - rng.uniform(0, 1), rng.uniform(0, 3))
            tip = foot + block.frame @ vector(rng.uniform(-2, 2), rng.uniform(0.2, 2.2), rng.uniform(0, 2))
            canvas.line((foot, tip), canvas.light.on(varied(rng, TIMBER, 20), vector(0, 1, -0.3)), 0.18)
    crack(face, block.width, top, severity, rng, block.wall)
    fallen = replace(town, rubble=mixed(town.rubble, block.roof, 0.45))
    _heap_before(
        canvas,
        fallen,
        block,
        severity,
        rng,
        centre=rng.uniform(0.2, 0.8),
        share=0.3 + 0.3 * severity,
        high=0.7 + severity,
    )


def _heap(canvas: Canvas, town: Town, block: Block, severity: float, rng: Random) -> None:
    """Nothing stands but a stump of wall; the rest is a heap."""
    stump = replace(block, storeys=1 if block.storeys < 4 else 2, width=block.width * rng.uniform(0.25, 0.45))
    if rng.random() < 0.75:
        stump.origin = block.corner(rng.choice((0.0, block.width - stump.width)), 0, block.depth * 0.5)
        stump.depth = block.depth * 0.4
        draw_building(canvas, stump, roof=False)
        ragged_edge(
            stump.front(canvas),
            (0, stump.height),
            (stump.width, stump.height),
            0.0,
            stump.front(canvas).lit(block.wall),
            rng,
        )
    middle = block.corner(block.width / 2, 0, block.depth * 0.35)
    concrete = block.style.surface in ("plaster", "panel")
    high = 1.5 + block.height * (0.12 + 0.22 * severity)
    heap = Heap(
        float(middle[0]), float(middle[2]), block.width * 0.7, block.depth * 0.6, high, _tones(town, block),
        pieces=int(130 + 170 * severity), slabs=rng.randint(5, 11) if concrete else 1,
        bars=rng.randint(8, 18) if concrete else 0, beams=rng.randint(3, 12), things=rng.randint(3, 8),
    )  # fmt: skip
    draw_heap(canvas, heap, rng)
    if concrete:
        for number in range(rng.randint(1, 3)):
            at = block.corner(rng.uniform(0.3, 0.7) * block.width, high * (0.5 + 0.2 * number), 1.0)
            frame = block.frame @ rotation(rng.uniform(-0.4, 0.4), rng.uniform(-0.6, 0), rng.uniform(-0.5, 0.5))
            draw_slab(canvas, at, frame, rng.uniform(3, 6), rng.uniform(2, 4), varied(rng, CONCRETE, 14), rng)


def _cracks(canvas: Canvas, town: Town, block: Block, severity: float, rng: Random) -> None:
    """It stands, with wide diagonal cracks between the windows and plaster fallen off."""
    draw_building(canvas, block)
    crack(block.front(canvas), block.width, block.height, 0.5 + severity / 2, rng, block.wall)
    if severity > 0.4:
        _heap_before(canvas, town, block, 0.1, rng, centre=rng.uniform(0.2, 0.8), share=0.25, high=0.5)


KINDS: dict[str, Callable[[Canvas, Town, Block, float, Random], None]] = {
    "pancake": _pancake, "lean": _lean, "gap": _gap, "half": _half, "roof": _roof, "heap": _heap,
    "cracks": _cracks,
}  # fmt: skip
"""Kinds of damage by name."""
