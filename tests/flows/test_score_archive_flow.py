"""Scoring an archive under Prefect: here and on workers of Dask the same to the byte, with kills in between."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from prefect.settings import PREFECT_API_URL

from flows.score_archive import score_archive
from quakelens.demo.sample import Sample
from quakelens.errors import Busy, PipelineError, UsageError
from quakelens.locks import exclusive
from quakelens.scoring_archive.run import ATTEMPTS, CHUNKS, LOCK, RESULTS

CHUNK = 4


@pytest.fixture(scope="module")
def archive(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    for number, path in enumerate(sorted(sample.manifest.parent.rglob("*.jpg"))[:48]):
        shutil.copy(path, folder / f"{number}.jpg")
    return folder


@pytest.fixture(autouse=True)
def place(prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(tmp_path / "workspace"))


@pytest.fixture(scope="module")
def here(prefect_server: None, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The results of one process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUAKELENS_WORKSPACE", str(tmp_path_factory.mktemp("workspace")))
        output = tmp_path_factory.mktemp("here")
        summary = score_archive([str(archive)], str(output), model="starter", chunk_size=CHUNK)
    assert summary.scored_now == summary.pictures == 48
    assert summary.errors == 0
    assert not (output / CHUNKS).exists()
    return (output / RESULTS).read_bytes()


@pytest.fixture
def dask(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A scheduler and two workers as processes of their own; gives the workers' process ids."""
    from distributed import Client, LocalCluster

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        monkeypatch.setenv("QUAKELENS_DASK_ADDRESS", cluster.scheduler_address)
        yield list(client.run(os.getpid).values())


def done_chunks(output: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (output / CHUNKS).glob("*/*.gz")}


def wait_until(condition, what: str) -> None:  # type: ignore[no-untyped-def]
    ends = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < ends, what
        time.sleep(0.01)


def test_two_workers_of_which_one_is_killed_give_what_one_process_gives(
    dask: list[int], archive: Path, here: bytes, tmp_path: Path
) -> None:
    output = tmp_path / "out"

    in_the_middle: list[bool] = []

    def kill() -> None:
        wait_until(lambda: len(done_chunks(output)) > 2, "it never began")
        os.kill(dask[0], signal.SIGKILL)
        in_the_middle.append(not (output / RESULTS).exists())

    killer = threading.Thread(target=kill)
    killer.start()
    summary = score_archive([str(archive)], str(output), model="starter", chunk_size=CHUNK)
    killer.join()
    assert in_the_middle == [True]
    assert (output / RESULTS).read_bytes() == here
    assert summary.scored_now >= summary.pictures - CHUNK  # a chunk that was written as its worker died is found done
    assert not (output / ATTEMPTS).exists()


def test_a_run_that_is_killed_goes_on_and_one_that_has_ended_does_nothing(
    archive: Path, here: bytes, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    code = (
        "import sys; from flows.score_archive import score_archive\n"
        f"score_archive([sys.argv[1]], sys.argv[2], model='starter', chunk_size={CHUNK})"
    )
    environment = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())}
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(archive), str(output)], env=environment, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: len(done_chunks(output)) > 2 or process.poll() is not None, "it never began")
    process.kill()
    assert process.wait() == -signal.SIGKILL
    before = done_chunks(output)
    assert len(before) > 2
    # The champion may have changed since: the run keeps its model.
    summary = score_archive([str(archive)], str(output))
    assert summary.scored_now == summary.pictures - CHUNK * len(before)
    assert summary.model == "quakelens starter"
    assert (output / RESULTS).read_bytes() == here
    ended = (output / RESULTS).stat()
    again = score_archive([str(archive)], str(output))
    assert (again.scored_now, again.pictures, again.flagged) == (0, summary.pictures, summary.flagged)
    assert (output / RESULTS).stat().st_mtime_ns == ended.st_mtime_ns


def test_two_runs_at_once_on_one_folder(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from quakelens.cli.main import main

    monkeypatch.setattr("quakelens.orchestration.load_flow", lambda *_: score_archive)
    output = tmp_path / "out"
    with exclusive(output / LOCK, "the folder"):
        with pytest.raises(Busy, match="another quakelens process has used the folder"):
            score_archive([str(archive)], str(output), model="starter")
        with pytest.raises(SystemExit) as ended:
            main(["score-archive", str(archive), "--output", str(output)])
    assert ended.value.code == 8


def test_a_chunk_that_fails_stops_no_other(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks import scoring_archive

    real = scoring_archive.do_chunk

    def sometimes(output: Path, number: int, cores: int | None) -> object:
        if number == 1:
            raise PipelineError("chunk 1 ended 10 processes")
        return real(output, number, cores)

    output = tmp_path / "out"
    monkeypatch.setattr(scoring_archive, "do_chunk", sometimes)
    with pytest.raises(PipelineError, match=r"1 chunks could not be scored.*chunk 1 ended 10 processes.*run the same"):
        score_archive([str(archive)], str(output), model="starter", chunk_size=16)
    monkeypatch.undo()
    assert (output / RESULTS).exists() is False
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(tmp_path / "workspace"))
    summary = score_archive([str(archive)], str(output))
    assert summary.scored_now == 16


def test_nobody_answers_at_the_address(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.one_after_another._ANSWER_S", 0.5)
    monkeypatch.setenv("QUAKELENS_DASK_ADDRESS", "tcp://127.0.0.1:1")
    with pytest.raises(UsageError, match=r"QUAKELENS_DASK_ADDRESS: no scheduler of Dask answers at tcp://127.0.0.1:1"):
        score_archive([str(archive)], str(tmp_path / "out"), model="starter")


def test_the_command_prints_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from quakelens.cli.main import program

    monkeypatch.setattr("quakelens.orchestration.load_flow", lambda *_: score_archive)
    (tmp_path / "in").mkdir()
    ended = CliRunner().invoke(program, ["score-archive", str(tmp_path / "in"), "--output", str(tmp_path / "out")])
    assert ended.exit_code == 0, ended.output
    assert "pictures  0" in ended.output
