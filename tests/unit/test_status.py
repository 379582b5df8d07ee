"""`quakelens status`: what is told of each state, and what of it a person should look at."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from harvest_world import EARTHQUAKE, NOW, FakeEngine, FakeSource, host, impatient, new_store, params, post

from quakelens.cli.main import program
from quakelens.earthquakes.watching import MAX_FAILED
from quakelens.harvest import fetch_pending, harvest_pages, score_pending
from quakelens.status import Status, status
from quakelens.store import Store, charges, earthquakes, polls, runs, watched
from quakelens.store.charges import Budget, Charge
from quakelens.store.polls import Poll


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = new_store(tmp_path)
    earthquakes.set_decision(found, earthquakes.save(found, EARTHQUAKE, NOW), due=True, reason="alert", now=NOW)
    watched.record(found, ["USGS", "EMSC"], NOW + timedelta(days=1))
    return found


def told(store: Store, later: timedelta = timedelta(0), budget: float = 50.0) -> Status:
    return status(store, "starter", budget, NOW + later)


def ended(store: Store, message: str | None = None, after: timedelta = timedelta(0)) -> None:
    held = runs.claim(store, EARTHQUAKE.id, NOW + after, again_after=timedelta(0))
    assert held is not None
    if message is None:
        runs.finish(store, held, NOW + after)
    else:
        runs.fail(store, held, NOW + after, message)


def test_nothing_at_all(tmp_path: Path) -> None:
    found = told(new_store(tmp_path))
    assert (found.earthquakes, found.usd_today) == ((), 0)
    (problem,) = found.problems
    assert "no earthquake feed was ever read" in problem
    assert "quakelens watch" in problem


def test_nobody_watches(store: Store) -> None:
    ended(store)
    watched.record(store, ["USGS", "EMSC"], NOW)
    assert told(store, timedelta(minutes=9)).problems == ()
    (problem,) = told(store, timedelta(minutes=11)).problems
    assert "no earthquake feed was read since 2026-05-01 18:00 UTC" in problem
    watched.record(store, ["USGS"], NOW + timedelta(minutes=20))
    (problem,) = told(store, timedelta(minutes=21)).problems
    assert "EMSC" in problem
    assert told(store).feeds == {"USGS": NOW + timedelta(minutes=20), "EMSC": NOW}


def test_a_store_or_a_registry_that_is_down_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("QUAKELENS_STORE_URL", "postgresql+psycopg://me:hidden-pass@127.0.0.1:1/none")
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "mlflow.db").mkdir()  # no file
    done = CliRunner().invoke(program, ["status", "--json"])
    assert done.exit_code in (2, 9)
    problems = json.loads(done.output)["problems"]
    assert any("127.0.0.1:1/none" in problem for problem in problems)
    assert "hidden-pass" not in done.output
    plain = CliRunner().invoke(program, ["status"])
    assert plain.exit_code == done.exit_code
    assert "problem: the store" in plain.output.replace("\n", " ")
    assert "hidden-pass" not in plain.output


@pytest.mark.parametrize("place", ["[red]x[/red] \x1b[2J", "[link=http://evil]y"])
def test_a_place_does_nothing_to_the_terminal(
    place: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earthquakes.save(store, replace(EARTHQUAKE, place=place, updated=NOW, origin_time=datetime.now(UTC)), NOW)
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("QUAKELENS_STORE_URL", store.url.render_as_string())
    monkeypatch.setenv("COLUMNS", "300")
    done = CliRunner().invoke(program, ["status"], catch_exceptions=False)
    assert place.replace("\x1b", "\\x1b") in done.output
    assert "\x1b" not in done.output


def test_what_is_there_and_what_waits(store: Store, tmp_path: Path) -> None:
    posts = [post(n, 10 + n, pictures=[n]) for n in range(1, 7)]
    harvest_pages(
        store, FakeSource(posts), EARTHQUAKE, params().harvest, tmp_path / "pages", NOW, queries=["quake"],
        lookback_pages=1, patience=impatient(),
    )  # fmt: skip
    waiting = told(store).earthquakes[0]
    assert (waiting.posts, waiting.pictures, waiting.to_fetch, waiting.to_score) == (6, 0, 6, 0)
    fetch_pending(store, EARTHQUAKE.id, tmp_path / "media", params(), fetch=host(tmp_path / "media"))
    fetched = told(store).earthquakes[0]
    assert (fetched.pictures, fetched.to_fetch, fetched.to_score, fetched.model) == (6, 0, 6, None)
    score_pending(store, EARTHQUAKE.id, FakeEngine(), tmp_path / "media", tmp_path / "heatmaps")
    scored = told(store).earthquakes[0]
    assert (scored.to_score, scored.model) == (0, FakeEngine().version)


def test_an_earthquake_that_nobody_harvests_is_a_problem(store: Store) -> None:
    assert told(store).earthquakes[0].run is None
    (problem,) = told(store, timedelta(hours=1)).problems
    assert "never harvested" in problem
    assert EARTHQUAKE.id in problem
    ended(store)
    assert told(store, timedelta(hours=1)).problems == ()


def test_failed_runs_say_why_and_who_starts_the_next(store: Store) -> None:
    ended(store, "X said no")
    (first,) = told(store).problems
    assert "X said no" in first
    assert "watch starts it again" in first
    for number in range(1, MAX_FAILED):
        ended(store, "again", timedelta(minutes=number))
    (last,) = told(store, timedelta(minutes=MAX_FAILED)).problems
    assert f"quakelens harvest {EARTHQUAKE.id}" in last


def test_a_run_that_is_alive_is_none(store: Store) -> None:
    assert runs.claim(store, EARTHQUAKE.id, NOW, again_after=timedelta(0)) is not None
    found = told(store, timedelta(seconds=5))
    assert (found.earthquakes[0].run, found.problems) == ("running", ())


@pytest.mark.parametrize(
    ("state", "next_in", "later", "expected"),
    [
        ("done", 30, 35, None), ("done", 30, 45, "is `quakelens watch` running?"), ("done", None, 600, None),
        ("limited", 10, 5, None), ("down", 10, 5, "x is down (the reason); again at"),
        ("refused", None, 5, "x is refused (the reason); not again by itself"),
        ("budget", None, 5, "x is budget (the reason)"),
    ],
)  # fmt: skip
def test_polls_that_need_a_person(
    store: Store, state: str, next_in: int | None, later: int, expected: str | None
) -> None:
    ended(store)
    next_at = None if next_in is None else NOW + timedelta(minutes=next_in)
    polls.record(store, EARTHQUAKE.id, Poll("x", NOW, next_at, state, 0, "the reason"))
    problems = told(store, timedelta(minutes=later)).problems
    assert problems == () if expected is None else expected in problems[0]


def test_money_of_today(store: Store) -> None:
    ended(store)
    charge = Charge(key="page", earthquake=EARTHQUAKE.id, source="x", what="search", at=NOW)
    charges.reserve(store, charge, 2.5, [EARTHQUAKE.id], Budget())
    charges.settle(store, charge, 1.25, 100)
    found = told(store)
    assert (found.usd_today, found.earthquakes[0].usd, found.problems) == (1.25, 1.25, ())
    assert "budget of 1 USD is spent" in told(store, budget=1.0).problems[0]


def test_others_are_only_counted(store: Store) -> None:
    other = replace(EARTHQUAKE, id="us2", ids=("us2",), latitude=-20.0, longitude=-70.0)
    earthquakes.save(store, other, NOW)
    found = told(store)
    assert (len(found.earthquakes), found.not_due) == (1, 1)


def test_the_command(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("QUAKELENS_STORE_URL", store.url.render_as_string())
    done = CliRunner().invoke(program, ["status", "--json"], catch_exceptions=False)
    assert set(json.loads(done.output)) == {
        "at", "model", "earthquakes", "not_due", "usd_today", "usd_a_day", "feeds",
        "removals", "problems",
    }  # fmt: skip
    plain = CliRunner().invoke(program, ["status"], catch_exceptions=False)
    assert plain.exit_code == 0
    assert "model: starter" in plain.output
