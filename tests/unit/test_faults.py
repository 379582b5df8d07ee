"""Faults of the machine: a locked store, a full disk, a clock that is wrong, processes that are lost."""

import errno
import multiprocessing
import resource
import sqlite3
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from harvest_world import EARTHQUAKE, NOW, new_store, params
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from quakelens.cli import watch as watch_command
from quakelens.cli.main import program
from quakelens.earthquakes.watching import observe
from quakelens.errors import Busy, DiskFull, StorageError, UsageError
from quakelens.files import no_space_behind, write_atomically
from quakelens.harvest import follow_up
from quakelens.store import Store, database, earthquakes, open_store, polls, runs
from quakelens.store.tables import runs as run_table

TRIGGER = params().trigger
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = new_store(tmp_path)
    earthquakes.save(made, EARTHQUAKE, NOW)
    return made


def due(store: Store, now: datetime) -> bool:
    return [found.id for found in observe(store, (EARTHQUAKE,), TRIGGER, now)] == [EARTHQUAKE.id]


def lose(store: Store, held: runs.Claim, **more: Any) -> None:
    """Move a claim to another host, where nobody here can see its process."""
    with store.write() as connection:
        connection.execute(update(run_table).where(run_table.c.id == held.run).values(host="elsewhere", **more))


def claimed(store: Store, now: datetime = NOW, **more: Any) -> runs.Claim:
    held = runs.claim(store, EARTHQUAKE.id, now, again_after=timedelta(0), **more)
    assert held is not None
    return held


def test_store_that_another_process_locks_takes_no_claim_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_store(tmp_path).close()
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    store = new_store(tmp_path)
    earthquakes.save(store, EARTHQUAKE, NOW)
    held = claimed(store, datetime.now(UTC), lease_s=1.0)
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    with runs.renewing(store, held) as lost:
        with pytest.raises(Busy, match=r"another process has written to .* for more than 0 s"), store.write():
            raise AssertionError("the lock was not seen")
        runs.fail(store, held, NOW, "cannot be recorded now, which is no error")
        time.sleep(1.5)  # longer than the lease
        assert not lost.is_set()
        other.execute("ROLLBACK")
        ends = datetime.now(UTC) + 20 * MINUTE
        while not runs.any_alive(store, datetime.now(UTC)):
            assert datetime.now(UTC) < ends
            time.sleep(0.05)
        assert not lost.is_set()
    other.close()


def test_store_that_is_gone_is_told_in_words(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = OperationalError("SELECT", {}, sqlite3.OperationalError("disk I/O error"))
    with pytest.raises(StorageError, match=r"does not answer .disk I/O error.: see that") as caught, store.read():
        raise broken
    assert caught.value.exit_code == 9
    full = OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))
    with (
        pytest.raises(DiskFull, match=r"store\.db cannot be written: .*full; its disk has [\d,]+ MB"),
        store.read(),
    ):
        raise full


def test_killed_run_after_a_good_one_is_started_at_once_and_then_after_pauses(store: Store) -> None:
    held = claimed(store)
    runs.finish(store, held, NOW)
    assert not due(store, NOW + MINUTE)
    now, waits = NOW + MINUTE, []
    for _ in range(9):
        held = claimed(store, now)
        lose(store, held, lease_until=now)
        waited = 0
        while not due(store, now):
            now, waited = now + MINUTE, waited + 1
        waits.append(waited)
    assert waits == [0, 2, 4, 8, 16, 32, 60, 60, 60]
    runs.finish(store, claimed(store, now), now)
    assert not due(store, now + MINUTE)


def test_clock_that_went_back_keeps_nobody_from_working(store: Store) -> None:
    ahead = NOW + timedelta(days=1)
    held = claimed(store, ahead)  # by a clock that is a day ahead, as after a start without a network
    lose(store, held)
    assert runs.claim(store, EARTHQUAKE.id, ahead) is None
    assert due(store, NOW)
    held = claimed(store, NOW)
    runs.fail(store, held, ahead, "by the wrong clock")
    assert due(store, NOW)
    runs.finish(store, claimed(store, NOW), ahead)
    wrong = polls.Poll("x", ahead, ahead + HOUR, "done", 0, None)
    polls.record(store, EARTHQUAKE.id, wrong)
    assert due(store, NOW)
    assert follow_up.due(store, EARTHQUAKE.id, ["x"], NOW) == ["x"]
    polls.record(store, EARTHQUAKE.id, replace(wrong, polled_at=NOW, next_at=NOW + HOUR))
    assert not due(store, NOW)


