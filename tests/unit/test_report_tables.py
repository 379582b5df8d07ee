"""The report as CSV and GeoJSON, from Python and from the page's own script."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from report_views import located, picture, post, read, table, three, view

from quakelens.report.rows import COLUMNS, CSV_COLUMNS
from quakelens.report.view import ReportView
from quakelens.report.write import write_report


@pytest.fixture
def sample(tmp_path: Path) -> ReportView:
    return three(tmp_path)


def test_rows_of_csv_and_geojson_are_the_same(sample: ReportView, tmp_path: Path) -> None:
    files = write_report(sample, tmp_path)
    rows = table(files)
    features = json.loads(files.geojson.read_text(encoding="utf-8"))["features"]
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [tuple(f["properties"]) for f in features] == [COLUMNS] * 6
    assert [f["properties"]["post_id"] for f in features] == [row["post_id"] for row in rows]
    assert [f["geometry"] and f["geometry"]["coordinates"] for f in features] == [
        None, [20.43, 38.2], None, [20.4886, 38.1754], None, None,
    ]  # fmt: skip
    assert [row["latitude"] for row in rows] == ["", "38.20000", "", "38.17540", "", ""]
    assert [row["location_kind"] for row in rows] == ["", "point", "", "place", "", ""]
    assert [row["near_duplicates"] for row in rows] == ["2", "2", "2", "0", "0", "0"]
    assert [row["recycled"] for row in rows] == ["false"] * 4 + ["true"] * 2
    assert [row["probability"] for row in rows] == ["0.9000"] * 3 + ["0.4100"] + ["0.7000"] * 2
    assert rows[0]["posted_at"] == rows[2]["first_seen"] == "2026-11-22T06:24:09Z"
    assert rows[0]["scored_at"] == "2026-11-22T06:27:21Z"


def test_tables_hold_neither_text_nor_author(sample: ReportView, tmp_path: Path) -> None:
    files = write_report(sample, tmp_path)
    for file in (files.csv, files.geojson):
        content = file.read_text(encoding="utf-8")
        assert "words of post" not in content
        assert "someone" not in content


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_spreadsheet_takes_no_cell_for_a_formula(start: str, tmp_path: Path) -> None:
    text = f'{start}HYPERLINK("http://evil.example","x")'
    posts = (located(1, -38.2, -20.4, place=text, lang=text), post(2, place=f"\t{text}", id=text))
    files = write_report(view(picture(tmp_path, 1, posts)), tmp_path)
    rows = table(files)
    assert [row["place"] for row in rows] == [f"'{text}"] * 2
    assert (rows[0]["lang"], rows[1]["post_id"]) == (f"'{text}", f"'{text}")
    assert (rows[0]["latitude"], rows[0]["longitude"]) == ("-38.20000", "-20.40000")
    places = [f["properties"]["place"] for f in json.loads(files.geojson.read_text())["features"]]
    assert places == [text] * 2


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's script")
def test_the_pages_own_csv_is_the_file(sample: ReportView, tmp_path: Path) -> None:
    hostile = picture(tmp_path, 9, (located(3, -1.5, -70.123456, place='=1+"2",\n3'), post(4, lang="@x")))
    files = write_report(dataclasses.replace(sample, pictures=(*sample.pictures, hostile)), tmp_path)
    static = Path(__file__).parents[2] / "quakelens" / "report" / "static"
    script = (
        f"const DATA = {read(files).data};\n{(static / 'export.js').read_text(encoding='utf-8')}\n"
        "process.stdout.write(JSON.stringify([csvOf(DATA.pictures), geojsonOf(DATA.pictures)]));"
    )
    done = subprocess.run(["node", "-"], input=script.encode(), capture_output=True, check=True)
    made_csv, made_geojson = json.loads(done.stdout)
    assert made_csv.encode() == files.csv.read_bytes()
    assert json.loads(made_geojson) == json.loads(files.geojson.read_text(encoding="utf-8"))
