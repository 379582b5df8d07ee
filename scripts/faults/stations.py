"""Processes of a station that are killed: the worker with its runs, Prefect's server, all at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from faults.doubles import LIVE, Station, station
from faults.models import change, trained
from faults.world import NotHeldError, World, end, expect, message, program, run_states, wait_for
from quakelens.errors import UsageError
from quakelens.registry.registry import Registry
from quakelens.settings import Settings

_TICK_S = 8.0
_STAGES = ("plan", "posts", "pictures", "scoring", "report")


@dataclass
class Served:
    """A station that `quakelens serve` runs."""

    here: Station
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    api: str = ""
    _ticked: float = 0.0

    def wait_until_ready(self) -> None:
        """Until it says so; from then on only `tick` starts `watch`."""
        threading.Thread(target=self._read, daemon=True).start()

        def ready() -> bool:
            expect(self.process.poll() is None, f"serve ended: {self.said[-5:]}")
            return any("ready" in line for line in self.said)

        wait_for(ready, 300, "serve did not become ready")
        self.api = next(line.partition("PREFECT_API_URL=")[2] for line in self.said if "PREFECT_API_URL=" in line)
        self.post(f"deployments/{self.deployment('watch')}", {"paused": True}, method="PATCH")

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.rstrip())

    def post(self, path: str, body: Any, method: str = "POST") -> Any:
        """Ask Prefect's server, also while it is being started again."""
        ends = time.monotonic() + 120
        while True:
            try:
                answer = httpx.request(method, f"{self.api}/{path}", json=body, timeout=30)
                if answer.status_code == 503:  # its database is busy
                    raise httpx.ReadError("503")
                answer.raise_for_status()
                return answer.json() if answer.content else None
            except httpx.TransportError:
                expect(time.monotonic() < ends, "Prefect's server does not come back")
                time.sleep(0.5)

    def deployment(self, name: str) -> str:
        """Its id."""
        (found,) = self.post("deployments/filter", {"deployments": {"name": {"any_": [name]}}})
        return str(found["id"])

    def start(self, name: str, **parameters: Any) -> str:
        """Start a run of a deployment; gives its id."""
        return str(self.post(f"deployments/{self.deployment(name)}/create_flow_run", {"parameters": parameters})["id"])

    def runs(self, name: str) -> list[dict[str, Any]]:
        """A deployment's runs, oldest first."""
        wanted = {"deployments": {"name": {"any_": [name]}}, "sort": "EXPECTED_START_TIME_ASC"}
        return list(self.post("flow_runs/filter", wanted))

    def state(self, name: str) -> list[str]:
        """States of a deployment's runs, oldest first, without those that its schedule has for later."""
        return [str(run["state_name"]) for run in self.runs(name) if run["state_type"] != "SCHEDULED"]

    def tick(self) -> None:
        """Have the feeds read, at most once in some seconds."""
        if time.monotonic() - self._ticked > _TICK_S:
            self._ticked = time.monotonic()
            self.start("watch", by_event=True)

    def wait(self, what: Callable[[], object], limit_s: float, why: str, *, ticking: bool = True) -> None:
        """Wait for a condition while the feeds are read."""
        ends = time.monotonic() + limit_s
        while not what():
            expect(self.process.poll() is None, f"serve ended: {self.said[-5:]}")
            if ticking:
                self.tick()
            expect(time.monotonic() < ends, f"{why}: {self._told()}")
            time.sleep(0.05)

    def _told(self) -> str:
        names = ("watch", "harvest-and-score", "retrain", "purge")
        states = {name: [f"{run['state_name']}: {run['state']['message']}"[:150] for run in self.runs(name)][-3:]
                  for name in names}  # fmt: skip
        return f"{states}; serve says {self.said[-3:]}"

    def kill_worker(self) -> None:
        """Kill the worker and every run that it has started."""
        self._kill(lambda command: "prefect worker start" in command)

    def kill_server(self) -> None:
        """Kill Prefect's server."""
        self._kill(lambda command: "prefect server start" in command)

    def kill_run(self, run: str) -> None:
        """Kill the process of one run."""
        for pid in _below(self.process.pid):
            if f"PREFECT__FLOW_RUN_ID={run}" in _read(pid, "environ"):
                _kill_tree(pid)
                return
        raise NotHeldError(f"the run {run} has no process")

    def kill_all(self) -> None:
        """Kill everything, `serve` first, as a power cut does."""
        _kill_tree(self.process.pid)
        self.process.wait()

    def _kill(self, which: Callable[[str], bool]) -> None:
        killed = [pid for pid in _below(self.process.pid) if which(_read(pid, "cmdline"))]
        expect(killed, "there was nothing to kill")
        for pid in killed:
            _kill_tree(pid)

    def stop(self) -> None:
        """End it as a person does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=90)
        if self.process.poll() is None:
            self.kill_all()


def _below(pid: int) -> list[int]:
    """A process's descendants."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(fields[1]), []).append(int(folder.name))
    found, coming = [], [pid]
    while coming:
        children = parents.get(coming.pop(), [])
        found += children
        coming += children
    return found


