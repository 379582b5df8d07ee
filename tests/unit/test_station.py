"""Programs that a station keeps running, and what keeps it from starting."""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from quakelens.cli.main import program
from quakelens.errors import Busy, QuakelensError, UsageError
from quakelens.locks import exclusive
from quakelens.settings import Settings, Workspace
from quakelens.station import parts, supervisor
from quakelens.station.parts import Part
from quakelens.station.station import serve
from quakelens.station.supervisor import Supervised


def supervised(folder: Path, code: str, said: list[str], health: str = "") -> Supervised:
    part = Part("program", (sys.executable, "-c", code), dict(os.environ), health=health)
    return Supervised(part, folder, said.append)


def wait_for(met: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not met():
        assert time.monotonic() < ends
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_one_that_dies_is_started_again_after_ever_longer_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_PAUSE_S", 0.01)
    said: list[str] = []
    program = supervised(tmp_path, f"open({str(tmp_path / 'starts')!r}, 'a').write('x'); raise SystemExit(3)", said)
    program.start()

    def four_times() -> bool:
        program.keep_alive()
        return len(said) >= 4

    wait_for(four_times)
    program.stop(threading.Event())
    assert len((tmp_path / "starts").read_text()) >= 4
    assert all("exit code 3" in line and str(program.log) in line for line in said)


def test_it_stops_with_its_children_and_what_does_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOPS_WITHIN_S", 1.0)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    code = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {deaf!r}])\n"
        "print('child', child.pid, flush=True); time.sleep(600)"
    )
    said: list[str] = []
    program = supervised(tmp_path, code, said)
    program.start()
    wait_for(lambda: program.log.is_file() and "deaf" in program.log.read_text())
    child = int(program.log.read_text().split()[1])
    assert is_alive(child)
    program.stop(threading.Event())
    assert not is_alive(child)
    assert program.pid is not None
    assert not is_alive(program.pid)
    assert said == ["program does not end: killed"]


def test_one_that_does_not_come_up_says_where_to_look(tmp_path: Path) -> None:
    program = supervised(tmp_path, "print('no such thing'); raise SystemExit(1)", [], "http://127.0.0.1:9/")
    program.start()
    with pytest.raises(QuakelensError, match=r"program\.log"):
        program.wait_until_up(threading.Event())
    wait_for(lambda: program.log.is_file() and "no such thing" in program.log.read_text())


def test_a_second_one_in_the_same_workspace_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    place = Workspace(tmp_path)
    with (
        exclusive(place.locks / "serve-worker.lock", "worker", wait_s=0),
        pytest.raises(Busy, match="another `quakelens serve` is at work"),
    ):
        serve(place, Settings(), (), (), print)


def test_a_station_has_its_own_server_and_a_worker_needs_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Workspace(tmp_path)
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere.example/api")
    with pytest.raises(UsageError, match="--only worker"):
        serve(place, Settings(), (), (), print)
    monkeypatch.delenv("PREFECT_API_URL")
    with pytest.raises(UsageError, match="PREFECT_API_URL"):
        serve(place, Settings(), ("worker",), (), print)


def test_only_a_worker_needs_the_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("QUAKELENS_TRACKING_URI", "http://elsewhere.example")  # so that MLflow is not started
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere.example/api")

    def refused(part: str) -> str:
        return str(CliRunner().invoke(program, ["serve", "--only", part]).exception)

    assert "params.yaml is missing: run `quakelens init`" in refused("worker")
    assert "names an MLflow server" in refused("mlflow")


def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"127\.0\.0\.1:{port} .*--port"):
            parts.free_port("127.0.0.1", port, "--port")
    assert parts.free_port("127.0.0.1", 0, "--port") > 0


def test_what_the_environment_says_wins_and_a_password_is_on_no_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_WORKER_QUERY_SECONDS", "7")
    place = Workspace(tmp_path)
    worker = parts.worker(place, "http://127.0.0.1:1/api", ("home",))
    assert worker.environment["PREFECT_WORKER_QUERY_SECONDS"] == "7"
    assert worker.command[-2:] == ("--work-queue", "home")
    settings = Settings(tracking_uri="postgresql://me:a-password@db/mlflow")  # type: ignore[arg-type]
    page = parts.mlflow(place, settings, "127.0.0.1", 5000)
    assert "a-password" not in " ".join(page.command)
    assert page.environment["MLFLOW_BACKEND_STORE_URI"] == "postgresql+psycopg://me:a-password@db/mlflow"
    with pytest.raises(UsageError, match="names an MLflow server"):
        parts.mlflow(place, Settings(tracking_uri="http://host:5000"), "127.0.0.1", 5000)  # type: ignore[arg-type]
