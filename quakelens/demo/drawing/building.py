"""Whole buildings: a block with windows, balconies and shops, and a roof on top."""

from __future__ import annotations

from random import Random

import numpy as np

from quakelens.demo.drawing.block import Block
from quakelens.demo.drawing.canvas import Canvas, Face, vector
from quakelens.demo.drawing.colour import Colour, mixed, scaled, varied
from quakelens.demo.drawing.roof import draw_roof, roof_slopes
from quakelens.demo.drawing.surface import paint_surface

GLASS: tuple[Colour, ...] = ((52, 62, 74), (70, 84, 98), (38, 42, 48), (92, 108, 122))


def draw_building(canvas: Canvas, block: Block, *, roof: bool = True) -> None:
    """Draw a building from back to front, with its shadow on the ground."""
    if block.ground:
        draw_shadow(canvas, block)
    if block.style.roof == "pagoda" and roof and block.storeys > 1:
        _draw_pagoda(canvas, block)
        return
    draw_walls(canvas, block)
    if roof:
        draw_roof(canvas, block)


def draw_shadow(canvas: Canvas, block: Block) -> None:
    """Darken the ground where the building keeps the sun off."""
    sun = np.array(canvas.light.direction)
    reach = min(3.0, block.height / max(0.2, sun[1]) / 6) * 6
    away = vector(-sun[0], 0, -sun[2]) * reach / 2
    base = [
        block.corner(*c) * np.array([1, 0, 1])
        for c in ((0, 0, 0), (block.width, 0, 0), (block.width, 0, block.depth), (0, 0, block.depth))
    ]
    alpha = int(110 * (1 - canvas.light.ambient)) + 20
    for first, second in ((0, 1), (1, 2), (2, 3), (3, 0)):
        canvas.polygon((base[first], base[second], base[second] + away, base[first] + away), (20, 20, 30, alpha))


def draw_walls(canvas: Canvas, block: Block) -> None:
    """Draw the side that can be seen, then the front."""
    eye = canvas.eye
    right, up, back = block.frame[:, 0], block.frame[:, 1], block.frame[:, 2]
    rng = Random(block.seed)
    if np.dot(block.origin - eye, right) > 0:
        side = canvas.face(block.corner(0, 0, block.depth), -back, up)
        _draw_facade(side, block, block.depth, rng, shops=False)
    elif np.dot(block.corner(block.width, 0, 0) - eye, -right) > 0:
        side = canvas.face(block.corner(block.width, 0, 0), back, up)
        _draw_facade(side, block, block.depth, rng, shops=False)
    if np.dot(block.origin - eye, back) > 0:
        _draw_facade(block.front(canvas), block, block.width, Random(block.seed + 1), shops=block.ground)


def _draw_facade(face: Face, block: Block, width: float, rng: Random, *, shops: bool) -> None:
    style = block.style
    paint_surface(face, style.surface, width, block.height, block.wall, block.trim, rng)
    bays = max(1, int(width / style.bay_m))
    bay = width / bays
    has_shops = shops and rng.random() < style.shops
    balcony = [rng.random() < style.balconies for _ in range(bays)]
    shutter = rng.random() < style.shutters
    detailed = face.scale(width / 2, block.height / 2) * bay > 24
    door = rng.randrange(bays)
    for storey in range(block.storeys):
        floor = storey * style.storey_m
        if storey and style.surface != "timber":
            face.box(0, floor - 0.09, width, floor + 0.07, face.lit(scaled(block.wall, 0.86)))
        for number in range(bays):
            left = number * bay
            if storey == 0 and has_shops:
                _draw_shop(face, block, left, bay, rng)
            elif storey == 0 and shops and number == door:
                _draw_door(face, block, left, bay)
            else:
                _draw_window(face, block, left, floor, bay, rng, shutter=shutter, detailed=detailed)
                if storey and balcony[number]:
                    _draw_balcony(face, block, left, floor, bay, rng)
    top = block.height
    face.box(-0.15, top - 0.3, width + 0.15, top + 0.1, face.lit(scaled(block.wall, 1.08)))
    face.box(-0.1, top - 0.42, width + 0.1, top - 0.3, face.lit(scaled(block.wall, 0.62)))


