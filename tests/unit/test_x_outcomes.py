"""What becomes of a harvest when X fails: the table of docs/x.md, through the real tweepy, against the stand-in.

Each failure has exactly one outcome:

- `retried`: the request is made again after a pause with jitter, and the harvest is done;
- `rescheduled`: this source's poll is put off to when X gives more;
- `others`: X stays down, is asked again later, and the other sources go on now;
- `person`: this source stops and says what a person must do.

Two are none, and so `whole`: a page that reports a part missing, and an empty one whose token leads on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harvest_world import EARTHQUAKE, FakeSource, new_store, params, post
from x_world import NOW, QUERY, TOKEN, api

from quakelens.demo.servers import Fault, Faults
from quakelens.demo.servers.faults import FaultKind
from quakelens.harvest import PagesResult, harvest_pages
from quakelens.harvest.asking import Patience
from quakelens.harvest.follow_up import due, record
from quakelens.sources import Source
from quakelens.sources.x import XSource
from quakelens.store import Store
from quakelens.store.polls import Poll

ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Case:
    """A failure, at the first search only or at each, and what it comes to."""

    kind: FaultKind
    always: bool
    outcome: str
    requests: int
    message: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind} {'always' if self.always else 'once'}"


CASES = [
    Case("503", False, "retried", 5),
    Case("503-html", False, "retried", 5),
    Case("html", False, "retried", 5),
    Case("slow", False, "retried", 5),
    Case("cut", False, "retried", 5),
    Case("reset", False, "retried", 5),
    Case("409", False, "retried", 5),
    Case("429", False, "retried", 5),
    Case("429-old", False, "retried", 5),
    Case("429-connections", False, "retried", 5),
    Case("partial", False, "whole", 4),
    Case("empty", False, "whole", 5),
    Case("429-reset", True, "rescheduled", 1, "wait until"),
    Case("429", True, "rescheduled", ATTEMPTS, "wait some minutes"),
    Case("429-old", True, "rescheduled", ATTEMPTS, "Rate limit exceeded"),
    Case("429-connections", True, "rescheduled", ATTEMPTS, "close others"),
    Case("503", True, "others", ATTEMPTS, "status 503"),
    Case("503-html", True, "others", ATTEMPTS, "status 503"),
    Case("html", True, "others", ATTEMPTS, "something else than a page"),
    Case("slow", True, "others", ATTEMPTS, "did not answer in time"),
    Case("cut", True, "others", ATTEMPTS, "connection to X"),
    Case("reset", True, "others", ATTEMPTS, "connection to X"),
    Case("409", True, "others", ATTEMPTS, "status 409"),
    Case("400", True, "person", 1, "correct harvest in params.yaml"),
    Case("401", True, "person", 1, "set QUAKELENS_X_BEARER_TOKEN"),
    Case("402", True, "person", 1, "buy credits"),
    Case("403", True, "person", 1, "reason client-not-enrolled"),
    Case("403-spend", True, "person", 1, "spending limit of the X account is reached"),
    Case("409-rules", True, "person", 1, "check QUAKELENS_X_BASE_URL"),
    Case("usage-cap", True, "person", 1, "monthly cap"),
]

STATE = {"retried": "done", "whole": "done", "rescheduled": "limited", "others": "down", "person": "refused"}


@dataclass
class Waits:
    """Waits for nothing and keeps how long it would have been."""

    jitter: float = 0.0
    seconds: list[float] = field(default_factory=list)

    def patience(self) -> Patience:
        return Patience(sleep=self.seconds.append, jitter=lambda: self.jitter, attempts=ATTEMPTS)


@dataclass(frozen=True, slots=True)
class Ran:
    result: PagesResult
    poll: Poll
    searches: int
    store: Store
    waits: Waits


def run(folder: Path, case: Case, jitter: float = 0.0) -> Ran:
    fault = Fault(case.kind, 1_000)
    faults = Faults(always=fault) if case.always else Faults({1: fault})
    waits = Waits(jitter)
    folder.mkdir(exist_ok=True)
    store = new_store(folder)
    with api(folder, faults=faults) as server:
        timeout_s = (5.0, 0.5 if case.kind == "slow" else 20.0)
        source = XSource(base_url=server.url, bearer_token=TOKEN, timeout_s=timeout_s)
        result = poll_once(store, source, folder, waits.patience())
        poll = record(store, EARTHQUAKE, result, params().harvest, NOW)
        return Ran(result, poll, server.requests, store, waits)


def poll_once(store: Store, source: Source, folder: Path, patience: Patience) -> PagesResult:
    return harvest_pages(
        store, source, EARTHQUAKE, params().harvest, folder / "pages", NOW, queries=(QUERY,), lookback_pages=0,
        patience=patience,
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_failure_of_x_has_exactly_one_outcome(tmp_path: Path, case: Case) -> None:
    ran = run(tmp_path, case)
    result, poll = ran.result, ran.poll
    assert result.state == STATE[case.outcome]
    assert ran.searches == case.requests
    if case.kind != "slow":  # then a busy machine may be too slow for the count as well
        assert result.requests == case.requests + 1  # the count comes first
        retries = {"retried": case.requests - 4, "whole": 0}.get(case.outcome, case.requests - 1)
        assert len(ran.waits.seconds) == retries
    assert case.message in str(result.stopped_because)
    assert TOKEN not in str(result)
    assert result.posts == (35 if case.outcome in ("retried", "whole") else 0)
    assert result.failed == (case.outcome in ("others", "person"))
    regular = record(ran.store, EARTHQUAKE, replace(result, state="done", stopped_because=None),
                     params().harvest, NOW).next_at  # fmt: skip
    assert regular is not None
    match case.outcome:
        case "retried" | "whole":
            assert (poll.next_at, poll.failures, poll.message) == (regular, 0, None)
        case "rescheduled" if case.kind == "429-reset":
            assert result.resume_at is not None
            assert 990 < (result.resume_at - datetime.now(UTC)).total_seconds() < 1_003
            assert (poll.next_at, poll.failures) == (max(NOW, result.resume_at), 0)
        case "rescheduled":
            assert (poll.next_at, poll.failures) == (NOW + timedelta(minutes=2), 0)
        case "others" | "person":
            assert (poll.next_at, poll.failures) == (NOW + timedelta(minutes=2), 1)


@pytest.mark.parametrize("case", [each for each in CASES if each.always], ids=lambda case: case.name)
def test_whatever_x_does_the_other_sources_go_on(tmp_path: Path, case: Case) -> None:
    ran = run(tmp_path, case)
    other = FakeSource([post(number, number, QUERY) for number in range(1, 16)], name="other")
    result = poll_once(ran.store, other, tmp_path, ran.waits.patience())
    assert (result.state, result.new_posts) == ("done", 15)
    record(ran.store, EARTHQUAKE, result, params().harvest, NOW)
    assert due(ran.store, EARTHQUAKE.id, ["x", "other"], NOW) == []
    assert ran.poll.next_at is not None
    assert "x" in due(ran.store, EARTHQUAKE.id, ["x", "other"], ran.poll.next_at)


@pytest.mark.parametrize("kind", ["503", "cut", "429"])
def test_pauses_double_and_are_spread_by_jitter(tmp_path: Path, kind: FaultKind) -> None:
    case = Case(kind, True, "", ATTEMPTS)
    short = run(tmp_path / "short", case, 0.0).waits.seconds
    long = run(tmp_path / "long", case, 1.0).waits.seconds
    assert short == [1.0, 2.0, 4.0]
    assert long == [2.0, 4.0, 8.0]


def test_a_limit_that_is_renewed_soon_is_waited_for(tmp_path: Path) -> None:
    with api(tmp_path, faults=Faults({2: Fault("429-reset", 20)})) as server:
        waited = []

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            server._limits["recent"].reset_at = 0  # as if the time had passed

        source = XSource(base_url=server.url, bearer_token=TOKEN)
        result = poll_once(new_store(tmp_path), source, tmp_path, Patience(sleep=sleep, jitter=lambda: 0.5))
        assert (result.state, result.posts, result.requests) == ("done", 35, 6)
        assert len(waited) == 1
        assert 19 < waited[0] < 22


def test_a_harvest_that_x_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    with api(tmp_path, faults=Faults({3: Fault("402")})) as server:
        source = XSource(base_url=server.url, bearer_token=TOKEN)
        first = poll_once(store, source, tmp_path, Waits().patience())
        assert (first.state, first.posts) == ("refused", 20)
        again = poll_once(store, source, tmp_path, Waits().patience())
        assert (again.state, again.posts, again.new_posts) == ("done", 35, 15)
        assert len(server.billed) == len(set(server.billed)) == 35


def test_after_an_empty_first_page_the_next_poll_asks_only_for_what_is_new(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    with api(tmp_path, faults=Faults({1: Fault("empty")})) as server:
        source = XSource(base_url=server.url, bearer_token=TOKEN)
        assert poll_once(store, source, tmp_path, Waits().patience()).posts == 35
        assert poll_once(store, source, tmp_path, Waits().patience()).posts == 35
        assert "since_id" in server.searches[-1]
        assert len(server.billed) == 35


@pytest.mark.parametrize(("kind", "state"), [("503", "down"), ("402", "refused"), ("429-reset", "limited")])
def test_a_count_that_fails_stops_before_anything_is_paid(tmp_path: Path, kind: FaultKind, state: str) -> None:
    with api(tmp_path, faults_at={"counts_recent": Faults(always=Fault(kind, 1_000))}) as server:
        source = XSource(base_url=server.url, bearer_token=TOKEN)
        result = poll_once(new_store(tmp_path), source, tmp_path, Waits().patience())
        assert (result.state, server.requests, server.billed_usd) == (state, 0, 0)


def test_the_table_in_the_documentation_is_this_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "x.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|[^|]*\| (.*?) \| (.*?) \|", text, re.MULTILINE)
    words = {
        "retried": "retried",
        "whole": "no failure",
        "rescheduled": "rescheduled",
        "others": "stops, others go on",
        "person": "person",
    }
    said = {kind: (once, always) for kind, once, always in rows}
    for case in CASES:
        column = said[case.kind][1 if case.outcome in ("rescheduled", "others") else 0]
        assert column.startswith(words[case.outcome]), case.name
    assert set(said) == {case.kind for case in CASES}
