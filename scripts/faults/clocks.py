"""Clocks that jump while processes are at work."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from faults.world import CannotShowError, World, end, expect, pages_of, run_states, wait_in
from quakelens.settings import Workspace

_DAY_S, _HOUR_S = 86_400, 3_600


class Clock:
    """The time of day of processes that are started with its environment; may be set while they run."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            raise CannotShowError("there is no C compiler, by which the clock of a process is set")
        library = folder / "clock.so"
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-o", str(library), str(Path(__file__).with_name("clock.c")), "-ldl"],
            check=True,
        )
        self._file = folder / "clock"
        self.set(0)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_FILE": str(self._file)}

    def set(self, shift_s: int) -> None:
        """So many seconds from the true time."""
        other = self._file.with_suffix(".new")
        other.write_text(f"{shift_s}\n")
        other.replace(self._file)


def clock_jumps(world: World) -> dict[str, Any]:
    """The clock goes a day forward, then back to an hour before the true time, while two processes want to work."""
    place = Workspace(Path(tempfile.mkdtemp(dir=world.folder)))
    clock = Clock(place.root)
    tries: list[str] = []
    with world.x() as x:
        first = world.start(place, x, environment=clock.environment)
        processes = [first]
        try:
            for pages, shift_s in ((5, _DAY_S), (15, -_HOUR_S)):
                wait_in(first, lambda pages=pages: pages_of(place) >= pages)  # type: ignore[misc]
                clock.set(shift_s)
                second = world.start(place, x, environment=clock.environment)
                processes.append(second)
            for process in processes:
                _, said = process.communicate(timeout=300)
                tries.append("done" if process.returncode == 0 else said.strip().splitlines()[-1][-120:])
        finally:
            end(processes)
        clock.set(0)
        time.sleep(0.1)
        world.finish(place, x, environment=clock.environment)
        states = run_states(place)
        expect("running" not in states, f"a run is left that claims to be at work: {states}")
        return {"ends": tries, "runs": states, **world.check(place, x, overlapping=True)}