def _draw_window(
    face: Face, block: Block, left: float, floor: float, bay: float, rng: Random,
    *, shutter: bool, detailed: bool,
) -> None:  # fmt: skip
    style = block.style
    w, h = bay * style.window[0], style.storey_m * style.window[1]
    u0, v0 = left + (bay - w) / 2, floor + (style.storey_m - h) * 0.55
    u1, v1 = u0 + w, v0 + h
    glass = face.lit(rng.choice(GLASS), rng.uniform(0.7, 1.25))
    frame = face.lit(mixed(block.wall, (245, 243, 238), 0.6))
    face.box(u0 - 0.1, v0 - 0.12, u1 + 0.1, v1 + 0.1, frame)
    if style.arches:
        steps = [(u0 + w * t, v1 + (0.25 - (t - 0.5) ** 2) * w * 1.2) for t in (0, 0.2, 0.4, 0.6, 0.8, 1)]
        face.polygon([*steps, (u1, v0), (u0, v0)], glass)
    else:
        face.box(u0, v0, u1, v1, glass)
    if not detailed:
        return
    face.box(u0, v1 - 0.22 * h, u1, v1, (*scaled(glass, 0.55), 170))
    if rng.random() < 0.35:
        curtain = face.lit(varied(rng, (214, 208, 196), 25), 0.8)
        face.box(u0, v0, u0 + w * rng.uniform(0.2, 0.5), v1, curtain)
    face.box(u0 + w / 2 - 0.04, v0, u0 + w / 2 + 0.04, v1, frame)
    if rng.random() < 0.5:
        face.box(u0, v0 + h * 0.6, u1, v0 + h * 0.6 + 0.06, frame)
    face.box(u0 - 0.18, v0 - 0.2, u1 + 0.18, v0 - 0.1, face.lit(scaled(block.wall, 1.12)))
    face.box(u0 - 0.18, v0 - 0.28, u1 + 0.18, v0 - 0.2, (20, 18, 16, 60))
    if shutter:
        leaf, shade = w * 0.48, face.lit(block.trim)
        face.box(u0 - leaf, v0, u0 - 0.05, v1, shade)
        face.box(u1 + 0.05, v0, u1 + leaf, v1, shade)
    elif rng.random() < 0.08:
        face.box(u1 + 0.1, v0, u1 + 0.7, v0 + 0.5, face.lit((216, 216, 212)))


def _draw_balcony(face: Face, block: Block, left: float, floor: float, bay: float, rng: Random) -> None:
    out = face.normal
    u0, u1 = left + bay * 0.08, left + bay * 0.92
    low = [face.at(u0, floor), face.at(u1, floor)]
    slab = [*low, low[1] + out, low[0] + out]
    canvas = face.canvas
    canvas.polygon(slab, face.lit(scaled(block.wall, 0.55)))
    rail = canvas.face(low[0] + out, face.along, face.up)
    face.box(u0, floor - 0.7, u1, floor - 0.05, (15, 15, 20, 55))
    rail.box(0, -0.12, u1 - u0, 0.08, face.lit(scaled(block.wall, 0.95)))
    if rng.random() < 0.5:
        rail.box(0, 0.08, u1 - u0, 0.95, face.lit(varied(rng, mixed(block.wall, block.trim, 0.2), 8)))
    else:
        rail.box(0, 0.9, u1 - u0, 0.97, face.lit((66, 66, 70)))
        for step in range(8):
            u = (u1 - u0) * step / 7
            rail.box(u, 0.08, u + 0.04, 0.93, face.lit((72, 72, 76)))
    if rng.random() < 0.25:
        u = rng.uniform(0.1, (u1 - u0) * 0.5)
        rail.box(u, 0.3, u + 0.9, 0.95, face.lit(rng.choice(((210, 80, 70), (90, 120, 190), (230, 226, 216)))))


def _draw_shop(face: Face, block: Block, left: float, bay: float, rng: Random) -> None:
    glass = face.lit(rng.choice(GLASS), rng.uniform(0.6, 1.3))
    sign = face.lit(varied(rng, block.trim, 35))
    face.box(left + 0.15, 0.1, left + bay - 0.15, 2.3, glass)
    if rng.random() < 0.4:
        for step in range(6):
            face.box(left + 0.15, 0.1 + step * 0.37, left + bay - 0.15, 0.28 + step * 0.37, (150, 152, 154, 120))
    face.box(left + 0.08, 2.3, left + bay - 0.08, 2.85, sign)
    face.box(left + bay * 0.2, 2.48, left + bay * rng.uniform(0.5, 0.8), 2.68, (240, 238, 230))


def _draw_door(face: Face, block: Block, left: float, bay: float) -> None:
    u0, u1 = left + bay * 0.3, left + bay * 0.7
    face.box(u0 - 0.12, 0, u1 + 0.12, 2.35, face.lit(scaled(block.wall, 0.8)))
    face.box(u0, 0, u1, 2.2, face.lit(block.trim, 0.8))
    face.box(u0 + 0.1, 1.2, u1 - 0.1, 2.05, face.lit(block.trim, 0.6))


def _draw_pagoda(canvas: Canvas, block: Block) -> None:
    shrink = 1.0
    for tier in range(block.storeys):
        width, depth = block.width * shrink, block.depth * shrink
        origin = block.corner((block.width - width) / 2, tier * block.style.storey_m, (block.depth - depth) / 2)
        level = Block(
            block.style,
            origin,
            block.frame,
            width,
            depth,
            1,
            block.wall,
            block.roof,
            block.trim,
            tier == 0,
            block.seed + tier,
        )
        draw_walls(canvas, level)
        over = 1.1
        eave = Block(
            block.style,
            level.corner(-over, 0, -over),
            block.frame,
            width + 2 * over,
            depth + 2 * over,
            1,
            block.wall,
            block.roof,
            block.trim,
            False,
            block.seed,
        )
        roof_slopes(canvas, eave, eave.width, eave.depth, block.style.storey_m * 0.92, 1.5)
        shrink *= 0.8
