"""The map: what is drawn, in kilometres around the epicentre."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from quakelens.report.basemap import LonLatBox, read_basemap
from quakelens.report.basemap.read import Points
from quakelens.report.rows import position
from quakelens.report.text import one_line, plural
from quakelens.report.towns import Town, towns_in
from quakelens.report.view import PictureRow, PostRow, ReportView

EARTH_KM = 6371.0
"""Mean radius."""

_MIN_HALF_KM = 150.0
_MAX_HALF_KM = 600.0
_REACH = 3.0
"""The drawn part reaches so many times the first view, for wide screens and for zooming out."""
_STEPS = 700
"""Grid steps in half a view; finer detail is dropped."""
_TOWNS = ((_REACH, 160), (1.0, 60), (0.3, 40))
"""Share of the first view around the epicentre, and how many of its largest towns may be named: zooming
in finds the small ones near the epicentre."""
_RINGS_KM = (25, 50, 100, 200, 400)


@dataclass(frozen=True, slots=True)
class Spot:
    """One place on the map with the posts located there; x east and y south of the epicentre, km."""

    x: float
    y: float
    kind: str
    decision: str
    pictures: int
    posts: int
    label: str


@dataclass(frozen=True, slots=True)
class Label:
    """A town's name on the map; x east and y south of the epicentre, km."""

    name: str
    x: float
    y: float
    population: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything on the map.

    Attributes:
        half_km: From the epicentre to the edge of the first view.
        reach_km: From the epicentre to the edge of what is drawn.
        step_km: Kilometres a unit of the paths.
        land: SVG path of filled land; `coast` and `borders` likewise, to be stroked.
        rings: Radii in km.
        spots: Most posts first, so that small ones are drawn on top.
        spot_of: Source and id of a post to the number of its spot.
        beyond: Located posts too far away to be drawn.
    """

    half_km: float
    reach_km: float
    step_km: float
    land: str
    coast: str
    borders: str
    rings: tuple[int, ...]
    spots: tuple[Spot, ...]
    spot_of: dict[tuple[str, str], int]
    beyond: int
    towns: tuple[Label, ...]


class Projection:
    """Azimuthal equidistant around the epicentre: distances from it are true, so rings are circles."""

    def __init__(self, latitude: float, longitude: float) -> None:
        self._lat, self._lon = math.radians(latitude), math.radians(longitude)

    def xy(self, degrees: Points) -> Points:
        """(n, 2) longitude and latitude in degrees to (n, 2) km east and south of the epicentre."""
        lon, lat = np.radians(degrees[:, 0]) - self._lon, np.radians(degrees[:, 1])
        sin0, cos0 = math.sin(self._lat), math.cos(self._lat)
        cosine = sin0 * np.sin(lat) + cos0 * np.cos(lat) * np.cos(lon)
        angle = np.arccos(np.clip(cosine, -1, 1))
        stretch = EARTH_KM / np.maximum(np.sinc(angle / np.pi), 1e-9)
        east = stretch * np.cos(lat) * np.sin(lon)
        north = stretch * (cos0 * np.sin(lat) - sin0 * np.cos(lat) * np.cos(lon))
        return np.stack([east, -north], axis=1)


def draw(view: ReportView) -> Chart:
    """Project coast, borders, towns and the located posts of a report."""
    quake = view.earthquake
    projection = Projection(quake.latitude, quake.longitude)
    groups = _groups(view.pictures)
    at = _project(projection, [(key[1], key[0]) for key in groups])
    distances = np.hypot(at[:, 0], at[:, 1])
    near = distances[distances <= _MAX_HALF_KM]
    half = float(min(_MAX_HALF_KM, max(_MIN_HALF_KM, 1.15 * near.max(initial=0.0))))
    box = _box(quake.latitude, quake.longitude, half * _REACH)
    clipped = read_basemap().clip(box)
    step = half / _STEPS
    spots, spot_of, beyond = _spots(groups, at, half * _REACH)
    towns = _towns(quake.latitude, quake.longitude, half)
    places = _project(projection, [(town.longitude, town.latitude) for town in towns])
    return Chart(
        half_km=round(half, 1),
        reach_km=round(half * _REACH, 1),
        step_km=step,
        land=_path([projection.xy(ring) for ring in clipped.land], step, closed=True),
        coast=_path([projection.xy(line) for line in clipped.coast], step),
        borders=_path([projection.xy(line) for line in clipped.borders], step),
        rings=tuple(radius for radius in _RINGS_KM if radius <= max(100.0, half)),
        spots=spots,
        spot_of=spot_of,
        beyond=beyond,
        towns=tuple(
            Label(one_line(town.name), round(float(x), 1), round(float(y), 1), town.population)
            for town, (x, y) in zip(towns, places, strict=True)
        ),
    )


def _towns(latitude: float, longitude: float, half: float) -> list[Town]:
    found = {town for share, count in _TOWNS for town in towns_in(_box(latitude, longitude, half * share), count)}
    return sorted(found, key=lambda town: (-town.population, town.name))


Group = list[tuple[PictureRow, PostRow]]


def _groups(pictures: Iterable[PictureRow]) -> dict[tuple[float, float, str], Group]:
    groups: dict[tuple[float, float, str], Group] = {}
    for picture in pictures:
        for post in picture.posts:
            where = position(post)
            if where is not None:
                kind = "point" if post.location_kind == "point" else "place"
                key = (round(where[0], 3), round(where[1], 3), kind)
                groups.setdefault(key, []).append((picture, post))
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def _spots(
    groups: dict[tuple[float, float, str], Group], at: Points, reach: float
) -> tuple[tuple[Spot, ...], dict[tuple[str, str], int], int]:
    spots: list[Spot] = []
    spot_of: dict[tuple[str, str], int] = {}
    beyond: set[tuple[str, str]] = set()
    for (key, group), (x, y) in zip(groups.items(), at, strict=True):
        posts = {(post.source, post.id) for _, post in group}
        if max(abs(x), abs(y)) > reach:
            beyond |= posts
            continue
        pictures = {picture.sha256: picture for picture, _ in group}
        decision = _worst(pictures.values())
        places = [one_line(post.place) for _, post in group if post.place]
        distance = plural(round(math.hypot(x, y)), "km", "km")
        label = (
            f"{places[0] + ': ' if places else ''}{plural(len(posts), 'post')}, "
            f"{plural(len(pictures), 'picture')}, {decision.replace('_', ' ')}; "
            f"{distance} from the epicentre"
            f"{'' if key[2] == 'point' else '; centre of the named place'}"
        )
        spot_of.update(dict.fromkeys(posts, len(spots)))
        spots.append(Spot(round(float(x), 2), round(float(y), 2), key[2], decision, len(pictures), len(posts), label))
    return tuple(spots), spot_of, len(beyond)


def _worst(pictures: Iterable[PictureRow]) -> str:
    kinds = {"recycled" if picture.recycled else picture.decision for picture in pictures}
    order = ("damaged", "unsure", "not_damaged", "recycled")
    return next((kind for kind in order if kind in kinds), "unsure")


def _project(projection: Projection, lon_lat: list[tuple[float, float]]) -> Points:
    return projection.xy(np.array(lon_lat, dtype=np.float64).reshape(-1, 2))


def _box(latitude: float, longitude: float, reach: float) -> LonLatBox:
    # Parallels curve in this projection; the margin keeps the box's edges out of sight.
    curve = reach**2 / (2 * EARTH_KM) * math.tan(math.radians(min(abs(latitude), 85.0)))
    tall = math.degrees((reach + curve) / EARTH_KM)
    south, north = max(-90.0, latitude - tall), min(90.0, latitude + tall)
    narrowest = math.cos(math.radians(min(85.0, max(abs(south), abs(north)))))
    wide = min(179.0, math.degrees(reach / EARTH_KM) / narrowest)
    return LonLatBox(longitude - wide, south, longitude + wide, north)


def _path(lines: Iterable[Points], step: float, *, closed: bool = False) -> str:
    """SVG path data in whole grid steps; points that fall on the one before are dropped."""
    parts: list[str] = []
    for line in lines:
        grid = np.round(line / step).astype(np.int64)
        kept = grid[np.concatenate([[True], (np.diff(grid, axis=0) != 0).any(axis=1)])]
        if len(kept) < (3 if closed else 2):
            continue
        moves = np.diff(kept, axis=0)
        run = " ".join(f"{dx} {dy}" for dx, dy in moves.tolist()).replace(" -", "-")
        parts.append(f"M{kept[0][0]} {kept[0][1]}l{run}{'z' if closed else ''}")
    return "".join(parts)
