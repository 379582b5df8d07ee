"""Reading the packed base map and cutting out the part that a map shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_WORLD = Path(__file__).with_name("world.npz")
_SEAM = 0.01
"""Degrees. Land is cut at the antimeridian; nothing that runs along it is a coast."""

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LonLatBox:
    """A part of the world in degrees; west and east may pass -180 or 180, as 175 to 185 does."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True)
class Clipped:
    """What lies in a box, each an (n, 2) float64 array of degrees (longitude, latitude).

    Attributes:
        land: Closed rings, to be filled by the even-odd rule; edges along the box are no coast.
        coast: Open lines.
        borders: Open lines between countries.
    """

    land: tuple[Points, ...]
    coast: tuple[Points, ...]
    borders: tuple[Points, ...]


@dataclass(frozen=True, slots=True)
class BaseMap:
    """Coastlines and borders of the world.

    Attributes:
        arcs: Lines, each an (n, 2) float64 array of degrees (longitude, latitude).
        bounds: (arcs, 4) west, south, east, north of each line.
        rings: Outlines of land as signed arc numbers; `~i` is arc i backwards.
        ring_bounds: (rings, 4) as `bounds`.
        coast: Numbers of the arcs between land and water.
        borders: Numbers of the arcs between two countries.
    """

    arcs: tuple[Points, ...]
    bounds: Points
    rings: tuple[NDArray[np.int32], ...]
    ring_bounds: Points
    coast: NDArray[np.int32]
    borders: NDArray[np.int32]

    def clip(self, box: LonLatBox) -> Clipped:
        """Cut out a box; land that lies across the antimeridian is moved by 360 degrees to meet it."""
        land: list[Points] = []
        coast: list[Points] = []
        borders: list[Points] = []
        for shift in (-360.0, 0.0, 360.0):
            inner = LonLatBox(box.west - shift, box.south, box.east - shift, box.north)
            offset = np.array([shift, 0.0])
            land += [ring + offset for ring in self._land(inner)]
            coast += [line + offset for line in self._lines(self.coast, inner)]
            borders += [line + offset for line in self._lines(self.borders, inner)]
        return Clipped(tuple(land), tuple(coast), tuple(borders))

    def _land(self, box: LonLatBox) -> Iterator[Points]:
        # By the bounds of whole rings: a box inland touches no arc of the ring that it lies in.
        for number in np.flatnonzero(_meets(self.ring_bounds, box)):
            clipped = _clip_ring(self.outline(int(number)), box)
            if len(clipped) > 2:
                yield clipped

    def _lines(self, arcs: NDArray[np.int32], box: LonLatBox) -> Iterator[Points]:
        for arc in arcs[_meets(self.bounds[arcs], box)]:
            yield from _inside(self.arcs[arc], box)

    def outline(self, number: int) -> Points:
        """The corners of a ring, without jumps: one across the antimeridian passes 180 or -180."""
        arcs = [self.arcs[arc] if arc >= 0 else self.arcs[~arc][::-1] for arc in self.rings[number].tolist()]
        points = _without_jumps(np.concatenate(arcs))
        if abs(points[-1, 0] - points[0, 0]) > 180:
            # Antarctica goes once around; it is closed over the pole.
            pole = np.array([[points[-1, 0], -90.0], [points[0, 0], -90.0]])
            points = np.concatenate([points, pole])
        return points


@lru_cache(maxsize=1)
def read_basemap() -> BaseMap:
    """Read the packed file that ships with quakelens; see PROVENANCE.md beside it."""
    with np.load(_WORLD) as packed:
        grid = np.stack([packed["dx"].cumsum(), packed["dy"].cumsum()], axis=1)
        # Arcs hold differences after their first point; the packer made that one relative too.
        points = grid * packed["scale"] + packed["translate"]
        starts = np.concatenate([[0], packed["lengths"].cumsum()[:-1]])
        arcs = tuple(_without_jumps(arc) for arc in np.split(points, starts[1:]))
        points = np.concatenate(arcs)
        low = np.minimum.reduceat(points, starts)
        high = np.maximum.reduceat(points, starts)
        bounds = np.concatenate([low, high], axis=1)
        flat = np.where(packed["rings"] >= 0, packed["rings"], ~packed["rings"])
        cuts = packed["ring_lengths"].cumsum()[:-1]
        first = np.concatenate([[0], cuts])
        ring_low = np.minimum.reduceat(low[flat], first)
        ring_high = np.maximum.reduceat(high[flat], first)
        world = BaseMap(
            arcs=arcs,
            bounds=bounds,
            rings=tuple(np.split(packed["rings"], cuts)),
            ring_bounds=np.concatenate([ring_low, ring_high], axis=1),
            coast=np.unique(flat),
            borders=packed["borders"],
        )
        # Where arcs lie on both sides of the antimeridian, only the whole ring has bounds that hold.
        for number in np.flatnonzero(ring_high[:, 0] - ring_low[:, 0] > 180).tolist():
            outline = world.outline(number)
            world.ring_bounds[number] = [*outline.min(axis=0), *outline.max(axis=0)]
        return world


def _without_jumps(points: Points) -> Points:
    if np.ptp(points[:, 0]) <= 180:
        return points
    return np.stack([np.unwrap(points[:, 0], period=360), points[:, 1]], axis=1)


def _meets(bounds: Points, box: LonLatBox) -> NDArray[np.bool_]:
    west, south, east, north = bounds.T
    meets: NDArray[np.bool_] = (west <= box.east) & (east >= box.west) & (south <= box.north) & (north >= box.south)
    return meets


def _clip_ring(points: Points, box: LonLatBox) -> Points:
    """Cut a closed ring to a box, side by side (Sutherland and Hodgman, 1974)."""
    sides = ((0, 1.0, box.west), (0, -1.0, box.east), (1, 1.0, box.south), (1, -1.0, box.north))
    for axis, sign, limit in sides:
        if len(points) == 0:
            break
        points = _clip_side(points, axis, sign, limit)
    return points


def _clip_side(points: Points, axis: int, sign: float, limit: float) -> Points:
    depth = sign * (points[:, axis] - limit)
    following, next_depth = np.roll(points, -1, axis=0), np.roll(depth, -1)
    inside = depth >= 0
    crosses = inside != (next_depth >= 0)
    step = np.zeros_like(depth)
    step[crosses] = depth[crosses] / (depth[crosses] - next_depth[crosses])
    cut = points + (following - points) * step[:, None]
    both = np.stack([points, cut], axis=1).reshape(-1, 2)
    kept: Points = both[np.stack([inside, crosses], axis=1).reshape(-1)]
    return kept


def _inside(line: Points, box: LonLatBox) -> Iterator[Points]:
    """The stretches of a line with at least one end in the box, whole segments each."""
    x, y = line[:, 0], line[:, 1]
    point = (x >= box.west) & (x <= box.east) & (y >= box.south) & (y <= box.north)
    seam = np.abs(np.abs(x) - 180) < _SEAM
    segment = (point[:-1] | point[1:]) & ~(seam[:-1] & seam[1:])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], segment, [False]]).astype(np.int8)))
    for first, last in edges.reshape(-1, 2):
        yield line[first : last + 1]
