"""Prefect's command line as a station runs it, for its server: `python -m quakelens.station.prefect server start`.

Python collects garbage in whatever thread is at work, in a server mostly that of its event loop. A cursor of SQLite
among the garbage makes that thread wait for its connection; that one waits for the lock of the database, in a thread of
its own; and whoever holds the lock waits for the event loop. So Prefect's server stood still, until SQLite gave up
after 60 s, once in some twenty minutes. Here another thread collects, which may wait.
"""

from __future__ import annotations

import gc
import itertools
import runpy
import threading
import time

_EVERY_S = 1.0
_ALL_EVERY = 30
"""Of so many times once for objects of all ages; the newest two generations else."""


def collect_apart() -> None:
    """Have garbage collected by a thread that does nothing else, from now on and until the process ends."""
    gc.disable()
    threading.Thread(target=_collect, name="garbage", daemon=True).start()


def _collect() -> None:
    for count in itertools.count(1):
        time.sleep(_EVERY_S)
        gc.collect(1 if count % _ALL_EVERY else 2)


if __name__ == "__main__":
    collect_apart()
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
