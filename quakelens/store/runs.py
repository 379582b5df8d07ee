"""Runs: who works on an earthquake, so that no two processes do."""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from quakelens.errors import Busy, QuakelensError
from quakelens.store.database import Store
from quakelens.store.earthquakes import get
from quakelens.store.tables import runs

_log = logging.getLogger(__name__)

LEASE_S = 120.0
"""A claim that was not renewed for so long belongs to a process that is gone."""


_AHEAD = timedelta(hours=1)  # a lease that ends later was given by a clock that was wrong


class TakenOver(Busy):
    """Another process has the earthquake now."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on an earthquake, until `finish`, `fail`, or the lease runs out."""

    run: int
    earthquake: str
    owner: str
    lease_s: float


@dataclass(frozen=True, slots=True)
class Run:
    """One run; `state` is `running`, `done`, `failed` or `lost` (its process was gone)."""

    state: str
    started_at: datetime
    ended_at: datetime | None
    message: str | None


def claim(
    store: Store,
    earthquake_id: str,
    now: datetime,
    *,
    again_after: timedelta | None = None,
    lease_s: float = LEASE_S,
) -> Claim | None:
    """Take an earthquake to work on.

    The claim of a process that is gone is taken over: at once where it ran here, else when its lease
    is over. Should a clock jump forward, a living process may be taken for one that is gone: it stops at its next
    renewal, and the other one goes on where it was. Should one jump back, a dead process of another host keeps its
    claim for as long, an hour at most.

    Args:
        store: Where the claim is kept.
        earthquake_id: Any of its ids.
        now: UTC.
        again_after: How long after a finished run another may start; None: never, 0 for a person's wish.
        lease_s: Seconds until the claim must be renewed.

    Returns:
        None if another process has it, or it is finished.

    Raises:
        UsageError: The store does not know the earthquake.
    """
    key = get(store, earthquake_id).key
    owner = uuid.uuid4().hex
    with store.write() as connection:
        past = _of(connection, key)
        if any(_is_alive(run, now) for run in past) or _is_finished(past, now, again_after):
            return None
        _end(connection, runs.c.earthquake == key, "lost", now, "its process was gone")
        run = connection.execute(
            insert(runs)
            .values(
                earthquake=key, state="running", owner=owner, host=_host(), process=_process(os.getpid()),
                lease_until=now + timedelta(seconds=lease_s), started_at=now,
            )
            .returning(runs.c.id)
        ).scalar_one()  # fmt: skip
    return Claim(run, key, owner, lease_s)


def renew(store: Store, held: Claim, now: datetime) -> None:
    """Extend a claim by its lease.

    Raises:
        TakenOver: It was taken over.
    """
    with store.write() as connection:
        changed = connection.execute(
            update(runs)
            .where(runs.c.id == held.run, runs.c.owner == held.owner, runs.c.state == "running")
            .values(lease_until=now + timedelta(seconds=held.lease_s))
        ).rowcount
    if changed != 1:
        raise TakenOver(
            f"another process has taken over the earthquake {held.earthquake}: this run stops; what it has stored stays"
        )


def finish(store: Store, held: Claim, now: datetime, message: str | None = None) -> None:
    """End a run that did its work."""
    with store.write() as connection:
        _end(connection, runs.c.id == held.run, "done", now, message)


def fail(store: Store, held: Claim, now: datetime, message: str) -> None:
    """End a run that could not do its work.

    Where the store cannot take it, perhaps for the same reason, the claim ends with its lease.
    """
    try:
        with store.write() as connection:
            _end(connection, runs.c.id == held.run, "failed", now, message)
    except QuakelensError as error:
        _log.error("the end of the run on %s is not recorded, its claim ends by itself: %s", held.earthquake, error)


@contextmanager
def renewing(store: Store, held: Claim) -> Iterator[threading.Event]:
    """Renew a claim in the background while the block runs.

    Gives an event that is set if the claim is lost: the block should then stop. A store that does not answer for a
    while takes no claim away: the renewal is tried again, and tells in the end whether another process took it.
    """
    stop, lost = threading.Event(), threading.Event()

    def work() -> None:
        while not stop.wait(held.lease_s / 4):
            try:
                renew(store, held, datetime.now(UTC))
            except TakenOver:
                lost.set()
                return
            except QuakelensError as error:
                _log.warning("the claim on %s is not renewed now, but tried again: %s", held.earthquake, error)

    thread = threading.Thread(target=work, name="renew-claim", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        stop.set()
        thread.join()


def any_alive(store: Store, now: datetime) -> bool:
    """Whether any process works on an earthquake."""
    with store.read() as connection:
        return any(_is_alive(run, now) for run in connection.execute(select(runs).where(runs.c.state == "running")))


def count(store: Store, now: datetime) -> dict[str, int]:
    """Runs of all earthquakes by state; those whose process is gone are `lost`."""
    with store.read() as connection:
        found = {
            str(row[0]): int(row[1])
            for row in connection.execute(
                select(runs.c.state, func.count()).where(runs.c.state != "running").group_by(runs.c.state)
            )
        }
        for run in connection.execute(select(runs).where(runs.c.state == "running")):
            state = "running" if _is_alive(run, now) else "lost"
            found[state] = found.get(state, 0) + 1
    return found


def history(store: Store, earthquake_id: str, now: datetime) -> list[Run]:
    """Runs of an earthquake, oldest first; those whose process is gone are `lost`."""
    key = get(store, earthquake_id).key
    with store.read() as connection:
        return [
            Run(
                "lost" if run.state == "running" and not _is_alive(run, now) else run.state,
                run.started_at, run.ended_at, run.message,
            )
            for run in _of(connection, key)
        ]  # fmt: skip


def _of(connection: Connection, key: str) -> list[Row[Any]]:
    return list(connection.execute(select(runs).where(runs.c.earthquake == key).order_by(runs.c.id)))


def _end(connection: Connection, which: Any, state: str, now: datetime, message: str | None) -> None:
    connection.execute(
        update(runs).where(which, runs.c.state == "running").values(state=state, ended_at=now, message=message)
    )


def _is_finished(past: list[Row[Any]], now: datetime, again_after: timedelta | None) -> bool:
    done = [run.ended_at for run in past if run.state == "done"]
    return bool(done) and (again_after is None or now - max(done) < again_after)


def _is_alive(run: Row[Any], now: datetime) -> bool:
    if run.state != "running" or not now < run.lease_until < now + _AHEAD:
        return False
    if run.host != _host():
        return True
    pid = run.process.partition(":")[0]
    return bool(_process(int(pid)) == run.process)


def _host() -> str:
    """This host until its next start, and the pid namespace in which process ids mean something."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        boot = namespace = "-"
    return f"{socket.gethostname()} {boot} {namespace}"


def _process(pid: int) -> str:
    """A process as `pid:start`, so that a pid that is used again is another; empty if there is none."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        state, *fields = status.rpartition(")")[2].split()  # a program's name may hold blanks
        return "" if state in "ZX" else f"{pid}:{fields[18]}"
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return ""
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        pass
    return f"{pid}:-"