def _kill_tree(pid: int) -> None:
    for each in (pid, *_below(pid)):
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def _read(pid: int, name: str) -> str:
    try:
        return (Path("/proc") / str(pid) / name).read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@contextmanager
def served(here: Station) -> Iterator[Served]:
    """A station with its stand-ins, ready."""
    process = program(here.place, "serve", "--port", "0", "--mlflow-port", "0", environment=here.environment)
    made = Served(here, process)
    try:
        made.wait_until_ready()
        yield made
    finally:
        made.stop()


def _harvested(here: Station) -> bool:
    return (
        here.place.store.is_file()
        and (here.place.reports.path / LIVE / "index.html").is_file()
        and run_states(here.place, earthquake=LIVE)[-1:] == ["done"]
    )


def _begun(here: Station) -> bool:
    try:
        return here.place.store.is_file() and bool(run_states(here.place, earthquake=LIVE))
    except UsageError:  # the store is there, the earthquake is not yet
        return False


def _scores(here: Station) -> int:
    return len(here.table("scores")) if here.place.store.is_file() else 0


def _forget(here: Station) -> None:
    """As before the earthquake."""
    for path in (here.place.pages.path, here.place.media.path, here.place.heatmaps.path, here.place.reports.path):
        shutil.rmtree(path, ignore_errors=True)
    for path in here.place.store.parent.glob("store.db*"):
        path.unlink()
    here.x.billed.clear()
    here.x.searches.clear()
    here.x.pictures_sent.clear()


def worker_killed(world: World) -> dict[str, Any]:
    """The worker and its harvest are killed in each stage of the harvest; each time another run ends complete."""
    with station(world) as here, served(here) as it:
        it.wait(lambda: _harvested(here), 300, "the undisturbed harvest did not end")
        posts, scores = len(here.table("posts")), _scores(here)
        here.check_once()
        reached: dict[str, Callable[[], object]] = {
            "plan": lambda: _begun(here),
            "posts": lambda: here.x.searches,
            "pictures": lambda: len(here.x.pictures_sent) >= 4,
            "scoring": lambda: _scores(here) >= 4,
            "report": lambda: _scores(here) >= scores,
        }
        took = {}
        for stage in _STAGES:
            it.wait(lambda: "Running" not in it.state("watch"), 120, "watch does not end", ticking=False)
            _forget(here)
            it.wait(reached[stage], 180, f"the stage {stage} was not reached")
            expect(not _harvested(here), f"the harvest was over before it was killed in the stage {stage}")
            killed = time.monotonic()
            it.kill_worker()
            it.wait(lambda: _harvested(here), 300, f"nothing picked the harvest up that was killed in {stage}")
            took[stage] = round(time.monotonic() - killed)
            here.check_once(killed=True)
            states = run_states(here.place, earthquake=LIVE)
            expect(states == ["lost", "done"], f"killed in {stage}, its runs are {states}")
            found = len(here.table("posts")), _scores(here)
            expect(found == (posts, scores), f"killed in {stage}: {found} posts and scores, not {(posts, scores)}")
        told = next(line for line in it.said if "worker ended" in line)
        return {"posts": posts, "scores": scores, "picked_up_and_done_after_s": took, "message": told}


