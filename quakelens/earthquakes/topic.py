"""What people post about one earthquake: its words and towns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, zip_longest

from quakelens.earthquakes import places
from quakelens.earthquakes.area import ShakenArea
from quakelens.params import Words
from quakelens.sources.topic import Topic

_TAGGED = 2
"""Countries whose name is joined with a word to a hashtag."""

_LONGEST_NAME = 14
"""Letters of the longest country name that people put into a hashtag."""

_ENGLISH_TAGS = ("#{}Earthquake", "#Earthquake{}", "#{}Quake")
_TAGS = {"es": ("#Terremoto{}", "#Sismo{}"), "pt": ("#Terremoto{}", "#Sismo{}")}
"""In languages that mostly write a country's name as English does."""


def topic_of(area: ShakenArea, words: Mapping[str, Words]) -> Topic:
    """The words of an area's languages, hashtags made of its countries' names, and the names of its towns.

    Args:
        area: The shaken area.
        words: harvest.words.
    """
    spoken = [words[language] for language in area.languages if language in words]
    common = _in_turn([each.earthquake[:1] for each in spoken])
    return Topic(
        words=tuple(dict.fromkeys((*common, *_tags(area), *_in_turn([each.earthquake for each in spoken])))),
        towns=tuple(dict.fromkeys(name for town in area.towns for name in town.names)),
        languages=tuple(language for language in area.languages if language in words),
        near=_in_turn([_in_turn([each.collapse, each.damage]) for each in spoken]),
    )


def _tags(area: ShakenArea) -> list[str]:
    """Such as `#NepalEarthquake`: X finds whole hashtags only, so that `earthquake` does not find it.

    Of 1,360 posts about the earthquake of 2015 in Nepal every fourth had no other word for it.
    """
    tags: list[str] = []
    for code in area.countries[:_TAGGED]:
        country = places.country(code)
        name = "".join(country.name.split()) if country else ""
        if name.isalpha() and len(name) <= _LONGEST_NAME:
            forms = [*_ENGLISH_TAGS, *(form for language in area.languages for form in _TAGS.get(language, ()))]
            tags += [form.format(name) for form in forms]
    return tags


def _in_turn(groups: Sequence[Iterable[str]]) -> tuple[str, ...]:
    """The first of each group, then the second of each: the most common words of all languages come first."""
    return tuple(dict.fromkeys(word for word in chain.from_iterable(zip_longest(*groups)) if word is not None))
