"""Strangers' words in tables, in JSON and on terminals: any text, and the nastiest of them."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_views import located, picture, post, view

from quakelens.cli.main import program
from quakelens.cli.tables import figures_table
from quakelens.report.page import render
from quakelens.report.rows import csv_table, geojson
from quakelens.report.text import csv_text
from quakelens.terminal import cell, json_text, visible

NASTY = st.text(st.sampled_from("=+-@\t\r\n;,|\"'` \\<>&/:[](){}!*_#\x1b\x9b\x00\x07\u202e\u2028＝＋aé中"), max_size=40)
WORDS = NASTY | st.text(max_size=40)
FORMULAS = "=+-@＝＋－＠\t\r\n"


@given(WORDS)
def test_no_cell_begins_a_formula_whatever_separates_cells(text: str) -> None:
    told = csv_text(text)
    assert told.replace("'", "") == text.replace("'", "")  # nothing is lost
    for separator in ("\x00none", ";", ",", "|", "\t", '"'):
        for part in told.split(separator)[0 if separator == "\x00none" else 1 :]:
            assert not part.startswith(tuple(FORMULAS)), (told, separator)
    assert not told.startswith(tuple(FORMULAS))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)
@given(st.lists(WORDS, min_size=6, max_size=6))
def test_a_report_of_any_words(tmp_path: Path, words: list[str]) -> None:
    text, author, place, lang, url, title = words
    posts = (
        located(1, 38.2, 20.4, place=place, lang=lang, text=text, author=author, url=url),
        post(2, place=text, lang=place, text=title, author=text, url=f"javascript:{url}"),
    )
    found = view(picture(tmp_path, 1, posts))
    found = replace(found, earthquake=replace(found.earthquake, place=title, url=url))
    rows = list(csv.reader(io.StringIO(csv_table(found), newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    numbers = {"latitude", "longitude", "probability"}
    for row in rows[1:]:
        for name, value in zip(rows[0], row, strict=True):
            assert name in numbers or not value.startswith(tuple(FORMULAS)), (name, value)
    features = json.loads(geojson(found))["features"]
    assert len(features) == 2
    links = [each["properties"]["post_url"] for each in features]
    assert all(link is None or link.startswith(("http://", "https://")) for link in links)
    page = read_text(render(found))
    assert page[0] == 2  # the page's own script and its data
    assert not [link for link in page[1] if link and not link.startswith(("https://", "http://", "data:,", "#"))]


def read_text(html: str) -> tuple[int, list[str | None]]:
    """How many scripts a page has, and what its links lead to; that no element has an `on...` attribute."""
    from report_views import Page

    page = Page(html)
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert not {"iframe", "object", "embed", "base"} & {tag for tag, _ in page.elements}
    return len(page.all("script")), [attrs.get("href") for attrs in page.all("a", "link")]


@given(WORDS)
def test_json_is_what_it_was_and_steers_no_terminal(text: str) -> None:
    told = json_text({"text": text})
    assert json.loads(told) == {"text": text}
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", told)


@given(WORDS)
def test_a_table_for_a_terminal_shows_words_as_they_are(text: str) -> None:
    from rich.text import Text

    told = cell(text)
    assert isinstance(told, Text)  # which rich reads no mark-up in
    assert (told.plain, told.spans) == (visible(text), [])


@pytest.mark.parametrize("name", ["[red]x[/red]", "[/]", "[link=http://evil.example]y[/link]"])
def test_figures_of_an_earthquake_of_any_name(name: str) -> None:
    from rich.console import Console

    figures = {
        "n": 3, "positives": 1, "auc": 0.5, "auc_ci": None, "average_precision": 0.5, "precision": 0.5, "recall": 0.5,
    }  # fmt: skip
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(figures_table(name, {**figures, "earthquakes": {name: figures}}))
    assert console.export_text().count(name) == 2


def test_a_files_name_steers_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2J\x9b.jpg").write_bytes(b"no picture")
    for arguments in ([], ["--json"]):
        done = CliRunner().invoke(program, ["score", str(tmp_path), *arguments])
        assert done.exit_code == 3
        assert not {"\x1b", "\x9b"} & set(done.output)
