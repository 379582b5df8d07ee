"""Queries for X."""

import re
from collections.abc import Sequence
from itertools import product

import pytest
from earthquake_cases import CASES
from harvest_world import params
from hypothesis import given, settings
from hypothesis import strategies as st

from quakelens.demo.servers.x_query import Searchable, compile_query, fold
from quakelens.earthquakes.area import shaken_area
from quakelens.earthquakes.topic import topic_of
from quakelens.errors import UsageError
from quakelens.sources.queries import length, make_queries
from quakelens.sources.topic import Topic

SUFFIX = " has:media -is:nullcast"
WORDS = params().harvest.words
LIMITS = (512, 1024, 4096)


def post(text: str, *, media: bool = True) -> Searchable:
    return Searchable(text, "und", "somebody", None, media, has_geo=False, is_retweet=False)


def found_by(queries: Sequence[str], text: str) -> int:
    """How many of the queries find a post."""
    return sum(compile_query(query)(post(text)) for query in queries)


def test_quotes_phrases_and_words_with_signs_and_drops_repeated_words() -> None:
    topic = Topic(("earthquake", "tremblement de terre", "Earthquake", "a-b", 'say "it"', "OR", "#quake", " "))
    assert make_queries(topic, max_chars=512) == [
        '(earthquake OR "tremblement de terre" OR "a-b" OR "say it" OR "OR" OR #quake)' + SUFFIX
    ]


def test_towns_come_first_with_all_words_and_general_queries_leave_them_out() -> None:
    topic = Topic(("deprem",), towns=("Nurdağı", "Mexico City"), near=("enkaz",))
    assert make_queries(topic, max_chars=512) == [
        '(Nurdağı OR "Mexico City" OR #MexicoCity) (deprem OR enkaz)' + SUFFIX,
        '(deprem) -Nurdağı -"Mexico City" -#MexicoCity' + SUFFIX,
    ]


def test_what_is_found_and_what_is_not() -> None:
    queries = make_queries(Topic(("deprem",), towns=("Nurdağı", "Mexico City"), near=("enkaz",)), max_chars=512)
    for text, times in [
        ("Nurdağı'da deprem", 1),
        ("enkaz #Nurdağı", 1),
        ("NURDAGI deprem", 1),
        ("enkaz in #MexicoCity", 1),
        ("Adana'da deprem", 1),
        ("Adana'da enkaz", 0),
        ("Nurdağı", 0),
        ("Mexico, a city: enkaz", 0),
    ]:
        assert found_by(queries, text) == times, text
    assert not any(compile_query(query)(post("Nurdağı deprem", media=False)) for query in queries)


def test_names_that_are_common_words_are_searched_for_as_hashtags() -> None:
    queries = make_queries(Topic(("quake",), towns=("Split", "Van", "L'Aquila"), near=("damage",)), max_chars=512)
    assert queries[0].startswith('(#Split OR #Van OR "L\'Aquila" OR #LAquila) ')
    assert found_by(queries, "damage: they split the van") == 0
    assert found_by(queries, "damage in #Van") == 1


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("case", CASES)
def test_queries_of_real_places_are_legal_and_few(case: str, limit: int) -> None:
    topic = topic_of(shaken_area(CASES[case], None, WORDS), WORDS)
    queries = make_queries(topic, max_chars=limit)
    assert queries == make_queries(topic, max_chars=limit)
    assert len(queries) == len(set(queries)) <= {512: 7, 1024: 3, 4096: 2}[limit]
    for query in queries:
        assert length(query) <= limit
        assert query.endswith(SUFFIX)
        assert "-(" not in query
        compile_query(query)
    assert "(" not in queries[-1][1:]  # the last one names no town to be there
    # Words that the stand-in cannot tell apart: it drops vowel signs, and finds parts of words in some scripts.
    every = {*topic.words, *topic.near}
    alike = {word: sum(fold(other) in fold(word) for other in every) for word in every}
    for word in topic.words:
        assert 1 <= found_by(queries, f"{word}!") <= alike[word], word
    asked = " ".join(queries[:-1])
    towns = [town for town in topic.towns if re.search(rf'[(" ]{re.escape(town)}[)" ]', asked)]
    assert len(towns) >= min(5, len(topic.towns))
    for town, word in product(towns, topic.near):
        assert 1 <= found_by(queries, f"{town}, {word}") <= alike[word], (town, word)


