"""Collecting garbage never makes a server's main thread wait for a database that waits for that thread."""

import subprocess
import sys
from pathlib import Path

# What stops an event loop: garbage with a cursor whose connection waits, in its thread, for a lock that we hold.
DEADLOCK = """
import gc, sqlite3, sys, threading, time
from quakelens.station.prefect import collect_apart

if sys.argv[2] == "apart":
    collect_apart()
ours = sqlite3.connect(sys.argv[1], isolation_level=None)
theirs = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=6, check_same_thread=False)
cycle = [theirs.execute("VALUES (1), (2)")]
cycle.append(cycle)
cycle[0].fetchone()
ours.execute("BEGIN IMMEDIATE")
waiting = threading.Thread(target=lambda: theirs.execute("BEGIN IMMEDIATE"))
waiting.start()
time.sleep(0.5)
began = time.monotonic()
del cycle
garbage = [[number] for number in range(200_000)]  # so many that Python collects
if sys.argv[2] == "apart":
    time.sleep(1.5)
print(time.monotonic() - began)
ours.execute("COMMIT")
waiting.join()
"""


def stood_still_s(how: str, folder: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-c", DEADLOCK, str(folder / f"{how}.db"), how], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    return float(done.stdout)


def test_a_thread_of_its_own_collects(tmp_path: Path) -> None:
    assert stood_still_s("by itself", tmp_path) > 4, "without it the main thread waits"
    assert stood_still_s("apart", tmp_path) < 4
