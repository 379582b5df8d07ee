"""The shaken area of an earthquake: its towns with the names that people write, its countries and languages."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from quakelens.earthquakes import places, shaking
from quakelens.earthquakes.detail import Box, Detail, ShakenCity
from quakelens.earthquakes.earthquake import Earthquake
from quakelens.earthquakes.languages import languages_of
from quakelens.earthquakes.scripts import folded, in_language, is_latin, plain_latin

MAX_TOWNS = 12
"""Towns that are searched for; more would make more queries than posts."""

MAX_NAMES = 3
"""Names of one town, the first one among them."""

_SAME_TOWN_KM = 15.0
_SUBURB_KM = 12.0
_SUBURB_SHARE = 0.2
"""A town so near to one that has five times its inhabitants is found by that one's name."""

_SMALL_SHARE = 0.02
"""Countries with less than this share of what is shaken add no language."""

_NEAR_TOWN = re.compile(r"^(?P<km>[\d.,]+) ?km [NSEW]{1,3} of (?P<town>[^,]+), *\S", re.IGNORECASE)
"""How the USGS names a place: by the nearest town."""

_SORANI = frozenset({"IQ", "IR"})
"""Countries where Kurdish is written in Arabic letters; elsewhere it is written in Latin ones."""

_LOCAL_NAMES = {
    "Mexico City": ("CDMX", "Ciudad de México"), "Guatemala City": ("Ciudad de Guatemala",),
    "Panama City": ("Ciudad de Panamá",), "Havana": ("La Habana",), "Rome": ("Roma",), "Naples": ("Napoli",),
    "Milan": ("Milano",), "Turin": ("Torino",), "Florence": ("Firenze",), "Venice": ("Venezia",),
    "Genoa": ("Genova",), "Syracuse": ("Siracusa",), "Lisbon": ("Lisboa",), "Seville": ("Sevilla",),
    "Bucharest": ("București",), "Belgrade": ("Beograd",), "Tirana": ("Tiranë",), "Hanoi": ("Hà Nội",),
    "Vienna": ("Wien",), "Cologne": ("Köln",), "Geneva": ("Genève",),
}  # fmt: skip
"""Towns whose English name their people do not write; their own one is in Latin letters too."""


@dataclass(frozen=True, slots=True)
class Town:
    """A shaken town.

    Attributes:
        name: As a map in English names it.
        names: As people write it, in the languages of the area; the first is `name`.
        latitude: Degrees north.
        longitude: Degrees east.
        population: Inhabitants.
        country: ISO 3166 code; None if it is not known.
        mmi: Intensity, from PAGER or estimated.
    """

    name: str
    names: tuple[str, ...]
    latitude: float
    longitude: float
    population: int
    country: str | None
    mmi: float


@dataclass(frozen=True, slots=True)
class ShakenArea:
    """Where an earthquake was felt enough to damage buildings.

    Attributes:
        towns: Those to search for, the most shaken and most populous first; none in mid-ocean.
        countries: ISO 3166 codes, the most shaken people first.
        languages: Keys of harvest.words, in the order of the countries; English among them, always.
        box: What the ShakeMap shows; None without one.
    """

    towns: tuple[Town, ...]
    countries: tuple[str, ...]
    languages: tuple[str, ...]
    box: Box | None


def shaken_area(earthquake: Earthquake, detail: Detail | None, known_languages: Collection[str]) -> ShakenArea:
    """Find the shaken area: by PAGER where there is a detail, else by magnitude, depth and distance.

    Args:
        earthquake: Where and how strong.
        detail: PAGER and ShakeMap; None without them.
        known_languages: Keys of harvest.words.
    """
    cities = _shaken(detail.cities) if detail is not None and detail.cities else []
    cities = cities or _estimated(earthquake)
    weights: dict[str, float] = {}
    for city in cities:
        if city.country is not None:
            weights[city.country] = weights.get(city.country, 0.0) + 10 ** _rank(city)
    least = _SMALL_SHARE * sum(weights.values())
    countries = sorted((code for code in weights if weights[code] >= least), key=lambda code: -weights[code])
    languages = languages_of(countries, known_languages)
    towns = _towns(cities, languages, known_languages)
    nearest = _nearest_town(earthquake)
    if nearest is not None and folded(_short(nearest)) not in {folded(name) for town in towns for name in town.names}:
        where = (earthquake.latitude, earthquake.longitude)
        small = Town(nearest, _distinct([nearest]), *where, 0, None, _intensity(earthquake, 0.0))
        towns = [*towns[:3], small, *towns[3 : MAX_TOWNS - 1]]
    return ShakenArea(tuple(towns), tuple(countries), languages, detail.box if detail else None)


