"""Disks and databases that fail."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from faults.world import (
    CannotShowError,
    World,
    end,
    expect,
    message,
    pages_of,
    pictures_of,
    program,
    run_states,
    wait_in,
)
from quakelens.settings import Workspace

_NEW_NAMESPACE = 0x00020000  # CLONE_NEWNS
_POSTGRESQL = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


class Disk:
    """A small disk of its own, which can be filled and emptied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no space."""
        with self._ballast.open("ab", buffering=0) as file:
            block = bytes(1 << 16)
            while block:
                try:
                    file.write(block)
                except OSError:
                    block = block[: len(block) // 2]

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink()


def own_mounts() -> None:
    """Let this process and those that it starts see mounts that nobody else sees.

    Raises:
        CannotShowError: It may not.
    """
    if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(_NEW_NAMESPACE) != 0:
        raise CannotShowError("a disk can be filled by root only, in a namespace of its own")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


@contextmanager
def disk(folder: Path, megabytes: int = 64) -> Iterator[Disk]:
    """A disk at a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        raise CannotShowError(f"no disk can be mounted: {mounted.stderr.decode().strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def disk_full_media(world: World) -> dict[str, Any]:
    """The disk of the pictures is full while they come."""
    place = Workspace(Path(tempfile.mkdtemp(dir=world.folder)))
    return _harvest_on_full_disk(world, place, place.media.path, None)


def disk_full_store(world: World) -> dict[str, Any]:
    """The disk of the store is full in the middle of a harvest."""
    place = Workspace(Path(tempfile.mkdtemp(dir=world.folder)))
    return _harvest_on_full_disk(world, place, place.root / "disk", f"sqlite:///{place.root / 'disk' / 'store.db'}")


def disk_full_everything(world: World) -> dict[str, Any]:
    """The disk of the whole workspace is full in the middle of a harvest."""
    place = Workspace(Path(tempfile.mkdtemp(dir=world.folder)))
    return _harvest_on_full_disk(world, place, place.root, None)


def _harvest_on_full_disk(world: World, place: Workspace, where: Path, store_url: str | None) -> dict[str, Any]:
    more = ("--store", store_url) if store_url else ()
    with disk(where) as small, world.x() as x:
        process = world.start(place, x, *more)
        try:
            wait_in(process, lambda: pictures_of(place) >= 10)
            small.fill()
            _, said = process.communicate(timeout=300)
        finally:
            end([process])
        expect(process.returncode == 9, f"exit code {process.returncode}: {said[-600:]}")
        told = message(said)
        expect("No space left" in told or "disk is full" in told, f"the message names no full disk: {told}")
        expect(str(where) in told, f"the message does not say where: {told}")
        small.free()
        had = pictures_of(place)
        world.finish(place, x, *more)
        return {"pictures_before": had, **world.check(place, x, store_url), "message": told}


def disk_full_report(world: World) -> dict[str, Any]:
    """The disk of the reports is full while one is written again: the old one stays."""
    place = Workspace(Path(tempfile.mkdtemp(dir=world.folder)))
    with world.x() as x, disk(place.reports.path) as small:
        world.finish(place, x)
        first = program(place, "report", "kills1", "--model", "starter")
        _, said = first.communicate(timeout=120)
        expect(first.returncode == 0, f"no report: {said[-500:]}")
        before = {path: path.read_bytes() for path in place.reports.path.rglob("*.*") if path.is_file()}
        small.fill()
        again = program(place, "report", "kills1", "--model", "starter")
        _, said = again.communicate(timeout=120)
        expect(again.returncode == 9, f"exit code {again.returncode}: {said[-500:]}")
        expect(str(place.reports.path) in message(said), f"the message does not say where: {message(said)}")
        small.free()
        after = {path: path.read_bytes() for path in place.reports.path.rglob("*.*") if path.is_file()}
        expect(after == before, "the report that was there has changed")
        last = program(place, "report", "kills1", "--model", "starter")
        _, said_last = last.communicate(timeout=120)
        expect(last.returncode == 0, f"no report afterwards: {said_last[-500:]}")
        return {"files": len(after), "message": message(said)}


def sqlite_locked(world: World) -> dict[str, Any]:
    """Another process holds the store for longer than a harvest waits for it."""
    place = Workspace(Path(tempfile.mkdtemp(dir=world.folder)))
    with world.x() as x:
        process = world.start(place, x)
        try:
            wait_in(process, lambda: pages_of(place) >= 5)
            other = sqlite3.connect(place.store, isolation_level=None, timeout=30)
            other.execute("BEGIN IMMEDIATE")
            held_from = time.monotonic()
            _, said = process.communicate(timeout=300)
            held_s = time.monotonic() - held_from
            other.execute("ROLLBACK")
            other.close()
        finally:
            end([process])
        expect(process.returncode == 8, f"exit code {process.returncode}: {said[-600:]}")
        told = message(said)
        expect("another process has written to" in told, f"the message does not say what it waited for: {told}")
        world.finish(place, x)
        return {"locked_s": round(held_s), **world.check(place, x), "runs": run_states(place), "message": told}


@contextmanager
def postgresql() -> Iterator[tuple[str, Any]]:
    """A PostgreSQL server of its own: its URL, and a function that starts it anew as after a power cut."""
    if not _POSTGRESQL or os.geteuid() != 0:
        raise CannotShowError("PostgreSQL's server (Debian's package postgresql) is not there, or this is not root")
    with tempfile.TemporaryDirectory(prefix="faults-pg-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        data = folder / "data"
        data.mkdir()
        subprocess.run(["chown", "-R", "postgres", str(folder)], check=True)
        control = str(_POSTGRESQL[-1] / "pg_ctl")
        options = f"-c listen_addresses='' -k {folder}"

        def run(*arguments: str) -> None:
            subprocess.run(
                ["runuser", "-u", "postgres", "--", *arguments], check=True, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, cwd=folder,
            )  # fmt: skip

        run(control, "initdb", "-D", str(data), "-o", "--auth=trust")
        start = (control, "start", "-w", "-D", str(data), "-l", str(folder / "log"), "-o", options)
        run(*start)
        try:

            def restart(down_s: float) -> None:
                run(control, "stop", "-m", "immediate", "-D", str(data))
                time.sleep(down_s)
                run(*start)

            yield f"postgresql+psycopg://postgres@/postgres?host={folder}", restart
        finally:
            run(control, "stop", "-m", "fast", "-D", str(data))


def postgresql_restarted(world: World) -> dict[str, Any]:
    """PostgreSQL dies in the middle of a harvest and is back after seconds."""
    place = Workspace(Path(tempfile.mkdtemp(dir=world.folder)))
    with postgresql() as (url, restart), world.x() as x:
        process = world.start(place, x, "--store", url)
        try:
            wait_in(process, lambda: pictures_of(place) >= 10)
            restart(3.0)
            _, said = process.communicate(timeout=300)
        finally:
            end([process])
        expect(process.returncode in (0, 9), f"exit code {process.returncode}: {said[-800:]}")
        told = message(said) if process.returncode else "it went on without a message"
        if process.returncode:
            expect("does not answer" in told, f"the message does not say what happened: {told}")
            expect("postgres@" in told, f"the message does not say which store: {told}")
            world.finish(place, x, "--store", url)
        figures = world.check(place, x, url)
        return {"exit_code": process.returncode, **figures, "runs": run_states(place, url), "message": told}
