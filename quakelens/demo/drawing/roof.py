"""Roofs."""

from __future__ import annotations

from random import Random

import numpy as np

from quakelens.demo.drawing.block import Block
from quakelens.demo.drawing.canvas import Canvas, Vector, vector
from quakelens.demo.drawing.colour import scaled


def draw_roof(canvas: Canvas, block: Block) -> None:
    """Draw the roof that the style asks for; a flat one has a parapet and sometimes a water tank."""
    height, width, depth = block.height, block.width, block.depth
    rng = Random(block.seed + 2)
    if block.style.roof == "flat":
        if rng.random() < 0.6:
            where = block.corner(rng.uniform(0.1, 0.6) * width, height, depth * 0.4)
            tank = canvas.face(where, block.frame[:, 0], block.frame[:, 1])
            tank.box(0, 0, rng.uniform(1.5, 3.5), rng.uniform(1.0, 2.2), tank.lit(scaled(block.wall, 0.85)))
        return
    rise = (2.6 if block.style.roof == "gable" else 2.1) * rng.uniform(0.8, 1.3)
    roof_slopes(canvas, block, width, depth, height, rise)


def roof_slopes(canvas: Canvas, block: Block, width: float, depth: float, height: float, rise: float) -> None:
    """Draw a gable or hip roof over `width` by `depth` metres that begins at `height`."""
    over = 1.0 if block.style.roof == "pagoda" else 0.5
    inset = depth * 0.5 if block.style.roof in ("hip", "pagoda") else 0.0
    ridge = [
        block.corner(inset, height + rise, depth / 2),
        block.corner(width - inset, height + rise, depth / 2),
    ]
    eaves = [block.corner(-over, height - 0.1, -over), block.corner(width + over, height - 0.1, -over)]
    rear = [
        block.corner(width + over, height - 0.1, depth + over),
        block.corner(-over, height - 0.1, depth + over),
    ]
    for end, peak in (((rear[1], eaves[0]), ridge[0]), ((eaves[1], rear[0]), ridge[1])):
        tone = block.roof if inset else block.wall
        if seen_from_outside(canvas, end[0], end[1], peak):
            canvas.polygon((*end, peak), canvas.light.on(scaled(tone, 0.85), vector(0.6, 0.5, -0.6)))
    colour = canvas.light.on(block.roof, vector(0, 0.8, -0.6))
    soffit = (block.corner(width, height - 0.1, 0), block.corner(0, height - 0.1, 0))
    if float(eaves[0][1]) > float(canvas.eye[1]):
        canvas.polygon((*eaves, *soffit), scaled(colour, 0.5))
    canvas.line(eaves, scaled(colour, 0.45), 0.2)
    if not seen_from_outside(canvas, eaves[0], eaves[1], ridge[1]):
        return
    slope = canvas.face(eaves[0], block.frame[:, 0], (ridge[0] - eaves[0]) - block.frame[:, 0] * (inset + over))
    canvas.polygon((eaves[0], eaves[1], ridge[1], ridge[0]), colour)
    rows = 9
    for row in range(rows):
        share = row / rows
        u0, u1 = (inset + over) * share, width + 2 * over - (inset + over) * share
        slope.line(((u0, share), (u1, share)), (*scaled(colour, 0.72), 150), 0.07)


def seen_from_outside(canvas: Canvas, left: Vector, right: Vector, top: Vector) -> bool:
    """Whether the camera is before a face given by its lower left, lower right and an upper corner."""
    outward = np.cross(top - left, right - left)
    return float(np.dot(canvas.eye - left, outward)) > 0
