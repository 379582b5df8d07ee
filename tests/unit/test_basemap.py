"""The base map: what a box cuts out of the world."""

from __future__ import annotations

import numpy as np
import pytest

from quakelens.report.basemap import LonLatBox, read_basemap
from quakelens.report.basemap.read import Points
from quakelens.report.chart import Projection


def area(rings: tuple[Points, ...]) -> float:
    """Square degrees; outlines and holes run in opposite directions."""
    total = 0.0
    for ring in rings:
        x, y = ring[:, 0], ring[:, 1]
        total += float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2
    return abs(total)


def test_a_box_inland_is_all_land_and_one_at_sea_is_none() -> None:
    inland = read_basemap().clip(LonLatBox(98.0, 46.0, 99.0, 47.0))
    assert area(inland.land) == pytest.approx(1.0)
    assert inland.coast == ()
    at_sea = read_basemap().clip(LonLatBox(-130.0, 0.0, -128.0, 2.0))
    assert (at_sea.land, at_sea.coast, at_sea.borders) == ((), (), ())


def test_islands_lie_in_the_box_and_have_a_coast() -> None:
    box = LonLatBox(20.2, 37.9, 21.0, 38.6)  # Kefalonia (773 km2) and Ithaca, whole
    clipped = read_basemap().clip(box)
    points = np.concatenate(clipped.land)
    assert points[:, 0].min() >= box.west
    assert points[:, 0].max() <= box.east
    assert points[:, 1].min() >= box.south
    assert points[:, 1].max() <= box.north
    square_km = area(clipped.land) * 111.2**2 * np.cos(np.radians(38.2))
    assert square_km == pytest.approx(773 + 117, rel=0.15)
    assert clipped.borders == ()


def test_borders_lie_between_countries() -> None:
    clipped = read_basemap().clip(LonLatBox(20.0, 39.0, 22.0, 41.0))  # Albania, Greece, North Macedonia
    assert clipped.borders


def test_land_across_the_antimeridian_meets_and_its_cut_is_no_coast() -> None:
    map_ = read_basemap()
    east = map_.clip(LonLatBox(178.0, -18.0, 182.0, -16.0))  # Fiji
    west = map_.clip(LonLatBox(-182.0, -18.0, -178.0, -16.0))
    assert area(east.land) == pytest.approx(area(west.land))
    longitudes = np.concatenate(east.land)[:, 0]
    assert longitudes.min() < 179.5
    assert longitudes.max() > 180.0
    for line in east.coast:
        on_cut = np.abs(line[:, 0] - 180.0) < 1e-6
        assert not (on_cut[:-1] & on_cut[1:]).any()


def test_distances_from_the_epicentre_are_true() -> None:
    # One degree of latitude is 111.19 km on a sphere of 6371 km; to the antipode it is half around.
    projection = Projection(38.2, 179.5)
    xy = projection.xy(np.array([[179.5, 39.2], [180.5, 38.2], [-179.5, 38.2], [179.5, 38.2]]))
    assert xy[0] == pytest.approx((0.0, -111.19), abs=0.01)
    assert xy[1] == pytest.approx(xy[2])
    assert np.hypot(*xy[1]) == pytest.approx(87.38, abs=0.01)
    assert xy[3] == pytest.approx((0.0, 0.0))


def test_no_outline_jumps_across_the_world() -> None:
    map_ = read_basemap()
    for number in range(len(map_.rings)):
        outline = map_.outline(number)
        steps = np.abs(np.diff(outline[:, 0]))[outline[1:, 1] > -89]
        assert steps.max() < 10, number


def test_an_island_on_the_antimeridian_has_its_whole_coast() -> None:
    # Taveuni: 42 km long and 15 km wide, cut by the meridian; its coast turns in all directions.
    clipped = read_basemap().clip(LonLatBox(179.72, -17.02, 180.2, -16.67))
    length = sum(
        float(np.hypot(np.diff(line[:, 0]) * np.cos(np.radians(16.85)), np.diff(line[:, 1])).sum())
        for line in clipped.coast
    )
    assert length * 111.2 > 2 * 42


def test_the_south_pole_is_land() -> None:
    clipped = read_basemap().clip(LonLatBox(-20.0, -90.0, 20.0, -88.0))
    assert area(clipped.land) == pytest.approx(80.0)
