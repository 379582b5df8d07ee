"""One side of `scoring.py` in a process of its own: opens it, then does what each line of JSON on stdin asks for."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from scoring_sides import BY_NAME, Opened

ROUND_S = 1.5  # a round is whole passes over the pictures until this much time is over
LATENCY_S = 4.0
LATENCY_PICTURES = 300


def main() -> None:
    """Serve."""
    name, given = sys.argv[1], json.loads(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to the log
    if given["peers"]:
        sys.path.append(given["peers"])  # at the end: what quakelens needs stays as it is
    pictures = [Path(path).read_bytes() for path in json.loads(sys.stdin.readline())]
    side = BY_NAME[name]
    module, _, function = side.maker.partition(":")
    opened: Opened = getattr(import_module(module), function)(pictures, **side.given)
    answer: dict[str, Any] = {"facts": opened.facts}
    while True:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        asked = sys.stdin.readline().strip()
        if not asked:
            os._exit(0)  # a pool or a loader may still have workers; they end with their session
        answer = ANSWERS[asked](opened, pictures)


def one_round(opened: Opened, pictures: list[bytes]) -> dict[str, Any]:
    """Whole passes; how many pictures in how many seconds, by the fastest way, and how long all ways took."""
    best: dict[str, Any] = {}
    began = time.perf_counter()
    ways = opened.ways or {"": opened.run}
    for name, run in ways.items():
        done, started = 0, time.perf_counter()
        while (took := time.perf_counter() - started) < ROUND_S / len(ways):
            done += len(run(pictures))
        if not best or done / took > best["rate"]:
            best = {"rate": done / took, "by": name}
    return best | {"seconds": time.perf_counter() - began}


def latency(opened: Opened, pictures: list[bytes]) -> dict[str, Any]:
    """Milliseconds of each of some pictures, asked one after the other."""
    if opened.one is None:
        return {"ms": []}
    found: list[float] = []
    ended = time.perf_counter() + LATENCY_S
    for at in range(LATENCY_PICTURES):
        started = time.perf_counter()
        opened.one(pictures[at % len(pictures)])
        found.append(1000 * (time.perf_counter() - started))
        if time.perf_counter() > ended:
            break
    return {"ms": found}


def memory(_: Opened, pictures: list[bytes]) -> dict[str, Any]:
    """The peak of this process in MiB, without processes that it started; the pictures themselves are in it."""
    scale = 2**20 if sys.platform == "darwin" else 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    return {"mib": peak, "pictures_mib": sum(map(len, pictures)) / 2**20}


def second_looks(_: Opened, pictures: list[bytes]) -> dict[str, Any]:
    """The share of pictures that get a second look."""
    from scoring_ours import looked_twice

    second, exact = looked_twice(pictures)
    return {"second": second, "exact": exact}


def flagged(opened: Opened, pictures: list[bytes]) -> dict[str, Any]:
    """Which pictures get a heat map, by position."""
    verdicts = opened.run(pictures)
    return {"at": [at for at, verdict in enumerate(verdicts) if verdict.heatmap is not None]}


ANSWERS = {
    "round": one_round,
    "latency": latency,
    "memory": memory,
    "second_looks": second_looks,
    "flagged": flagged,
}

if __name__ == "__main__":
    main()
