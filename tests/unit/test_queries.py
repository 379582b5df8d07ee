"""Queries for X."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from harvest_world import EARTHQUAKE

from quakelens.demo.servers.x_query import Searchable, compile_query
from quakelens.earthquakes.topic import topic_of
from quakelens.errors import UsageError
from quakelens.params import read_params
from quakelens.sources.queries import make_queries


def queries_of(words: dict[str, list[str]], place: str | None, max_chars: int) -> list[str]:
    harvest = read_params(Path(__file__).parents[2] / "params.yaml").harvest.model_copy(update={"words": words})
    return make_queries(topic_of(replace(EARTHQUAKE, place=place), harvest), max_chars=max_chars)


SUFFIX = " has:media -is:nullcast"


def post(text: str, *, media: bool = True) -> Searchable:
    return Searchable(text, "tr", "somebody", None, media, has_geo=False, is_retweet=False)


def test_quotes_phrases_and_words_with_signs_and_drops_repeated_words() -> None:
    words = {
        "en": ["earthquake", "building collapsed", "Earthquake"],
        "x": ["a-b", 'say "it"', "OR", "#quake", " "],
    }
    assert queries_of(words, None, 512) == [
        '(earthquake OR "building collapsed" OR "a-b" OR "say it" OR "OR" OR #quake)' + SUFFIX
    ]


def test_splits_into_queries_that_fit_and_together_hold_every_word_once_in_order() -> None:
    words = {"a": [f"word{number:03d}" for number in range(100)], "b": ["भूकम्प", "地震"]}
    queries = queries_of(words, None, 200)
    assert len(queries) > 3
    assert all(len(query) <= 200 for query in queries)
    found = [word for query in queries for word in query[1 : query.index(")")].split(" OR ")]
    assert found == [*words["a"], *words["b"]]
    assert queries == queries_of(words, None, 200)


def test_the_town_is_asked_for_first_and_no_post_is_found_twice() -> None:
    queries = queries_of({"tr": ["deprem", "enkaz"]}, "26 km ENE of Nurdağı, Turkey", 512)
    assert queries == [
        "(Nurdağı OR #Nurdağı) (deprem OR enkaz)" + SUFFIX,
        "(deprem OR enkaz) -Nurdağı -#Nurdağı" + SUFFIX,
    ]
    near, elsewhere = (compile_query(query) for query in queries)
    for text, found in [
        ("Nurdağı'da deprem", (True, False)),
        ("enkaz #Nurdağı", (True, False)),
        ("NURDAGI deprem", (True, False)),
        ("Adana'da deprem", (False, True)),
        ("Nurdağı", (False, False)),
    ]:
        assert (near(post(text)), elsewhere(post(text))) == found, text
    assert not near(post("Nurdağı deprem", media=False))


@pytest.mark.parametrize(
    ("place", "town"),
    [
        ("5.2 km N of Los Angeles, CA", '("Los Angeles" OR #LosAngeles) '),
        ("Pazarcık, Turkey", "(Pazarcık OR #Pazarcık) "),
        ("12km SSW of L'Aquila, Italy", '("L\'Aquila") '),
        ("south of the Fiji Islands", ""),
        ("Vanuatu region", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_reads_the_town_out_of_a_place(place: str | None, town: str) -> None:
    assert queries_of({"en": ["quake"]}, place, 512)[0] == f"{town}(quake){SUFFIX}"


def test_the_words_of_the_project_make_queries_that_the_stand_in_accepts() -> None:
    harvest = read_params(Path(__file__).parents[2] / "params.yaml").harvest
    queries = queries_of(harvest.words, "26 km ENE of Nurdağı, Turkey", harvest.max_query_chars)
    for query in queries:
        assert len(query) <= harvest.max_query_chars
        compile_query(query)
    texts = ["séisme à Katmandou", "भूकम्प", "東京で地震がありました", "a building collapsed", "زلزال"]
    for text in texts:
        assert any(compile_query(query)(post(text)) for query in queries), text


def test_refuses_no_words_and_a_word_that_is_too_long() -> None:
    with pytest.raises(UsageError, match="no word"):
        queries_of({"en": ["", "..."]}, None, 512)
    with pytest.raises(UsageError, match="does not fit"):
        queries_of({"en": ["quake", "x" * 60]}, None, 64)
