"""Figures for Prometheus: read as Prometheus reads them, from the store and nothing else."""

import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from harvest_world import EARTHQUAKE, NOW, FakeEngine, FakeSource, host, impatient, new_store, params, post
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from quakelens.cli.main import program
from quakelens.harvest import fetch_pending, harvest_pages, score_pending
from quakelens.metrics import Figures
from quakelens.settings import Settings, Workspace
from quakelens.store import Store, charges, earthquakes, polls, runs, watched
from quakelens.store.charges import Budget, Charge
from quakelens.store.polls import Poll

Found = dict[tuple[str, frozenset[tuple[str, str]]], float]
DOCUMENTED = Path(__file__).parents[2] / "docs" / "observability.md"


def scraped(text: str) -> Found:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def value(found: Found, name: str, **labels: str) -> float | None:
    return found.get((f"quakelens_{name}", frozenset(labels.items())))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = new_store(tmp_path)
    earthquakes.set_decision(found, earthquakes.save(found, EARTHQUAKE, NOW), due=True, reason="alert", now=NOW)
    yield found
    found.close()


def figures(store: Store, tmp_path: Path, now: datetime = NOW) -> Found:
    registry = CollectorRegistry()
    settings = Settings(store_url=store.url.render_as_string())  # type: ignore[arg-type]
    registry.register(Figures(Workspace(tmp_path), settings, lambda: now))
    return scraped(generate_latest(registry).decode())


def test_what_a_harvest_leaves(store: Store, tmp_path: Path) -> None:
    posts = [post(n, 340 + n, pictures=[n]) for n in range(1, 7)] + [post(8, 350, pictures=[50])]
    harvest_pages(
        store, FakeSource(posts), EARTHQUAKE, params().harvest, tmp_path / "pages", NOW, queries=["quake"],
        lookback_pages=1, patience=impatient(),
    )  # fmt: skip
    found = figures(store, tmp_path)
    assert value(found, "posts", source="x") == 7
    assert value(found, "media", source="x", status="pending") == 7
    assert value(found, "backlog", step="fetch") == 7
    fetch_pending(store, EARTHQUAKE.id, tmp_path / "media", params(), fetch=host(tmp_path / "media"))
    score_pending(store, EARTHQUAKE.id, FakeEngine(), tmp_path / "media", tmp_path / "heatmaps")
    watched.record(store, ["USGS"], NOW)
    charge = Charge(key="page", earthquake=EARTHQUAKE.id, source="x", what="search", at=NOW)
    charges.reserve(store, charge, 2.5, [EARTHQUAKE.id], Budget())
    polls.record(store, EARTHQUAKE.id, Poll("x", NOW, NOW + timedelta(minutes=10), "down", 1, "the reason"))
    held = runs.claim(store, EARTHQUAKE.id, NOW, again_after=timedelta(0))
    assert held is not None
    runs.fail(store, held, NOW, "no")

    found = figures(store, tmp_path, datetime.now(UTC))
    flagged = value(found, "flagged")
    # Of an earthquake that is long past nothing is told by itself, of the store as a whole it is.
    assert (flagged, value(found, "earthquakes_due")) == (0, 0)
    found = figures(store, tmp_path, NOW + timedelta(minutes=30))
    assert value(found, "media", source="x", status="fetched") == 7
    assert (value(found, "backlog", step="fetch"), value(found, "backlog", step="score")) == (0, 0)
    assert (value(found, "cost_today_usd"), value(found, "cost_usd", source="x")) == (2.5, 2.5)
    assert value(found, "polls", source="x", state="down") == 1
    assert value(found, "last_poll_timestamp_seconds", source="x") == NOW.timestamp()
    assert value(found, "poll_overdue_seconds", source="x") == 20 * 60
    assert value(found, "runs", state="failed") == 1
    assert value(found, "watch_last_success_timestamp_seconds") == NOW.timestamp()
    assert value(found, "feed_read_timestamp_seconds", agency="usgs") == NOW.timestamp()
    assert value(found, "champion_info", version="starter") == 1
    assert (value(found, "store_up"), value(found, "registry_up")) == (1, 1)
    assert value(found, "flagged") == value(found, "flagged_last_day")
    assert (value(found, "problems") or 0) >= 1


