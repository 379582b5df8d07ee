"""What walls are made of: plaster, brick, stone, panels, timber or mud."""

from __future__ import annotations

from random import Random

from quakelens.demo.drawing.canvas import Face
from quakelens.demo.drawing.colour import Colour, mixed, scaled, varied


def paint_surface(
    face: Face, surface: str, width: float, height: float, wall: Colour, trim: Colour, rng: Random
) -> None:
    """Fill a wall of `width` by `height` metres, with stains and the pattern of its material."""
    lit = face.lit(wall)
    face.box(0, 0, width, height, lit)
    fine = face.scale(width / 2, height / 2)
    _stains(face, width, height, lit, 14 if fine > 14 else 5, rng)
    if surface == "brick":
        _courses(face, width, height, lit, 0.24 if fine > 22 else 0.5, rng)
    elif surface == "stone":
        _stones(face, width, height, lit, 0.55 if fine > 14 else 1.1, rng)
    elif surface == "panel":
        _panels(face, width, height, lit)
    elif surface == "timber":
        _timbers(face, width, height, face.lit(scaled(trim, 0.8)))
    elif surface == "mud":
        _stains(face, width, height, lit, 14, rng)
        for _ in range(int(width)):
            u = rng.uniform(0.3, width - 0.3)
            face.box(u, height - 0.65, u + 0.18, height - 0.45, scaled(lit, 0.45))
    face.box(0, 0, width, 0.6, (*scaled(lit, 0.6), 110))


def _stains(face: Face, width: float, height: float, lit: Colour, count: int, rng: Random) -> None:
    for _ in range(count):
        u, v = rng.uniform(0, width), rng.uniform(0, height)
        w, h = rng.uniform(0.2, 1.8), rng.uniform(0.4, 2.5)
        tone = varied(rng, scaled(lit, rng.choice((0.82, 0.9, 1.06))), 8)
        u1, v0 = min(width, u + w), max(0.0, v - h)
        face.polygon(((u, v), (u1, v), (u1 - w * 0.2, v0), (u + w * 0.1, v0)), (*tone, rng.randint(40, 110)))


def _courses(face: Face, width: float, height: float, lit: Colour, step: float, rng: Random) -> None:
    mortar = (*mixed(lit, (196, 188, 178), 0.5), 120)
    rows = int(height / step)
    for row in range(rows):
        face.line(((0, row * step), (width, row * step)), mortar, 0.02)
    for _ in range(int(rows * width / 3)):
        u, row = rng.uniform(0, width - 0.3), rng.randrange(max(1, rows))
        face.box(u, row * step, u + 0.28, (row + 1) * step, (*varied(rng, lit, 26), 140))


def _stones(face: Face, width: float, height: float, lit: Colour, step: float, rng: Random) -> None:
    for row in range(int(height / step)):
        u = -rng.uniform(0, 0.6)
        while u < width:
            length = rng.uniform(0.5, 1.5)
            if rng.random() < 0.6:
                u0, u1 = max(0.0, u), min(width, u + length)
                face.box(u0, row * step, u1, (row + 1) * step - 0.05, (*varied(rng, lit, 18), 150))
            u += length
        face.line(((0, row * step), (width, row * step)), (*scaled(lit, 0.7), 110), 0.03)
    for row in range(int(height / step / 2)):
        for edge in (0.0, width - 0.7):
            face.box(edge, row * 2 * step, edge + 0.7, (row * 2 + 1) * step, scaled(lit, 1.1))


def _panels(face: Face, width: float, height: float, lit: Colour) -> None:
    u = 0.0
    while u < width:
        face.line(((u, 0), (u, height)), (*scaled(lit, 0.66), 150), 0.06)
        u += 3.4
    v = 0.0
    while v < height:
        face.line(((0, v), (width, v)), (*scaled(lit, 0.66), 150), 0.06)
        v += 2.8


def _timbers(face: Face, width: float, height: float, beam: Colour) -> None:
    count = max(2, int(width / 1.6))
    for number in range(count + 1):
        u = width * number / count
        face.line(((u, 0), (u, height)), beam, 0.2)
        if number < count and number % 2 == 0:
            face.line(((u, 0), (u + width / count, min(2.6, height))), beam, 0.14)
    v = 0.0
    while v <= height:
        face.line(((0, v), (width, v)), beam, 0.22)
        v += 2.7
