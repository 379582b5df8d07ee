"""params.yaml: what is wrong is named, and nothing else is accepted."""

import unicodedata
from pathlib import Path

import pytest
import yaml

from quakelens.errors import UsageError
from quakelens.params import read_params

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def changed(tmp_path: Path, section: str, key: str, value: object) -> Path:
    raw = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    raw[section][key] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    return path


def test_the_shipped_file_is_valid() -> None:
    assert read_params(SHIPPED).model.first_look.backbone == "efficientnet_lite0.blocks"


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("model", "third_look", None),
        ("model", "first_look", None),
        ("trigger", "min_mmi", 13),
        ("trigger", "alerts", ["purple"]),
        ("split", "held_out_share", 1.5),
        ("split", "held_out", ["none"]),
        ("training", "l2", 0),
        ("harvest", "page_size", 501),
        ("decision", "precision", "high"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, section: str, key: str, value: object) -> None:
    with pytest.raises(UsageError, match=rf"{section}\.{key}") as caught:
        read_params(changed(tmp_path, section, key, value))
    assert str(tmp_path / "params.yaml") in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"), [("backbon", "efficientnet_lite0"), ("backbone", "resnet18"), ("resize", "stretch")]
)
def test_a_wrong_value_of_a_look_is_named(tmp_path: Path, key: str, value: object) -> None:
    look = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["model"]["second_look"] | {key: value}
    with pytest.raises(UsageError, match=rf"model\.second_look\.{key}"):
        read_params(changed(tmp_path, "model", "second_look", look))


def test_a_model_may_do_without_a_second_look(tmp_path: Path) -> None:
    assert list(read_params(changed(tmp_path, "model", "second_look", None)).model.looks) == ["first"]


def test_an_unknown_key_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown key: remove or correct it"):
        read_params(changed(tmp_path, "gate", "min_gian", 0.1))


@pytest.mark.parametrize("text", ["", "- a list", "model: [", "42"])
def test_another_form_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"params\.yaml"):
        read_params(path)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="quakelens init"):
        read_params(tmp_path / "params.yaml")


def test_no_key_has_a_name_that_dvc_overlooks() -> None:
    # DVC's run cache leaves keys of these names out when it compares parameters, at any depth.
    def names(value: object) -> set[str]:
        if not isinstance(value, dict):
            return set()
        return set(value).union(*(names(inner) for inner in value.values()))

    assert not names(yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))) & {"size", "hash", "md5", "nfiles"}


REQUIRED = {
    "en", "es", "tr", "ar", "fa", "it", "el", "fr", "pt", "ne", "hi", "ur", "id", "tl", "ja", "zh-Hans", "zh-Hant",
    "my", "hr", "sq",
}  # fmt: skip


def test_the_words_cover_the_languages_that_are_promised() -> None:
    words = read_params(SHIPPED).harvest.words
    assert set(words) >= REQUIRED
    for language in REQUIRED:
        assert words[language].collapse, language
        assert words[language].damage, language
    for language, each in words.items():
        listed = [*each.earthquake, *each.collapse, *each.damage]
        assert len(listed) == len(set(listed)), language
        assert all(word == unicodedata.normalize("NFC", word) for word in listed), language


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"tr": {"earthquake": ["deprem"]}}, "English"),
        ({"en": {"earthquake": []}}, "words.en.earthquake"),
        ({"en": {"earthquake": ["quake", "..."]}}, "words.en.earthquake"),
        ({"en": {"earthquake": ["quake"], "floods": ["flood"]}}, "words.en.floods"),
        ({"en": ["quake"]}, "words.en"),
        ({"en": {"earthquake": ["quake"]}, "English": {"earthquake": ["quake"]}}, "words.English"),
        ({"en": {"earthquake": ["q" * 61]}}, "words.en.earthquake"),
    ],
)
def test_wrong_words_are_named(tmp_path: Path, words: object, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_params(changed(tmp_path, "harvest", "words", words))
