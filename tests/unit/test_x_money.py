"""Money on X: the ledger never says less than X charges, budgets are kept, a dry run only counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest
from click.testing import CliRunner
from harvest_world import EARTHQUAKE, impatient, new_store, params
from x_world import NOW, QUERY, TOKEN, api, clock, stored

from quakelens.cli.main import program
from quakelens.demo.servers import Fault, Faults, XApi
from quakelens.demo.servers.faults import FaultKind
from quakelens.harvest import PagesResult, harvest_pages
from quakelens.sources.x import XSource
from quakelens.store import Store, charges
from quakelens.store.charges import Budget

SECOND = "(deprem OR enkaz) has:media"


class Killed(BaseException):
    """As a kill, at a moment between a request and the store."""


class World:
    """One stand-in and one store, polled again and again."""

    def __init__(self, folder: Path, budget: Budget = charges.UNLIMITED, **options: Any) -> None:
        self.folder = folder
        self.store: Store = new_store(folder)
        self.budget = budget
        self.now, self.move = clock(NOW)
        self.timeout_s = 20.0
        self.server: XApi = api(folder, now=self.now, **options)

    def poll(self, kill: str | None = None) -> PagesResult | None:
        source = XSource(base_url=self.server.url, bearer_token=TOKEN, timeout_s=(5.0, self.timeout_s), clock=self.now)
        if kill is not None:
            inner = getattr(source, kill)

            def dies(*positional: Any, **named: Any) -> Any:
                inner(*positional, **named)
                raise Killed

            setattr(source, kill, dies)
        try:
            return harvest_pages(
                self.store, source, EARTHQUAKE, params().harvest, self.folder / "pages", self.now(),
                queries=(QUERY, SECOND), budget=self.budget, patience=impatient(clock=self.now),
            )  # fmt: skip
        except Killed:
            return None

    @property
    def ledger(self) -> float:
        return charges.spent_usd(self.store, [EARTHQUAKE.id])

    def check(self) -> None:
        assert self.ledger >= self.server.billed_usd - 1e-6
        assert self.ledger <= self.budget.earthquake_usd + 1e-6


KINDS: tuple[FaultKind, ...] = get_args(FaultKind)


@pytest.mark.parametrize("seed", range(8))
def test_the_ledger_never_says_less_than_x_charges(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    lost: tuple[FaultKind, ...] = ("cut", "reset", "html") * 4

    def faults() -> Faults:
        kinds = [rng.choice((*lost, *KINDS)) for _ in range(400)]
        return Faults({number: Fault(kind, 900) for number, kind in enumerate(kinds) if rng.random() < 0.35})

    budget = Budget(earthquake_usd=rng.choice([0.3, 1.0, 50.0]))
    world = World(tmp_path, budget, faults=faults(), faults_at={"counts_recent": faults()})
    world.timeout_s = 0.3
    number = 35
    with world.server as server:
        for _ in range(10):
            world.poll(kill=rng.choice([None, None, "search", "count", "parse"]))
            world.check()
            for limit in server._limits.values():
                limit.reset_at = 0
            more = rng.choice([0, 3, 25])
            minutes = (world.now() - EARTHQUAKE.origin_time).total_seconds() / 60
            server.append([stored(number + n, minutes=minutes + n / 10) for n in range(more)])
            number += more
            world.move(rng.choice([timedelta(minutes=30), timedelta(hours=5), timedelta(hours=20)]))
        world.server.faults = Faults()
        world.server.faults_at = {}
        world.poll()
        world.check()


def test_an_undisturbed_harvest_costs_what_x_charges_but_for_repeats(tmp_path: Path) -> None:
    world = World(tmp_path)
    with world.server as server:
        result = world.poll()
        assert result is not None
        assert result.state == "done"
        # Both queries find the posts: X charges for them once a day, the ledger cannot know which they were.
        assert server.billed_usd == pytest.approx(2 * 0.005 + 35 * 0.005)
        assert server.billing.repeats == 35
        assert world.ledger == pytest.approx(2 * 0.005 + 70 * 0.005)


@pytest.mark.parametrize(("first", "billed", "booked"), [(1, 10 + 35, 10 + 70), (2, 20 + 35, 20 + 25 + 35)])
def test_an_answer_that_was_lost_on_another_day_is_paid_for_twice(
    tmp_path: Path, first: int, billed: int, booked: int
) -> None:  # fmt: skip
    world = World(tmp_path, faults=Faults({number: Fault("cut") for number in range(first, first + 4)}))
    with world.server as server:
        world.poll()
        assert world.ledger == pytest.approx(0.005 + first * 0.05)
        world.move(timedelta(days=1))
        world.poll()
        world.check()
        assert server.billed_usd == pytest.approx(0.01 + billed * 0.005)
        assert world.ledger == pytest.approx(0.01 + booked * 0.005)


def test_a_lost_answer_stays_booked_when_the_repeat_is_refused(tmp_path: Path) -> None:
    faults = {number: Fault("cut") for number in range(2, 6)}
    world = World(tmp_path, faults=Faults({**faults, 6: Fault("402"), 7: Fault("402")}))
    with world.server:
        for _ in range(2):
            world.poll()
            world.check()
        assert world.ledger == pytest.approx(0.005 + 20 * 0.005)


def test_posts_that_pushed_others_off_a_lost_page_are_booked_beside_them(tmp_path: Path) -> None:
    world = World(tmp_path, Budget(earthquake_usd=0.2), faults=Faults({number: Fault("cut") for number in range(1, 5)}))
    with world.server as server:
        world.poll()
        server.append([stored(100 + number, minutes=370 + number / 10) for number in range(60)])
        world.move(timedelta(minutes=30))
        result = world.poll()
        world.check()
        assert result is not None
        assert result.state == "budget"
        world.budget = charges.UNLIMITED
        world.poll()
        # The walk came back to what was lost: the booking beside is dropped.
        assert world.ledger == pytest.approx(0.01 + 2 * 95 * 0.005)


def test_each_count_whose_answer_is_lost_is_booked(tmp_path: Path) -> None:
    faults = Faults({1: Fault("cut"), 2: Fault("reset"), **{number: Fault("cut") for number in range(4, 8)}})
    world = World(tmp_path, faults_at={"counts_recent": faults})
    with world.server as server:
        world.poll()
        world.check()
        assert len([call for call, _ in server.calls if call == "counts_recent"]) == 7
        world.poll()
        world.check()


@pytest.mark.parametrize("usd", [0.0, 0.004, 0.03, 0.1, 0.12, 0.2])
def test_budget_is_kept_whatever_it_is(tmp_path: Path, usd: float) -> None:
    world = World(tmp_path, Budget(earthquake_usd=usd))
    with world.server as server:
        for _ in range(2):
            result = world.poll()
            assert result is not None
            assert (result.state, result.failed) == ("budget", False)
            world.check()
        assert server.billed_usd <= usd


def geojson(origin: datetime) -> dict[str, Any]:
    milliseconds = int(origin.timestamp() * 1000)
    return {
        "type": "Feature", "id": "us7000dryr",
        "properties": {
            "mag": 6.8, "place": "10 km N of Somewhere, Turkey", "time": milliseconds, "updated": milliseconds,
            "url": "https://earthquake.usgs.gov/earthquakes/eventpage/us7000dryr", "alert": None, "mmi": None,
            "status": "reviewed", "tsunami": 0, "sig": 900, "net": "us", "code": "7000dryr", "ids": ",us7000dryr,",
            "types": ",origin,", "magType": "mww", "type": "earthquake",
        },
        "geometry": {"type": "Point", "coordinates": [37.0, 37.2, 10.0]},
    }  # fmt: skip


def test_a_dry_run_counts_and_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feature = tmp_path / "quake.geojson"
    origin = datetime.now(UTC) - timedelta(hours=2)
    feature.write_text(json.dumps(geojson(origin)), encoding="utf-8")
    (tmp_path / "params.yaml").write_bytes((Path(__file__).parents[2] / "params.yaml").read_bytes())
    posts = [stored(number, created_at=origin + timedelta(minutes=number), text="deprem") for number in range(40)]
    with api(tmp_path, posts=posts, now=datetime.now(UTC)) as server:
        for name, value in {"WORKSPACE": str(tmp_path), "X_BASE_URL": server.url, "X_BEARER_TOKEN": TOKEN}.items():
            monkeypatch.setenv(f"QUAKELENS_{name}", value)
        ran = CliRunner().invoke(program, ["harvest", str(feature), "--source", "x", "--dry-run", "--json"])
        assert ran.exit_code == 0, ran.output
        (planned,) = json.loads(ran.stdout)["sources"]
        assert {call for call, _ in server.calls} == {"counts_recent"}
        assert len(server.calls) == len(planned["queries"])
        assert server.billed == []
        assert server.billed_usd == pytest.approx(0.005 * len(server.calls))
        assert sum(each["posts"] for each in planned["queries"]) >= 40