def test_a_post_with_the_most_common_words_is_not_paid_for_twice() -> None:
    for case in CASES:
        topic = topic_of(shaken_area(CASES[case], None, WORDS), WORDS)
        queries = make_queries(topic, max_chars=512)
        common = topic.words[: len(topic.languages)]
        for town, word, other in product(topic.towns[:3], common, (*topic.words, *topic.near)):
            assert found_by(queries, f"{town} {word} {other}") == 1, (case, town, word, other)


def test_towns_that_leave_no_room_for_words_are_left_to_the_general_query() -> None:
    towns = tuple(f"Town{letter * 20}" for letter in "abcdefghijklmnopqrstuvwxyz")
    queries = make_queries(Topic(("quake",), towns=towns, near=("damage",)), max_chars=512)
    assert found_by(queries, f"damage in {towns[0]}") == 1
    assert found_by(queries, f"damage in {towns[-1]}") == 0
    assert found_by(queries, f"quake in {towns[-1]}") == 1
    assert found_by(queries, f"quake in {towns[0]}") == 1


def test_length_counts_as_x_does() -> None:
    assert length("deprem") == 6
    assert length("Nurdağı") == length("Nurdag\u0306ı") == 7
    assert length("भूकम्प") == 6
    assert length("زلزال") == 5
    assert length("地震") == 4
    assert length("지진") == 4


def test_refuses_no_words_and_a_word_that_is_too_long() -> None:
    with pytest.raises(UsageError, match="no word"):
        make_queries(Topic(("", "...")), max_chars=512)
    with pytest.raises(UsageError, match="does not fit"):
        make_queries(Topic(("quake", "x" * 60)), max_chars=64)
    with pytest.raises(UsageError):
        make_queries(Topic(("quake",), towns=("Town",), near=("x" * 60,)), max_chars=64)


texts = st.text(
    st.one_of(st.characters(categories=("L", "N", "M", "P", "Z", "S", "Cf")), st.sampled_from('"#-: ()')), max_size=30
)
plain = st.text("abcdefgh", min_size=4, max_size=8)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(texts, max_size=12), st.lists(texts, max_size=12), st.lists(texts, max_size=8),
    st.sampled_from((128, 256, *LIMITS)),
)  # fmt: skip
def test_whatever_the_words_are_queries_are_legal(
    words: list[str], near: list[str], towns: list[str], limit: int
) -> None:
    try:
        queries = make_queries(Topic(tuple(words), tuple(towns), near=tuple(near)), max_chars=limit)
    except UsageError as error:
        assert "no word" in str(error) or "fit" in str(error) or "room" in str(error)
        return
    for query in queries:
        assert length(query) <= limit
        compile_query(query)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(plain, min_size=1, max_size=30, unique=True), st.lists(plain, max_size=30, unique=True),
    st.lists(plain, max_size=10, unique=True), st.sampled_from((160, 512, 1024)),
)  # fmt: skip
def test_together_they_find_everything(words: list[str], near: list[str], towns: list[str], limit: int) -> None:
    towns = [f"{town}town" for town in towns]
    queries = make_queries(Topic(tuple(words), tuple(towns), near=tuple(near)), max_chars=limit)
    asked = " ".join(query for query in queries if ") (" in query)
    for word in words:
        assert found_by(queries, f"a {word}") == 1
    for town, word in product([town for town in towns if town in asked], [*words, *near]):
        assert found_by(queries, f"{word} {town}") == 1
    for town, word in product(towns, words):
        assert found_by(queries, f"{word} {town}") == 1
    for word in set(near) - set(words):
        assert found_by(queries, f"a {word}") == 0