def test_delays_are_quantiles_of_flagged_pictures(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quakelens import metrics
    from quakelens.store.latency import Delay

    at = [
        Delay("x", str(n), NOW, NOW + timedelta(seconds=n), NOW + timedelta(seconds=2 * n), True) for n in range(1, 101)
    ]
    unflagged = replace(at[0], decided_at=NOW + timedelta(days=1), flagged=False)
    monkeypatch.setattr(metrics, "last_model", lambda *_: "3")
    monkeypatch.setattr(metrics, "delays", lambda *_: [*at, unflagged])
    found = figures(store, tmp_path)
    assert [value(found, "post_to_flag_seconds", since="post", quantile=q) for q in ("0.50", "0.95")] == [100, 190]
    assert value(found, "post_to_flag_seconds", since="page", quantile="0.99") == 99
    assert value(found, "flagged_last_day") == 100


def test_no_strangers_word_makes_a_series(store: Store, tmp_path: Path) -> None:
    hostile = 'archive:/tmp/"x"\n} 1'
    posts = [replace(each, source=hostile) for each in (post(1, 10, pictures=[1]), post(2, 11, pictures=[2]))]
    for number, source in enumerate((hostile, "y" * 40)):
        polls.record(store, EARTHQUAKE.id, Poll(source, NOW, None, f"state{number}", 0, "z"))
    harvest_pages(
        store, FakeSource(posts, name=hostile), EARTHQUAKE, params().harvest, tmp_path / "pages", NOW,
        queries=["quake"], lookback_pages=1, patience=impatient(),
    )  # fmt: skip
    found = figures(store, tmp_path)
    assert value(found, "posts", source="other") == 2
    assert value(found, "polls", source="other", state="other") == 2
    words = {label for _, labels in found for _, label in labels}
    assert all(re.fullmatch(r"[a-z_.0-9-]{1,20}", word) for word in words), words


def test_every_metric_is_documented_and_no_other(store: Store, tmp_path: Path) -> None:
    watched.record(store, ["USGS"], NOW)
    registry = CollectorRegistry()
    settings = Settings(store_url=store.url.render_as_string())  # type: ignore[arg-type]
    registry.register(Figures(Workspace(tmp_path), settings, lambda: NOW))
    told = {(family.name, family.type) for family in parse(generate_latest(registry).decode())}
    row = re.compile(r"^\| `(quakelens_\w+)(?:\{[^`]*\})?` \| (\w+) \|", re.M)
    assert told == set(row.findall(DOCUMENTED.read_text(encoding="utf-8")))


def test_a_store_that_is_down_is_a_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("QUAKELENS_STORE_URL", "postgresql+psycopg://me:hidden-pass@127.0.0.1:1/none")
    done = CliRunner().invoke(program, ["metrics"], catch_exceptions=False)
    assert (done.exit_code, value(scraped(done.output), "store_up")) == (0, 0)
    assert "hidden-pass" not in done.output


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[str]:
    environment = {**os.environ, "QUAKELENS_WORKSPACE": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "quakelens", "metrics", "--serve", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.wait()
    process.stdout.close()


def test_it_is_served_on_loopback(serving: str) -> None:
    address = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/metrics", serving)
    assert address
    with urllib.request.urlopen(serving) as answer:
        assert value(scraped(answer.read().decode()), "store_up") == 1
    listening = Path("/proc/net/tcp").read_text(encoding="ascii") + Path("/proc/net/tcp6").read_text(encoding="ascii")
    port = f":{int(address[1]):04X} "
    bound = [line.split()[1] for line in listening.splitlines() if port in line and line.split()[3] == "0A"]
    assert bound == [f"0100007F{port.strip()}"]


@pytest.mark.parametrize("where", ["x", "host:", "1.2.3.4:x", "70000", ""])
def test_an_address_that_is_none(where: str) -> None:
    assert CliRunner().invoke(program, ["metrics", "--serve", where]).exit_code == 2


def test_a_port_that_is_taken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = CliRunner().invoke(program, ["metrics", "--serve", str(taken.getsockname()[1])])
    assert "choose another port" in str(done.exception)
