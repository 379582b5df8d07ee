"""What the faults are injected into: a harvest over HTTP, and what an undisturbed one came to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from check_kills import EARTHQUAKE, LateX, make_pictures, make_posts, rows_of
from sqlalchemy import select

from quakelens.settings import Workspace
from quakelens.store import charges, open_store, runs
from quakelens.store.tables import metadata

ROOT = Path(__file__).parents[2]
SEED = 20224


class NotHeldError(Exception):
    """What must hold after the fault does not."""


class CannotShowError(Exception):
    """This machine lacks what the fault needs."""


def expect(holds: object, message: str) -> None:
    """Raise unless it holds."""
    if not holds:
        raise NotHeldError(message)


def wait_for(what: Callable[[], object], limit_s: float, message: str) -> None:
    """Wait for a condition.

    Raises:
        NotHeldError: It did not come true in time.
    """
    ends = time.monotonic() + limit_s
    while not what():
        expect(time.monotonic() < ends, message)
        time.sleep(0.05)


class World:
    """Posts, pictures, and an undisturbed harvest of them; it is run when it is first asked for."""

    def __init__(self, folder: Path, posts: int = 600) -> None:
        self.folder = folder
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.pictures = folder / "pictures"
        self.posts = make_posts(posts, self.now, make_pictures(self.pictures, max(8, posts // 12)))
        self._calm: tuple[dict[str, list[Any]], float] | None = None

    @contextmanager
    def x(self) -> Iterator[LateX]:
        """A stand-in for X that has sold nothing yet."""
        with LateX(self.posts, self.now, self.pictures, SEED) as server:
            yield server

    @property
    def calm(self) -> tuple[dict[str, list[Any]], float]:
        """Rows and bill of a harvest that nothing disturbed."""
        if self._calm is None:
            place = Workspace(self.folder / "calm")
            with self.x() as x:
                done = self.start(place, x)
                _, said = done.communicate(timeout=300)
                expect(done.returncode == 0, f"the undisturbed harvest failed: {said[-500:]}")
                self._calm = rows(place), x.billed_usd
        return self._calm

    def start(
        self, place: Workspace, x: LateX, *more: str, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a harvest in a process of its own."""
        command = [
            sys.executable, str(ROOT / "scripts" / "faults" / "one_harvest.py"), str(place.root), x.url, x.address,
            self.now.isoformat(), *more,
        ]  # fmt: skip
        return subprocess.Popen(
            command, env={**environment_of(place), **(environment or {})}, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def finish(self, place: Workspace, x: LateX, *more: str, environment: dict[str, str] | None = None) -> str:
        """Run a harvest that must end in order; gives what it said."""
        done = self.start(place, x, *more, environment=environment)
        _, said = done.communicate(timeout=300)
        expect(done.returncode == 0, f"the run after the fault failed: {said[-500:]}")
        return said

    def check(
        self, place: Workspace, x: LateX, store_url: str | None = None, *, overlapping: bool = False
    ) -> dict[str, Any]:
        """See that rows, money and files are those of an undisturbed harvest; gives figures.

        Where two runs overlapped for a while, a page that both asked for may stay booked with the most that it can
        cost: the books then say no less than the bill, but may say more.
        """
        x.settle()
        calm, bill = self.calm
        found = rows(place, store_url)
        for table, wanted in calm.items():
            if table == "charges" and overlapping:
                continue
            if found[table] != wanted:
                missing = list((Counter(wanted) - Counter(found[table])).elements())
                extra = list((Counter(found[table]) - Counter(wanted)).elements())
                raise NotHeldError(f"{table}: {len(missing)} missing, {len(extra)} other: {(missing + extra)[:2]}")
        expect(abs(x.billed_usd - bill) < 0.011, f"the bill is {x.billed_usd:.3f}, undisturbed {bill:.3f}")
        spent = ledger(place, store_url)
        expect(spent > x.billed_usd - 1e-6, f"the books say {spent:.3f}, less than the bill, {x.billed_usd:.3f}")
        check_files(place, store_url)
        return {"posts": len(found["posts"]), "pictures": len(found["pictures"]), "bill_usd": round(x.billed_usd, 3),
                "ledger_usd": round(spent, 3)}  # fmt: skip


def environment_of(place: Workspace) -> dict[str, str]:
    """The environment of a process that works on a workspace, by this code."""
    return {
        **os.environ, "QUAKELENS_WORKSPACE": str(place.root), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT),
        "DO_NOT_TRACK": "1",
    }  # fmt: skip