def test_clock_that_goes_back_an_hour_takes_no_claim_from_the_living(store: Store) -> None:
    held = claimed(store, NOW)
    lose(store, held)
    assert runs.claim(store, EARTHQUAKE.id, NOW - 55 * MINUTE) is None
    runs.renew(store, held, NOW - 55 * MINUTE)
    assert runs.claim(store, EARTHQUAKE.id, NOW - 54 * MINUTE) is None
    assert runs.claim(store, EARTHQUAKE.id, NOW - 52 * MINUTE) is not None


def test_clock_that_jumps_forward_leaves_one_run(store: Store) -> None:
    first = claimed(store, NOW)
    second = claimed(store, NOW + timedelta(days=1))
    with pytest.raises(runs.TakenOver, match="another process has taken over"):
        runs.renew(store, first, NOW + timedelta(days=1))
    runs.renew(store, second, NOW + timedelta(days=1))
    assert [run.state for run in runs.history(store, EARTHQUAKE.id, NOW + timedelta(days=1))] == ["lost", "running"]


def _write_much(folder: str, results: Any) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    path = Path(folder) / "picture.jpg"
    try:
        with write_atomically(path) as file:
            file.write(bytes(1_000_000))
    except DiskFull as error:
        results.put(str(error))


def test_full_disk_leaves_what_was_there_and_says_where(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(b"whole")
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_write_much, args=(str(tmp_path), results))
    process.start()
    told = results.get(timeout=60)
    process.join(60)
    assert told.startswith(f"{path} cannot be written: File too large; its disk has ")
    assert told.endswith("Make room and run the same command again: it goes on where it was")
    assert [found.name for found in tmp_path.iterdir()] == ["picture.jpg"]
    assert path.read_bytes() == b"whole"


def test_watch_goes_on_after_what_may_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(tmp_path))
    (tmp_path / "params.yaml").write_bytes((Path(__file__).parents[2] / "params.yaml").read_bytes())
    monkeypatch.setenv("QUAKELENS_EMSC_STREAM_URL", "")
    monkeypatch.setattr(watch_command, "EVERY_S", 0.0)
    monkeypatch.setattr(watch_command, "AT_LEAST_S", 0.0)
    ends: list[Exception] = [
        DiskFull("the disk is full"), OSError("odd"), RuntimeError("a bug"), UsageError("no token")
    ]  # fmt: skip

    def watch() -> list[object]:
        raise ends.pop(0)

    monkeypatch.setattr("quakelens.orchestration.load_flow", lambda *_: watch)
    monkeypatch.setattr("quakelens.orchestration.speak", lambda: None)
    result = CliRunner().invoke(program, ["watch"])
    assert isinstance(result.exception, UsageError)
    assert "the disk is full (the feeds are read again in a minute)\nOSError: odd" in result.output
    assert "RuntimeError: a bug" in result.output


def test_store_can_be_opened_again_after_its_disk_was_full(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    earthquakes.save(store, EARTHQUAKE, NOW)
    with store.plain() as cursor:
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            cursor.executescript("CREATE TABLE much AS SELECT randomblob(1000000) AS x;")
    store.close()
    again = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    assert due(again, NOW)
    again.close()


def test_full_disk_behind_an_error_of_a_library_is_found() -> None:
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "/srv/q/mlruns/x")
        except OSError as error:
            raise RuntimeError("logging failed") from error
    except RuntimeError as error:
        found = no_space_behind(error, Path("/srv/q"))
    assert str(found).startswith("/srv/q/mlruns/x cannot be written: No space left on device; its disk has ")
    assert "/srv/q cannot be written" in str(no_space_behind(RuntimeError("database or disk is full"), Path("/srv/q")))
    wordy = RuntimeError("(raised by autoflush)\n(sqlite3.OperationalError) database or disk is full\n[SQL]")
    assert ": (sqlite3.OperationalError) database or disk is full;" in str(no_space_behind(wordy, Path("/srv/q")))
    assert no_space_behind(RuntimeError("odd"), Path("/srv/q")) is None
