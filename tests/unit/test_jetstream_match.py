"""Which texts talk about an earthquake, in every script of params.yaml."""

import pytest
from harvest_world import params

from quakelens.errors import SourceRefused
from quakelens.sources.jetstream_match import Matcher, fold, query_of
from quakelens.sources.topic import Topic

WORDS = ("building collapsed", *(word for words in params().harvest.words.values() for word in words.earthquake))


@pytest.fixture(scope="module")
def matches() -> Matcher:
    return Matcher(query_of(Topic(words=WORDS)))


@pytest.mark.parametrize("word", WORDS)
def test_each_word_is_found_in_any_case_and_within_a_sentence(matches: Matcher, word: str) -> None:
    assert matches(word)
    assert matches(f"«{word.upper()}», 12:30!")
    assert matches(f"... #{word.replace(' ', '')} now {word}")


@pytest.mark.parametrize(
    "text",
    [
        "Earthquakes again", "depremde yıkıldı", "İZMİR'DE DEPREM", "#izmirdeprem", "seisme a Lyon", "un SÉISME",
        "sismo, dicen", "ΣΕΙΣΜΟΣ ΤΩΡΑ", "وقع الزلزال الآن", "زِلْزَال", "زلزله‌زدگان", "अभी भूकंप आया", "भूकम्पले",
        "大地震だ", "緊急地震速報", "ယနေ့ငလျင်လှုပ်", "Tërmeti", "termet",
        "a building\n collapsed", "sea-quake", "terremotos",
    ],
)  # fmt: skip
def test_endings_accents_and_particles_do_not_hide_a_word(matches: Matcher, text: str) -> None:
    assert matches(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "an unquakeable faith",
        "the building has collapsed",
        "antisismico",
        "my cat #cats",
        "地下鉄",
        "زلف",
        "dep rem",
    ],
)
def test_other_words_are_others(matches: Matcher, text: str) -> None:
    assert not matches(text)


@pytest.fixture(scope="module")
def near() -> Matcher:
    towns = ("San Juan", "Gaziantep", "Van", "神戸", "حلب")
    return Matcher(
        query_of(Topic(words=("quake",), towns=towns, near=("collapsed", "enkaz", "damage", "倒壊", "انهيار")))
    )


@pytest.mark.parametrize(
    "text",
    [
        "San Juan: a school collapsed", "#sanjuan damages", "Gaziantepte enkazlar", "#prayforgaziantep, all collapsed",
        "enkaz, VAN'DA", "神戸でビルが倒壊した", "انهيارات في حلب", "a quake",
    ],
)  # fmt: skip
def test_what_tells_nothing_by_itself_counts_beside_a_town(near: Matcher, text: str) -> None:
    assert near(text)


@pytest.mark.parametrize(
    "text",
    ["my sofa collapsed", "Gaziantep by night", "Vanessa and the damage done", "#vanlife, water damage", "倒壊", ""],
)
def test_a_town_or_a_near_word_alone_does_not_count(near: Matcher, text: str) -> None:
    assert not near(text)


def test_letters_that_are_written_for_one_another_are_one() -> None:
    assert fold("IŞIK ıŞık") == fold("isik isik")
    assert fold("زلزلي كبير") == fold("زلزلی کبیر")
    assert fold("Đakovo") == "dakovo"
    assert fold("が") != fold("か")


@pytest.mark.parametrize("query", ["deprem", "[]", "{}", '{"words": 3}', '{"words": ["deprem"]}'])
def test_a_query_of_another_network_is_refused(query: str) -> None:
    with pytest.raises(SourceRefused):
        Matcher(query)
