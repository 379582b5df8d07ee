#!/usr/bin/env python
"""Break what quakelens stands on, one thing at a time, and see that it ends as if nothing had been broken.

    python scripts/check_faults.py [--only NAME ...] [--json FILE] [--list]

Each fault is really injected: disks are filled, databases stopped, processes killed, clocks set. A line a fault:
`held` or `FAILED`, with figures and the message that a person sees; `cannot` where this machine lacks what it takes
(root for disks of its own and for PostgreSQL, a C compiler for clocks). The exit code is 1 if one failed.
What each means for people: docs/faults.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from faults import clocks, doubles, models, pictures, stations, storage
from faults.world import CannotShowError, NotHeldError, World

from quakelens.files import write_json

FAULTS: dict[str, Callable[[World], dict[str, Any]]] = {
    "poisoned-picture": pictures.poisoned_picture,
    "two-harvests": doubles.two_harvests,
    "two-schedulers": doubles.two_schedulers,
    "clock-jumps": clocks.clock_jumps,
    "disk-full-media": storage.disk_full_media,
    "disk-full-store": storage.disk_full_store,
    "disk-full-everything": storage.disk_full_everything,
    "disk-full-model": models.disk_full_model,
    "change-during-harvest": models.change_during_harvest,
    "worker-killed": stations.worker_killed,
    "server-killed": stations.server_killed,
    "all-killed": stations.all_killed,
    "retrain-killed": stations.retrain_killed,
    "disk-full-report": storage.disk_full_report,
    "sqlite-locked": storage.sqlite_locked,
    "postgresql-restarted": storage.postgresql_restarted,
}


def main() -> None:
    """Inject, compare, print."""
    parser = argparse.ArgumentParser(description="Break what quakelens stands on, one thing at a time.")
    parser.add_argument("--only", action="append", choices=sorted(FAULTS), help="this one; more than once for several")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--list", action="store_true", help="name the faults and what each does")
    given = parser.parse_args()
    if given.list:
        for name, inject in FAULTS.items():
            print(f"{name:<28} {str(inject.__doc__).splitlines()[0]}")
        return
    found: dict[str, Any] = {}
    mounts = None
    try:
        storage.own_mounts()
    except CannotShowError as error:
        mounts = str(error)
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        world = World(Path(name))
        for fault in given.only or FAULTS:
            found[fault] = _inject(fault, world, mounts)
    if given.json:
        write_json(given.json, found)
    sys.exit(1 if any(one["result"] == "FAILED" for one in found.values()) else 0)


def _inject(name: str, world: World, mounts: str | None) -> dict[str, Any]:
    began = time.monotonic()
    try:
        if mounts and name.startswith("disk-"):
            raise CannotShowError(mounts)
        one: dict[str, Any] = {"result": "held", **FAULTS[name](world)}
    except CannotShowError as error:
        one = {"result": "cannot", "message": str(error)}
    except Exception as error:  # noqa: BLE001  # one that breaks the check is no reason to leave out the others
        kind = "" if isinstance(error, NotHeldError) else f"{type(error).__name__}: "
        one = {"result": "FAILED", "message": f"{kind}{error}"}
    one["took_s"] = round(time.monotonic() - began, 1)
    figures = "  ".join(f"{key} {value}" for key, value in one.items() if key not in ("result", "message"))
    print(f"{one['result']:<7} {name:<28} {figures}", flush=True)
    if one.get("message"):
        print(f"        {one['message']}", flush=True)
    return one


if __name__ == "__main__":
    main()
