"""In which languages people of a country post."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from quakelens.earthquakes import places

ENGLISH = "en"

_MOST = 5
"""Languages of an area, English aside: each makes the search longer."""

_LISTED = 4
"""Languages that GeoNames lists further down are spoken by few."""

_CODES = {
    "zh-CN": "zh-Hans", "zh-SG": "zh-Hans", "zh-TW": "zh-Hant", "zh-HK": "zh-Hant", "zh-MO": "zh-Hant",
    "zh": "zh-Hans", "fil": "tl", "sh": "sr", "ckb": "ku", "diq": "ku", "prs": "fa", "iw": "he", "in": "id",
}  # fmt: skip
"""GeoNames's codes that harvest.words names otherwise."""

_LEARNT = frozenset({"fr", "de", "it", "ru", "ar", "es", "pt"})
"""GeoNames also lists languages that are learnt: these count where they stand first or as a country's own variant,
such as `fr-HT`, or where `_ALSO` says so."""

_ALSO = {"MA": "fr", "TN": "fr", "DZ": "fr", "GE": "ru", "KZ": "ru", "KG": "ru"}
"""Countries where much is posted in a language that stands further down in GeoNames's list or not at all."""

_LITTLE = frozenset({("HR", "sr"), ("AL", "el"), ("IT", "de"), ("IT", "fr"), ("TW", "zh-Hans"), ("HK", "zh-Hans")})
"""Languages of a country in which little is posted from there."""


def languages_of(countries: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """Languages of countries for which there are words: two of the first country, one of each other.

    English is always among them: last, or first where the first country speaks it. A country without any of the
    languages gives its neighbours' first ones.

    Args:
        countries: ISO 3166 codes, the most important first.
        known: Keys of harvest.words.
    """
    found: list[str] = []
    for position, code in enumerate(countries):
        most = 2 if position == 0 else 1
        spoken = _spoken(code, known)
        if not spoken and not _speaks_english(code, within=2):
            place = places.country(code)
            near = [first for each in (place.neighbours if place else ()) for first in _spoken(each, known)[:1]]
            spoken = list(dict.fromkeys(near))
        found += [language for language in spoken[:most] if language not in found]
    if countries and _speaks_english(countries[0], within=1):
        return (ENGLISH, *found[:_MOST])
    return (*found[:_MOST], ENGLISH)


def _spoken(code: str, known: Collection[str]) -> list[str]:
    place = places.country(code)
    if place is None:
        return []
    found: list[str] = []
    for position, full in enumerate(place.languages[:_LISTED]):
        short, _, variant = full.partition("-")
        if short in _LEARNT and position > 0 and not variant:
            continue
        language = _CODES.get(full) or _CODES.get(short) or short
        if language in known and language not in (ENGLISH, *found) and (code, language) not in _LITTLE:
            found.append(language)
    also = _ALSO.get(code)
    if also is not None and also in known and also not in found[:2]:
        found.insert(1, also)
    return found


def _speaks_english(code: str, within: int) -> bool:
    place = places.country(code)
    return place is not None and any(each.partition("-")[0] == ENGLISH for each in place.languages[:within])