def server_killed(world: World) -> dict[str, Any]:
    """Prefect's server is killed in the middle of a harvest and is back after a second."""
    with station(world) as here, served(here) as it:
        it.wait(lambda: len(here.x.pictures_sent) >= 4, 300, "the harvest did not begin")
        killed = time.monotonic()
        it.kill_server()
        it.wait(lambda: any("server ended" in line for line in it.said), 60, "nobody noticed", ticking=False)
        it.wait(lambda: _harvested(here), 300, "the harvest did not end")
        took = round(time.monotonic() - killed)
        told = next(line for line in it.said if "server ended" in line)
        states = run_states(here.place, earthquake=LIVE)
        return {**here.check_once(), "runs": states, "done_after_s": took, "message": told}


def all_killed(world: World) -> dict[str, Any]:
    """Everything is killed in the middle of a harvest, as by a power cut, and started again."""
    with station(world) as here:
        with served(here) as it:
            it.wait(lambda: len(here.x.pictures_sent) >= 4, 300, "the harvest did not begin")
            it.kill_all()
        killed = time.monotonic()
        with served(here) as it:
            second = program(here.place, "serve", "--port", "0", "--mlflow-port", "0", environment=here.environment)
            try:
                _, refused = second.communicate(timeout=60)
            finally:
                end([second])
            expect(second.returncode == 8, f"a second serve ended with {second.returncode}: {refused[-300:]}")
            it.wait(lambda: _harvested(here), 400, "the harvest was not picked up")
            took = round(time.monotonic() - killed)
            it.wait(
                lambda: "Running" not in it.state("harvest-and-score"), 400, "a dead run is shown as running",
                ticking=False,
            )  # fmt: skip
            crashed = next(run for run in it.runs("harvest-and-score") if run["state_name"] == "Crashed")
            return {
                **here.check_once(), "runs": run_states(here.place, earthquake=LIVE), "done_after_s": took,
                "message": f"{message(refused)}\n        {crashed['state']['message']}",
            }  # fmt: skip


def retrain_killed(world: World) -> dict[str, Any]:
    """A retraining is killed alone, then with its worker; then a purge. Each is started again and ends complete."""
    place = trained(world)
    change(place)
    took = {}
    with station(world, place) as here, served(here) as it:
        run = it.start("retrain")
        it.wait(lambda: "Running" in it.state("retrain"), 120, "it did not start", ticking=False)
        time.sleep(3)
        killed = time.monotonic()
        it.kill_run(run)
        it.wait(lambda: it.state("retrain")[:2] == ["Crashed", "Running"], 240, "not started again", ticking=False)
        took["alone"] = round(time.monotonic() - killed)
        time.sleep(3)
        killed = time.monotonic()
        it.kill_worker()
        it.wait(lambda: set(it.state("retrain")[2:]) == {"Completed"}, 600, "not started again and done", ticking=False)
        took["with_worker"] = round(time.monotonic() - killed)
        states = it.state("retrain")
        # Prefect may start one a second time: it finds the other at work, or nothing to do.
        expect(states[:2] == ["Crashed", "Crashed"] and set(states[2:]) == {"Completed"}, f"the runs are {states}")
        said = [run["state"]["message"] for run in it.runs("retrain")][:2]
        versions = [each.version for each in Registry(place, Settings()).versions()]
        expect(versions == ["2", "1"], f"the versions are {versions}")
        run = it.start("purge")
        it.wait(lambda: "Running" in it.state("purge"), 120, "it did not start", ticking=False)
        it.kill_run(run)
        killed = time.monotonic()
        it.wait(lambda: it.state("purge") == ["Crashed", "Completed"], 240, "not started again", ticking=False)
        took["purge"] = round(time.monotonic() - killed)
        return {"again_after_s": took, "message": "\n        ".join(said)}
