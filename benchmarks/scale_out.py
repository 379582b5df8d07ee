"""What score-archive does in a second: one process, and one or two workers of Dask, with one or all cores each.

    python benchmarks/scale_out.py [FOLDER] [--pictures 600] [--chunk 100] [--rounds 3] [--json FILE]

The workers are processes of their own on this machine, reached by TCP as they would be on another one; scheduler and
Prefect's server run beside them on the same cores, as they would not on a cluster. All sides score the same pictures
with the starter, with their models loaded and warm; a round is one whole run (list, score, merge), and the rounds of
all sides take turns. A run over FOLDER takes its first pictures in the order of their paths; without FOLDER pictures of
1,200 x 900 are drawn.

How to read it: on a machine with two cores one process uses both, so two workers of one core each cannot be faster;
against `one process, all cores` they show what scaling out costs. What it gives is to be seen between one and two
workers of one core each. Prints a table and, as the last line, JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from machine import Ticks, describe, machine, used_by_others, versions
from PIL import Image
from rich.console import Console
from rich.table import Table

from quakelens.cores import usable_cores
from quakelens.files import write_json
from quakelens.model.starter import starter_folder
from quakelens.registry.lookup import Found
from quakelens.scoring_archive import run
from quakelens.scoring_archive.results import finish
from quakelens.scoring_archive.worker import do_chunk
from quakelens.walking import pictures_below

SIDES = (
    ("plain loop over the chunks, all cores", None, 0),
    ("score-archive in one process, all cores", 0, 0),
    ("score-archive, 1 worker, all cores", 1, 0),
    ("score-archive, 1 worker, 1 core", 1, 1),
    ("score-archive, 2 workers, 1 core each", 2, 1),
)
"""Name, workers (None: without Prefect), and cores a worker (0: all)."""


def main() -> None:
    """Measure and print."""
    given = _arguments()
    os.environ.update(
        DO_NOT_TRACK="1", PREFECT_SERVER_ANALYTICS_ENABLED="false", PREFECT_LOGGING_LEVEL="ERROR",
        PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="120",
    )  # fmt: skip
    logging.getLogger("distributed").setLevel(logging.WARNING)
    told = machine()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="scale-out-") as place, ExitStack() as stack:
        work = Path(place)
        os.environ.update(PREFECT_HOME=str(work / "prefect"), QUAKELENS_WORKSPACE=str(work / "workspace"))
        (work / "prefect").mkdir()
        listed = work / "pictures.txt"
        paths = sorted(pictures_below([given.folder])) if given.folder else _drawn(work / "drawn", given.pictures)
        chosen = list(islice(paths, given.pictures))
        listed.write_text("".join(f"{path.absolute()}\n" for path in chosen))
        stack.enter_context(_server())
        sides = {name: stack.enter_context(_side(workers, own)) for name, workers, own in SIDES}
        rates: dict[str, list[float]] = {name: [] for name in sides}
        others: dict[str, list[float]] = {name: [] for name in sides}
        results: set[bytes] = set()
        for number in range(given.rounds + 1):  # the first loads the models
            for name, score in sides.items():
                output = work / "out"
                before, began = Ticks.now(os.getsid(0)), time.perf_counter()
                score(listed, output, given.chunk)
                took = time.perf_counter() - began
                results.add((output / run.RESULTS).read_bytes())
                shutil.rmtree(output)
                if number:
                    rates[name].append(len(chosen) / took)
                    others[name].append(used_by_others(before, Ticks.now(os.getsid(0)), took))
                    console.print(f"round {number}, {name}: {rates[name][-1]:.1f} pictures/s")
    found = {
        "machine": told, "versions": versions(), "pictures": len(chosen), "chunk": given.chunk, "rounds": given.rounds,
        "pictures_of": "photographs" if given.folder else "drawn",
        "mean_bytes": round(statistics.mean(path.stat().st_size for path in chosen)) if given.folder else None,
        "same_results": len(results) == 1,
        "rates": {name: [round(rate, 2) for rate in each] for name, each in rates.items()},
        "median": {name: round(statistics.median(each), 1) for name, each in rates.items()},
        "used_by_others": {name: round(statistics.median(each), 3) for name, each in others.items()},
    }  # fmt: skip
    _show(found)
    if given.json:
        write_json(given.json, found)
    print(json.dumps(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--chunk", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _drawn(folder: Path, count: int) -> list[Path]:
    """Smooth colours with noise on them: files of some 200 kB that take as long to decode as photographs."""
    folder.mkdir()
    paths = [folder / f"{number:06}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize((1200, 900))
        noisy = np.asarray(coarse).astype(np.int16) + rng.integers(-12, 13, (900, 1200, 1), dtype=np.int16)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=80)
    return paths


@contextmanager
def _server() -> Iterator[None]:
    """Prefect's server, once for all sides."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@contextmanager
def _side(workers: int | None, own: int) -> Iterator[Callable[[Path, Path, int], Any]]:
    if workers is None:
        yield _plain
        return
    from flows.score_archive import score_archive

    def score(address: str, listed: Path, output: Path, chunk: int) -> None:
        os.environ["QUAKELENS_DASK_ADDRESS"] = address
        score_archive([], str(output), lists=[str(listed)], model="starter", chunk_size=chunk)

    if not workers:
        yield lambda *rest: score("", *rest)
        return
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=workers, threads_per_worker=own or usable_cores(), dashboard_address="127.0.0.1:0", silence_logs=50
    ) as cluster:
        yield lambda *rest: score(cluster.scheduler_address, *rest)


def _plain(listed: Path, output: Path, chunk: int) -> None:
    started = run.start(output, [], [str(listed)], Found("starter", starter_folder()), chunk)
    began = time.perf_counter()
    done = [do_chunk(output, number) for number in range(started.chunks)]
    finish(output, started, done, time.perf_counter() - began)


def _show(found: dict[str, Any]) -> None:
    console = Console(width=110)
    console.print(describe(found["machine"], found["versions"]))
    table = Table("", "pictures/s, median", "lowest to highest", "of the plain loop", "cores used by others")
    base = found["median"][SIDES[0][0]]
    for name, rate in found["median"].items():
        low, high = min(found["rates"][name]), max(found["rates"][name])
        others = found["used_by_others"][name]
        table.add_row(name, f"{rate:.1f}", f"{low:.1f} to {high:.1f}", f"{rate / base:.0%}", f"{others:.0%}")
    console.print(table)
    console.print(
        f"{found['pictures']} pictures ({found['pictures_of']}) in chunks of {found['chunk']}, "
        f"{found['rounds']} rounds; results equal to the byte: {'yes' if found['same_results'] else 'NO'}"
    )
    one, two = (found["median"][name] for name, _, _ in SIDES[3:])
    console.print(f"two workers of one core each do {two / one:.2f} times what one of them does")
    if found["machine"]["cores"] <= 2:
        console.print("This machine has two cores, which one process uses both: more workers cannot be faster here.")


if __name__ == "__main__":
    main()