def url_of(place: Workspace) -> str:
    """Of the workspace's own store."""
    return f"sqlite:///{place.store}"


def wait_in(process: subprocess.Popen[str], what: Callable[[], object], limit_s: float = 120) -> None:
    """Wait for a condition while a process runs.

    Raises:
        NotHeldError: It ended before, or nothing came of it in time.
    """

    def come() -> bool:
        if what():
            return True
        if process.poll() is not None:
            raise NotHeldError(f"it ended early with exit code {process.returncode}: {process.communicate()[1][-800:]}")
        return False

    wait_for(come, limit_s, "it came to nothing in time")


def rows(place: Workspace, store_url: str | None = None) -> dict[str, list[Any]]:
    """What the store holds."""
    store = open_store(store_url or url_of(place))
    try:
        return rows_of(store)
    finally:
        store.close()


def ledger(place: Workspace, store_url: str | None = None) -> float:
    """What the books say was spent."""
    store = open_store(store_url or url_of(place))
    try:
        return charges.spent_usd(store, [EARTHQUAKE])
    finally:
        store.close()


def run_states(place: Workspace, store_url: str | None = None, earthquake: str = EARTHQUAKE) -> list[str]:
    """States of the earthquake's runs, oldest first."""
    store = open_store(store_url or url_of(place))
    try:
        return [run.state for run in runs.history(store, earthquake, datetime.now(UTC))]
    finally:
        store.close()


def check_files(place: Workspace, store_url: str | None = None) -> None:
    """See that no file is half written, and that each one that a row names is there."""
    folders = [
        folder
        for folder in (place.pages.path, place.media.path, place.heatmaps.path, place.reports.path)
        if folder.is_dir()
    ]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    odd = [path.name for path in files if path.name.startswith(".")]
    expect(not odd, f"half-written files {odd[:3]}")
    empty = [path.name for path in files if not path.stat().st_size]
    expect(not empty, f"empty files {empty[:3]}")
    store = open_store(store_url or url_of(place))
    with store.read() as connection:
        named = {place.media.path / path for path in connection.scalars(select(metadata.tables["pictures"].c.path))}
        heatmaps = connection.scalars(select(metadata.tables["scores"].c.heatmap))
        named |= {place.heatmaps.path / path for path in heatmaps if path is not None}
    store.close()
    expect(named <= set(files), f"rows name {len(named - set(files))} files that are not there")


def pages_of(place: Workspace) -> int:
    """Pages in the archive."""
    return len(list(place.pages.path.rglob("*.gz"))) if place.pages.path.is_dir() else 0


def pictures_of(place: Workspace) -> int:
    """Pictures in the media folder."""
    return len(list(place.media.path.rglob("*.jpg"))) if place.media.path.is_dir() else 0


def program(place: Workspace, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start `quakelens` in a workspace."""
    return subprocess.Popen(
        [sys.executable, "-m", "quakelens", *arguments], env={**environment_of(place), **(environment or {})},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def message(said: str) -> str:
    """The program's message to people, of all that it said."""
    return "quakelens: " + said.rpartition("quakelens: ")[2].strip().splitlines()[0][:1000]


def last_json(said: str) -> dict[str, Any]:
    """The object in the last line."""
    found: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    return found


def end(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Kill what still runs of processes that were started here."""
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.communicate()
