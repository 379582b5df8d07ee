"""A pinhole camera and a canvas: polygons given in metres, drawn in pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from quakelens.demo.drawing.colour import Colour, scaled

Vector = NDArray[np.float64]
Homogeneous = tuple[float, float, float]

NEAR_M = 0.4
"""What is nearer to the camera than this is cut off, metres."""


def vector(x: float, y: float, z: float) -> Vector:
    """A point or direction in metres: x to the right, y up, z away from the camera."""
    return np.array([x, y, z], dtype=np.float64)


def rotation(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Vector:
    """A (3, 3) rotation about the y, x and z axes, in radians."""
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    cr, sr = math.cos(roll), math.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    turned: Vector = about_y @ about_x @ about_z
    return turned


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the picture is taken from.

    Attributes:
        width: Pixels.
        height: Pixels.
        focal: Focal length in pixels.
        above_m: Metres above the ground.
        yaw: Radians to the right.
        pitch: Radians upwards.
        roll: Radians.
    """

    width: int
    height: int
    focal: float
    above_m: float = 1.7
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def matrix(self) -> Vector:
        """The (3, 4) projection from metres to homogeneous pixels."""
        inside = np.array([[self.focal, 0, self.width / 2], [0, -self.focal, self.height / 2], [0, 0, 1]])
        turn = rotation(self.yaw, -self.pitch, self.roll).T
        position = vector(0, self.above_m, 0)
        return inside @ np.hstack([turn, -(turn @ position)[:, None]])


@dataclass(frozen=True, slots=True)
class Light:
    """Sun and sky: the direction towards the sun, how much of the light is diffuse (0 to 1), a tint."""

    direction: tuple[float, float, float]
    ambient: float
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def on(self, colour: Colour, normal: Vector) -> Colour:
        """The colour of a surface with this outward normal."""
        facing = max(0.0, float(np.dot(normal, self.direction)))
        power = self.ambient + (1.15 - self.ambient) * facing
        return (
            min(255, int(colour[0] * power * self.tint[0])),
            min(255, int(colour[1] * power * self.tint[1])),
            min(255, int(colour[2] * power * self.tint[2])),
        )


class Canvas:
    """An RGB picture that a camera looks at; fills may have an alpha of 0 to 255."""

    def __init__(self, camera: Camera, light: Light, rng: Random) -> None:
        self.camera = camera
        self.light = light
        self.rng = rng
        self.image = Image.new("RGB", (camera.width, camera.height))
        self.draw = ImageDraw.Draw(self.image, "RGBA")
        self.eye = vector(0, camera.above_m, 0)
        self._matrix = camera.matrix()

    def homogeneous(self, point: Vector) -> Homogeneous:
        """Homogeneous pixels of one point in metres."""
        x, y, w = self._matrix[:, :3] @ point + self._matrix[:, 3]
        return float(x), float(y), float(w)

    def pixel(self, point: Vector) -> tuple[float, float, float]:
        """Pixel x, pixel y and pixels a metre of one point; the scale is 0 behind the camera."""
        x, y, w = self.homogeneous(point)
        if w < NEAR_M:
            return 0.0, 0.0, 0.0
        return x / w, y / w, self.camera.focal / w

    def polygon(self, points: Iterable[Vector], fill: Sequence[int]) -> None:
        """Fill a flat polygon given in metres."""
        self.fill([self.homogeneous(point) for point in points], fill)

    def fill(self, corners: list[Homogeneous], fill: Sequence[int]) -> None:
        """Fill a polygon given in homogeneous pixels, cut off near the camera."""
        if min(corner[2] for corner in corners) < NEAR_M:
            corners = _in_front(corners)
        if len(corners) > 2:
            self.draw.polygon([(x / w, y / w) for x, y, w in corners], fill=_fill(fill))

    def line(self, points: Iterable[Vector], fill: Sequence[int], width_m: float) -> None:
        """Draw an open line given in metres; at least one pixel wide."""
        seen = [corner for corner in map(self.homogeneous, points) if corner[2] >= NEAR_M]
        if len(seen) > 1:
            width = max(1, round(width_m * self.camera.focal / seen[0][2]))
            self.draw.line([(x / w, y / w) for x, y, w in seen], fill=_fill(fill), width=width)

    def face(self, origin: Vector, along: Vector, up: Vector) -> Face:
        """A plane to draw on, with its own coordinates in metres from `origin`."""
        return Face(self, origin, along, up)


class Face:
    """A plane in the scene, drawn on in metres: `u` along it, `v` up it."""

    def __init__(self, canvas: Canvas, origin: Vector, along: Vector, up: Vector) -> None:
        self.canvas = canvas
        self.origin = origin
        self.along = along
        self.up = up
        normal = np.cross(up, along)
        self.normal: Vector = normal / (np.linalg.norm(normal) or 1.0)
        turned = canvas._matrix[:, :3]
        flat = np.column_stack([turned @ along, turned @ up, turned @ origin + canvas._matrix[:, 3]])
        self._h: list[list[float]] = flat.tolist()

    def lit(self, colour: Colour, factor: float = 1.0) -> Colour:
        """The colour in the light that falls on this face."""
        return scaled(self.canvas.light.on(colour, self.normal), factor)

    def at(self, u: float, v: float) -> Vector:
        """The point in metres of the scene."""
        return self.origin + u * self.along + v * self.up

    def polygon(self, points: Iterable[tuple[float, float]], fill: Sequence[int]) -> None:
        """Fill a polygon given in the face's own metres."""
        self.canvas.fill([self._project(u, v) for u, v in points], fill)

    def box(self, u0: float, v0: float, u1: float, v1: float, fill: Sequence[int]) -> None:
        """Fill an upright rectangle."""
        at = self._project
        self.canvas.fill([at(u0, v0), at(u1, v0), at(u1, v1), at(u0, v1)], fill)

    def line(self, points: Iterable[tuple[float, float]], fill: Sequence[int], width_m: float) -> None:
        """Draw an open line; at least one pixel wide."""
        seen = [p for p in (self._project(u, v) for u, v in points) if p[2] >= NEAR_M]
        if len(seen) > 1:
            width = max(1, round(width_m * self.canvas.camera.focal / seen[0][2]))
            self.canvas.draw.line([(x / w, y / w) for x, y, w in seen], fill=_fill(fill), width=width)

    def scale(self, u: float, v: float) -> float:
        """Pixels a metre at a place on the face; 0 behind the camera."""
        w = self._project(u, v)[2]
        return self.canvas.camera.focal / w if w >= NEAR_M else 0.0

    def _project(self, u: float, v: float) -> Homogeneous:
        (a, b, c), (d, e, f), (g, h, i) = self._h
        return a * u + b * v + c, d * u + e * v + f, g * u + h * v + i


def _in_front(corners: list[Homogeneous]) -> list[Homogeneous]:
    """Cut a polygon at the near plane (Sutherland and Hodgman, 1974)."""
    kept: list[Homogeneous] = []
    for here, there in zip(corners, corners[1:] + corners[:1], strict=True):
        if here[2] >= NEAR_M:
            kept.append(here)
        if (here[2] >= NEAR_M) != (there[2] >= NEAR_M):
            t = (NEAR_M - here[2]) / (there[2] - here[2])
            kept.append((here[0] + t * (there[0] - here[0]), here[1] + t * (there[1] - here[1]), NEAR_M))
    return kept


def _fill(fill: Sequence[int]) -> Any:
    return tuple(fill)
