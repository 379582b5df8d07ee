"""A real station: what it deploys, what an event starts, whom it tells, and that nothing of it stays."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from mail_server import mailbox
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Failed, Pending

from flows.deploying import deploy
from flows.housekeeping import housekeeping
from quakelens.demo.servers.local import LocalServer, Reply, Request
from quakelens.earthquakes import Earthquake
from quakelens.errors import Busy, UsageError
from quakelens.settings import Settings, Workspace
from quakelens.versioning import initialise
from tasks.limits import held
from tasks.retraining import RETRAIN_LIMIT, announce_champion
from tasks.starting import announce, waiting_harvests

ENDS_S = 240.0
PASSWORD = "a-password-that-must-not-be-seen"


def wait_for(met: Callable[[], Any]) -> Any:
    ends = time.monotonic() + ENDS_S
    while not (found := met()):
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.2)
    return found


@dataclass
class Station:
    """A process of `quakelens serve`."""

    workspace: Workspace
    process: "subprocess.Popen[str]"
    environment: dict[str, str]
    said: list[str]
    api: str

    def post(self, path: str, body: Any = None, method: str = "POST") -> Any:
        ends = time.monotonic() + ENDS_S
        while True:
            answer = httpx.request(method, f"{self.api}/{path}", json=body or {}, timeout=60)
            if answer.status_code != 503 or time.monotonic() > ends:  # its database is busy
                break
            time.sleep(0.5)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.api}/health", timeout=60).is_success
        except httpx.TransportError:
            return False

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.post(
            "flow_runs/filter", {"deployments": {"name": {"any_": [deployment]}}, "sort": "ID_DESC"}
        )
        return found

    def processes(self) -> list[tuple[int, str]]:
        """Every process that works for this station, and its command."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if str(self.workspace.root).encode() in path.read_bytes():
                    command = (path.parent / "cmdline").read_text().replace("\0", " ")
                    found.append((int(path.parent.name), command))
            except OSError:
                continue  # gone meanwhile, or not ours
        return found


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    place = Workspace(tmp_path_factory.mktemp("station") / "workspace")
    initialise(place, Settings())
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("QUAKELENS_", "PREFECT_"))}
    environment |= {
        "QUAKELENS_WORKSPACE": str(place.root), "QUAKELENS_USGS_FEED_URL": "http://127.0.0.1:9/feed",
        "QUAKELENS_EMSC_FEED_URL": "",
    }  # fmt: skip
    command = [sys.executable, "-m", "quakelens", "serve", "--port", "0", "--mlflow-port", "0"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = []
    try:
        for line in process.stderr:
            said.append(line.strip())
            if line.startswith("ready"):
                break
        else:
            pytest.fail("\n".join(said))
        api = next(line.partition("PREFECT_API_URL=")[2] for line in said if "PREFECT_API_URL=" in line)
        found = Station(place, process, environment, said, api)
        found.post("work_pools/quakelens", {"is_paused": True}, method="PATCH")  # these tests look at what is started
        with temporary_settings({PREFECT_API_URL: api}):
            yield found
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture(autouse=True)
def own_events(station: Station) -> Iterator[None]:
    """Prefect sends the events of a process to the server that its first one was for, also when that one is gone."""
    EventsWorker.drain_all()
    yield
    EventsWorker.drain_all()


def applied(**settings: Any) -> list[str]:
    return deploy(Settings(**settings))


def test_it_serves_its_pages_and_a_second_one_is_refused(station: Station) -> None:
    pages = [line.split()[1] for line in station.said if line.startswith(("server ", "mlflow "))]
    assert len(pages) == 2
    for page in pages:
        assert page.startswith("http://127.0.0.1:")
        assert httpx.get(page, timeout=60, follow_redirects=True).status_code == 200
    # A service may write nothing beside the program, and Prefect's page is missing where it cannot be written.
    assert any((station.workspace.root / "data" / "station" / "prefect-page").iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "quakelens", "serve"],
        env=station.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 8
    assert str(station.workspace.root) in done.stderr


def test_applied_again_it_changes_nothing_and_a_pause_by_hand_stays(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In a clone Prefect would call a deployment's version by the commit.
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(tmp_path)]
    for step in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"], ["remote", "add", "origin", "/x/y"]):
        subprocess.run([*git, *step], check=True)
    purge = station.post("deployments/filter", {"deployments": {"name": {"any_": ["purge"]}}})[0]
    station.post(f"deployments/{purge['id']}", {"paused": True}, method="PATCH")
    environment = {**station.environment, "PREFECT_API_URL": station.api}
    command = [sys.executable, "-m", "quakelens", "deploy"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"same"}
    monkeypatch.chdir(tmp_path)
    changed = applied(harvests_at_once=2)
    assert [line for line in changed if not line.startswith("same")] == ["changed  harvest-and-score/harvest-and-score"]
    assert {line.split()[0] for line in applied(harvests_at_once=2)} == {"same"}
    applied()
    assert station.post(f"deployments/{purge['id']}", method="GET")["paused"]
    every = station.post("deployments/filter")
    assert {"watch", "harvest-and-score", "retrain", "purge", "housekeeping", "score-archive"} <= {
        each["name"] for each in every
    }
    for each in every:
        assert each["description"]
        assert "quakelens" in each["tags"]
        assert all(what.get("description") for what in each["parameter_openapi_schema"]["properties"].values())
        assert all(plan["schedule"]["timezone"] == "UTC" for plan in each["schedules"])
    names = [each["name"] for each in station.post("automations/filter")]
    assert "quakelens: an earthquake is due" in names
    assert len(names) == len(set(names))  # none was made a second time


def test_an_earthquake_that_is_due_starts_one_harvest_with_what_the_event_says(station: Station) -> None:
    now = datetime.now(UTC)
    earthquake = Earthquake(
        id="us7000abcd", ids=("us7000abcd",), origin_time=now, latitude=38.2, longitude=20.3, depth_km=10.0,
        magnitude=6.4, magnitude_type="mww", place="somewhere", alert=None, mmi=None, updated=now, url="",
    )  # fmt: skip
    assert waiting_harvests.fn(now) == set()
    announce.fn(earthquake, ["x", "bluesky"])
    (run,) = wait_for(lambda: station.runs("harvest-and-score"))
    assert run["parameters"] == {"earthquake": "us7000abcd", "sources": ["x", "bluesky"], "if_due": True}
    assert waiting_harvests.fn(datetime.now(UTC)) == {"us7000abcd"}  # so that watch does not announce it again
    time.sleep(2)
    assert len(station.runs("harvest-and-score")) == 1
    station.post(f"flow_runs/{run['id']}", method="DELETE")


def test_two_machines_do_not_retrain_at_once_and_a_missing_limit_is_an_error(station: Station, tmp_path: Path) -> None:
    with held(RETRAIN_LIMIT, tmp_path / "one"):
        with pytest.raises(Busy, match="another machine"), held(RETRAIN_LIMIT, tmp_path / "other"):
            pass
        left = (tmp_path / "one").read_text()
    with held(RETRAIN_LIMIT, tmp_path / "other"):
        pass
    # As if the first had been killed: nobody gave its place back, and its note is there.
    (tmp_path / "other").write_text(left)
    taken = station.post(
        "v2/concurrency_limits/increment-with-lease",
        {"names": [RETRAIN_LIMIT], "slots": 1, "mode": "concurrency", "lease_duration": 600},
    )
    (tmp_path / "one").write_text(taken["lease_id"])
    with pytest.raises(Busy), held(RETRAIN_LIMIT, tmp_path / "other"):
        pass
    with held(RETRAIN_LIMIT, tmp_path / "one"):
        pass
    with pytest.raises(UsageError, match="quakelens deploy"), held("not-there", tmp_path / "one"):
        pass


def test_failures_and_promotions_are_told(station: Station) -> None:
    told: list[dict[str, Any]] = []

    def take(request: Request) -> Reply:
        told.append(json.loads(request.body))
        return Reply(200, b"{}")

    with LocalServer(take) as receiver, mailbox("me", PASSWORD) as box:
        mail = f"mailto://me:{PASSWORD}@{box.address}?to=duty@example.org&from=us@example.org&mode=insecure"
        url = f"json://me:{PASSWORD}@{receiver.address}/ {mail}"
        lines = applied(notify_urls=url)
        assert sum(line.startswith("made") for line in lines) == 6
        assert PASSWORD not in "".join(lines)
        assert all(line.startswith("same") for line in applied(notify_urls=url))
        announce_champion("7", "better by 0.02")
        EventsWorker.instance().drain()
        wait_for(lambda: any("version 7 is the champion" in each["title"] for each in told))
        assert any("better by 0.02" in each["message"] for each in told)
        (sent,) = wait_for(lambda: box.mails)
        assert (sent["To"], sent["Subject"]) == ("duty@example.org", "quakelens: version 7 is the champion")
        assert "better by 0.02" in sent.get_body().get_content()
        with get_client(sync_client=True) as client:
            watch = client.read_deployment_by_name("watch/watch")
            for _ in range(2):
                run = client.create_flow_run_from_deployment(watch.id)
                client.set_flow_run_state(run.id, Failed(message="the feed is <down>"), force=True)
        wait_for(lambda: any(each["title"] == "quakelens: watch Failed" for each in told))
        time.sleep(2)
        failures = [each for each in told if each["title"] == "quakelens: watch Failed"]
        assert len(failures) == 1  # of the same deployment within minutes only the first
        assert "the feed is <down>" in failures[0]["message"]
        assert f"{station.api.removesuffix('/api')}/runs/flow-run/" in failures[0]["message"]
        wait_for(lambda: [each["Subject"] for each in box.mails[1:]] == ["quakelens: watch Failed"])
    assert sum(line.startswith("removed") for line in applied()) == 6
    assert PASSWORD not in json.dumps(station.post("block_documents/filter"))


def test_an_address_that_is_none_is_named_by_its_number_only(station: Station) -> None:
    with pytest.raises(UsageError, match="address 1") as caught:
        deploy(Settings(notify_urls=f"nothing-of://me:{PASSWORD}@host/"))  # type: ignore[arg-type]
    assert PASSWORD not in str(caught.value)


def test_old_runs_of_watch_go(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(station.workspace.root))
    with get_client(sync_client=True) as client:
        for name in ("watch/watch", "retrain/retrain"):
            run = client.create_flow_run_from_deployment(client.read_deployment_by_name(name).id)
            client.set_flow_run_state(run.id, Failed(), force=True)
    housekeeping(keep_days=1)
    assert any(run["state_type"] == StateType.FAILED for run in station.runs("watch"))
    housekeeping(keep_days=0)
    assert not any(run["state_type"] == StateType.FAILED for run in station.runs("watch"))
    assert any(run["state_type"] == StateType.FAILED for run in station.runs("retrain"))


def test_a_dead_watch_keeps_no_other_from_starting_and_slots_outlive_the_server(station: Station) -> None:
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("watch/watch")
        runs = [client.create_flow_run_from_deployment(deployment.id) for _ in range(3)]
        states = [client.set_flow_run_state(run.id, Pending()).state for run in runs]
        assert [state and state.type for state in states] == [
            StateType.PENDING, StateType.PENDING, StateType.CANCELLED,
        ]  # fmt: skip
        (server,) = (pid for pid, command in station.processes() if "prefect server start" in command)
        os.kill(server, signal.SIGKILL)
        wait_for(lambda: server not in dict(station.processes()))
        wait_for(station.answers)
        assert states[0]
        # Prefect ends a run that finds its slot gone.
        lease = states[0].state_details.deployment_concurrency_lease_id
        station.post(f"v2/concurrency_limits/leases/{lease}/renew", {"lease_duration": 60})
        for run in runs:
            client.delete_flow_run(run.id)


def test_without_a_server_there_is_nothing_to_deploy_to() -> None:
    with temporary_settings({PREFECT_API_URL: None}), pytest.raises(UsageError, match="quakelens serve"):
        deploy(Settings())
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), pytest.raises(UsageError, match="answers"):
        deploy(Settings())


def test_it_stops_and_leaves_no_process(station: Station) -> None:
    assert len(station.processes()) >= 4
    station.process.send_signal(signal.SIGTERM)
    assert station.process.wait(ENDS_S) == 0
    assert station.processes() == []
