"""Tables of a run's page: what people read, and nothing that a stranger's words could do to it."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harvest_world import EARTHQUAKE
from hypothesis import given
from hypothesis import strategies as st

from quakelens import run_tables
from quakelens.evaluation.gate import GateDecision
from quakelens.harvest.counting import Expected
from quakelens.harvest.pages import PagesResult
from quakelens.harvest.summary import HarvestSummary
from quakelens.purge.recheck import Rechecked
from quakelens.purge.remove import Completed
from quakelens.purge.summary import PurgeSummary
from quakelens.run_tables import markdown
from quakelens.scoring_archive.results import ArchiveSummary
from quakelens.store.earthquakes import StoredEarthquake

HOSTILE = (
    "[x](javascript:alert(1)) <img src=x onerror=y> ![p](http://evil.example/t) `c` | www.evil.example a@b.example"
)
SUMMARY = HarvestSummary("us1", 5, 3, 4, 3, 1, 1, 2, 1, 0, 0.123456, "/r/index.html")
PAGES = PagesResult("us1", "x", 5, 3, 1, 2, ("one",), "down", f"X said {HOSTILE}", None, Expected(), 0.123456)

ARCHIVE = ArchiveSummary(9, 2, 1, 3, {"decode": 2, HOSTILE: 1}, HOSTILE, 1, 9, 1.5, 6.04321, "/r/results.jsonl.gz")


def stored(place: str = HOSTILE, due: bool | None = True) -> StoredEarthquake:
    return StoredEarthquake("us1", replace(EARTHQUAKE, place=place), due, "magnitude 6.8")


def tables() -> list[list[run_tables.Row]]:
    figures = {"n": 30, "positives": 12, "auc": 0.87654321, "average_precision": None, "precision": 0.5, "recall": 1.0}
    held_out: dict[str, Any] = {**figures, "earthquakes": {"2015-nepal": figures, HOSTILE: figures}}
    gain = {"champion": 0.71234, "challenger": 0.8, "gain": 0.08766}
    decision = GateDecision(True, HOSTILE, {"average_precision": gain, "earthquakes": {"2015-nepal": gain}})
    return [
        run_tables.of_watch([stored(), stored(due=None)]),
        run_tables.of_sources([PAGES]),
        run_tables.of_harvest(replace(SUMMARY, latency={
            "from_post": {"p50": 61.234, "p95": 100.0, "p99": 1.0}, "from_page": {"p50": 5.5, "p95": 9.9, "p99": 1.0},
        })),
        run_tables.of_purge(PurgeSummary((Rechecked("x", 9, 7, 2, 0, 0.0449, "refused", HOSTILE),), Completed())),
        run_tables.of_retrain(held_out, decision),
        run_tables.of_archive(ARCHIVE),
    ]  # fmt: skip


def test_figures_are_for_people() -> None:
    for table in tables():
        assert len({tuple(row) for row in table}) == 1  # one set of columns
        for row in table:
            for cell in row.values():
                assert cell is None or isinstance(cell, str | int | float)
                assert not isinstance(cell, float) or cell == round(cell, 3)
    harvest = {row["what"]: row["figure"] for row in tables()[2]}
    assert harvest["flagged: damaged or unsure"] == 1
    assert harvest["from post to flag, half within (s)"] == 61
    assert harvest["cost of this run (USD, at most)"] == 0.12
    retrain = tables()[4]
    assert [row["held-out earthquake"] for row in retrain][-1] == "all"
    assert [row["gain there"] for row in retrain] == [0.088, None, 0.088]
    archive = {row["what"]: row["figure"] for row in tables()[5]}
    assert archive["of those: decode"] == 2
    assert archive["pictures a second since then"] == 6.0
    assert (retrain[0]["AUC"], retrain[0]["average precision"]) == (0.877, None)


def test_first_what_is_due() -> None:
    rows = run_tables.of_watch([stored("a", due=False), stored("b", due=True), *[stored("c", due=None)] * 40])
    assert rows[0]["harvest"] == "yes"
    assert len(rows) == run_tables.WATCHED


LIVE = (
    re.compile(r"(?<!\\)[<>`|*_\[\]&#~]"), re.compile(r"(?<!\\)!\["), re.compile(r"(?i)https?:"),
    re.compile(r"(?i)\bwww\."), re.compile(r"(?<!\\)@"), re.compile(r"javascript:", re.I),
)  # fmt: skip


@pytest.mark.parametrize("table", range(6))
def test_no_word_of_a_stranger_is_mark_up(table: int) -> None:
    for row in tables()[table]:
        for cell in row.values():
            assert not isinstance(cell, str) or not [each for each in LIVE if each.search(cell)], cell
    page = run_tables.gate_page("3", GateDecision(True, HOSTILE), datetime.now(UTC)).partition("\n")[2]
    assert not [each for each in LIVE if each.search(page.rpartition("\n\n")[0])]


@given(st.text(max_size=80) | st.text("\\`*_[]<>|#!&~@:. \nwhtp/1)-\x1b\u202e", max_size=80))
def test_any_text_is_one_line_without_mark_up(text: str) -> None:
    told = markdown(text)
    assert "\n" not in told and "\x1b" not in told and "\u202e" not in told
    plain = re.sub(r"\\[!-/:-@\[-`{-~]", "", told)  # what is escaped shows as itself
    assert not re.search(r"[\\`*_\[\]<>|#!&~@:]", plain)
    assert not re.match(r"\d+[.)]|[-+=]", told)


def test_plots_are_in_the_page_and_no_photograph(tmp_path: Path) -> None:
    for name in ("precision_recall", "reliability", "worst_mistakes"):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    page = run_tables.plots_page(tmp_path)
    assert page.count("![") == 2
    assert "d29yc3Q" not in page
    assert run_tables.plots_page(tmp_path / "none") == ""