def _towns(cities: Sequence[ShakenCity], languages: Sequence[str], known: Collection[str]) -> list[Town]:
    """The first `MAX_TOWNS`, without suburbs of others and without those that are listed twice."""
    towns: list[Town] = []
    for city in cities:
        if len(towns) == MAX_TOWNS:
            break
        if any(_is_suburb(city, town) for town in towns):
            continue
        town = _town(city, languages, known)
        if not {folded(name) for name in town.names} & {folded(name) for other in towns for name in other.names}:
            towns.append(town)
    return towns


def _is_suburb(city: ShakenCity, town: Town) -> bool:
    if city.population > _SUBURB_SHARE * town.population:
        return False
    return places.distance_km(city.latitude, city.longitude, town.latitude, town.longitude) <= _SUBURB_KM


def _rank(city: ShakenCity) -> float:
    """What is to be expected of a town: a step of intensity counts as much as ten times the inhabitants.

    PAGER's fatality rates grow by that and more from step to step (Jaiswal and Wald 2010, Earthquake Spectra 26).
    """
    return city.mmi + math.log10(max(city.population, 100))


def _shaken(cities: Sequence[ShakenCity]) -> list[ShakenCity]:
    shaken = [city for city in cities if city.mmi >= shaking.LIGHT_DAMAGE]
    # Without any that is shaken so much, those that are shaken most.
    return sorted(shaken or sorted(cities, key=lambda city: -city.mmi)[:MAX_TOWNS], key=_rank, reverse=True)


def _estimated(earthquake: Earthquake) -> list[ShakenCity]:
    depth, magnitude = _strength(earthquake)
    radius = shaking.radius_km(magnitude, depth)
    return sorted(
        (
            ShakenCity(
                city.name, city.latitude, city.longitude, city.population, city.country,
                shaking.intensity(magnitude, km, depth),
            )
            for city, km in places.cities_near(earthquake.latitude, earthquake.longitude, radius)
        ),
        key=_rank, reverse=True,
    )  # fmt: skip


def _strength(earthquake: Earthquake) -> tuple[float, float]:
    """Depth in kilometres and magnitude, or the usual ones."""
    depth = shaking.USUAL_DEPTH_KM if earthquake.depth_km is None else earthquake.depth_km
    return depth, shaking.USUAL_MAGNITUDE if earthquake.magnitude is None else earthquake.magnitude


def _intensity(earthquake: Earthquake, distance_km: float) -> float:
    depth, magnitude = _strength(earthquake)
    return shaking.intensity(magnitude, distance_km, depth)


def _nearest_town(earthquake: Earthquake) -> str | None:
    """The town by which the USGS names the place, if it is shaken: often too small for other lists."""
    match = _NEAR_TOWN.match(earthquake.place or "") if earthquake.agency == "usgs" else None
    if match is None:
        return None
    depth, magnitude = _strength(earthquake)
    try:
        near = float(match["km"].replace(",", "")) <= shaking.radius_km(magnitude, depth)
    except ValueError:
        return None
    return " ".join(match["town"].split()) if near else None


def _town(city: ShakenCity, languages: Sequence[str], known: Collection[str]) -> Town:
    match = _in_geonames(city)
    name = city.name if match is None else match.name
    others = match.others if match else ()
    own = [each for each in languages_of([city.country], known) if each != "en"] if city.country else []
    if own and not any(is_latin(language) for language in own):
        name = plain_latin(name)  # a transcription, whose signs nobody types
    names = [_short(name), *_LOCAL_NAMES.get(name, ())]
    if folded(plain_latin(city.name)) != folded(plain_latin(name)):
        names.append(city.name)
    for language in dict.fromkeys((*own, *languages)):
        if language != "ku" or city.country in _SORANI:
            # The languages of the town's own country may have two spellings.
            names += in_language(others, language)[: 2 if language in own else 1]
    return Town(name, _distinct(names), city.latitude, city.longitude, city.population, city.country, city.mmi)


def _short(name: str) -> str:
    """`Cebu` for `Cebu City`: it finds both."""
    base = name.removesuffix(" City")
    return name if name in _LOCAL_NAMES or len(base) < 4 else base


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Names that a search tells apart, `MAX_NAMES` at most, and each also without letters of its own."""
    kept: dict[str, str] = {}
    for name in names:
        if len(kept) < MAX_NAMES:
            kept.setdefault(folded(name), name)
    for name in list(kept.values()):
        plain = plain_latin(name)
        if plain.isascii():
            kept.setdefault(folded(plain), plain)
    return tuple(kept.values())


def _in_geonames(city: ShakenCity) -> places.City | None:
    """A town of PAGER's list among GeoNames's, which know its names in other scripts."""
    wanted = folded(city.name)
    around = places.cities_near(city.latitude, city.longitude, _SAME_TOWN_KM)
    for found, _ in around:
        if wanted in {folded(name) for name in (found.name, *found.others)}:
            return found
    return None
