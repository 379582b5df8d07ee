"""How fast pictures are scored, against what a user would write or pick instead, on the same pictures in one run.

    python benchmarks/scoring.py [FOLDER] [--pictures 128] [--rounds 5] [--minutes 8] [--json FILE]

FOLDER holds JPEG pictures; by default some are drawn. From the bytes of pictures, held in memory, to decisions. Each
side runs in a process of its own and the sides take turns, round after round; a round is whole passes over the
pictures, at least one and at least 1.5 s of them. Rates are medians over the rounds, ratios the median of each
round's ratio, since machines are noisy; a short round in which other processes took more than a tenth of the cores is
run once more, and the less disturbed one counts. While one side works the others wait. Afterwards each is asked for
one picture after the other. Peak memory is that of the process, with the pictures, without the workers of a
DataLoader.

The peers have the whole EfficientNet-Lite0 with one linear head. The starter takes the same backbone up to its last
block, and shows what may be damage to a second, larger network; "first look only" is the starter without that. Heat
maps are timed on the pictures that the starter flags: ours need no backward pass. pytorch-grad-cam gets the same
networks.

The roofline: if decoding alone runs at d pictures/s and inference alone at i, each at full use of all cores, both
together cannot pass 1 / (1/d + 1/i), as they share the cores. Where a share s of pictures gets a second look, what it
costs is added s times. As it ships the first look runs in bfloat16, where the processor has it, and once more in
float32 at those pictures that do not surely show no damage: that is added by their share.

Peers that are not installed are left out; `make peers` installs them into .bench-peers, apart from what quakelens
itself uses. No new round starts when most of the minutes are over. Prints tables and, as the last line, JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from machine import Ticks, describe, machine, used_by_others, versions
from rich.console import Console
from scoring_figures import figures
from scoring_sides import SIDES, Side
from scoring_tables import DISTURBED, show

PEERS = Path(__file__).parents[1] / ".bench-peers"
FEWEST_FLAGGED = 8
MOST_FLAGGED = 32
MORE = 3
AGAIN_S = 4.0
"""A longer round is not run again, however disturbed: the time is better spent on another one of all sides."""


def main() -> None:
    """Measure and print."""
    given = _arguments()
    started = time.monotonic()
    console = Console(stderr=True)
    if not console.is_terminal:
        console.width = 140  # a file has no width of its own
    if given.peers.is_dir():
        sys.path.append(str(given.peers))
    told, libraries = machine(), versions()
    with tempfile.TemporaryDirectory(prefix="scoring-") as name:
        paths = _paths(given.folder, given.pictures, Path(name))
        bench = Bench(given.peers if given.peers.is_dir() else None, console, Path(name) / "log")
        with bench.opened("ours-heatmaps", paths) as worker:
            shares = worker.ask("second_looks")
        # Few are flagged, so they are looked for among more.
        more = _paths(given.folder, MORE * given.pictures, Path(name))
        with bench.opened("ours-heatmaps", more) as worker:
            flagged = [more[at] for at in worker.ask("flagged")["at"]][:MOST_FLAGGED]
        until = started + 60 * given.minutes
        bench.measure(("score", "limit"), paths, given.rounds, started + 0.55 * 60 * given.minutes, with_latency=True)
        if len(flagged) >= FEWEST_FLAGGED:
            # Half of what is left, since the sides must be opened first.
            at_most = time.monotonic() + 0.5 * (until - time.monotonic())
            bench.measure(("flagged",), flagged, given.rounds, at_most, with_latency=False)
        else:
            bench.skipped["heat maps"] = (
                f"{len(flagged)} of {len(more)} pictures are flagged; {FEWEST_FLAGGED} are needed"
            )
    found = {
        "machine": told,
        "versions": libraries,
        "pictures": len(paths),
        "flagged": len(flagged),
        "second_look_share": round(shares["second"], 3),
        "exact_share": round(shares["exact"], 3),
        "sides": bench.sides,
        "skipped": bench.skipped,
    }
    found |= figures(found)
    found["took_s"] = round(time.monotonic() - started, 1)
    console.print(describe(told, libraries), highlight=False)
    show(found, console)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found))


class Worker:
    """A side's process."""

    def __init__(self, side: Side, paths: Sequence[Path], peers: Path | None, log: Path) -> None:
        self.side = side
        self._log = log
        command = [sys.executable, str(Path(__file__).with_name("scoring_worker.py")), side.name]
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [*command, json.dumps({"peers": str(peers) if peers else ""})],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self.facts = self._exchange(json.dumps([str(path) for path in paths]))["facts"]

    def ask(self, word: str) -> dict[str, Any]:
        """Say one of the worker's words; gives its answer."""
        return self._exchange(word)

    def close(self) -> None:
        """End it and what it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _exchange(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        told = self.process.stdout.readline()
        if not told:
            self.close()
            last = self._log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise RuntimeError(f"the side `{self.side.name}` ended: {last[0]}")
        answer: dict[str, Any] = json.loads(told)
        return answer


class Bench:
    """Runs sides in turn and keeps what they did."""

    def __init__(self, peers: Path | None, console: Console, logs: Path) -> None:
        self.sides: dict[str, dict[str, Any]] = {}
        self.skipped: dict[str, str] = {}
        self._peers = peers
        self._console = console
        self._logs = logs
        logs.mkdir(parents=True)

    @contextmanager
    def opened(self, name: str, paths: Sequence[Path]) -> Iterator[Worker]:
        """A side for a while; what it does is not kept."""
        side = next(side for side in SIDES if side.name == name)
        worker = Worker(side, paths, self._peers, self._logs / name)
        try:
            yield worker
        finally:
            worker.close()

    def measure(
        self, groups: Sequence[str], paths: Sequence[Path], rounds: int, until: float, *, with_latency: bool
    ) -> None:
        """Open the sides of the groups, and let them take turns; no round starts after `until` but the first."""
        with ExitStack() as stack:
            workers = [worker for side in SIDES if side.group in groups and (worker := self._open(side, paths, stack))]
            for worker in workers:
                side = worker.side
                self.sides[side.name] = {
                    "title": side.title, "group": side.group, "facts": worker.facts,
                    "rates": [], "others": [], "by": [],
                }  # fmt: skip
            for number in range(rounds):
                if number and time.monotonic() > until:
                    self._console.print(f"time is up after {number} of {rounds} rounds")
                    break
                for worker in workers:
                    self._console.print(f"round {number + 1} of {rounds}: {worker.side.title}", highlight=False)
                    self._round(worker)
            for worker in workers:
                self._finish(worker, with_latency)

    def _open(self, side: Side, paths: Sequence[Path], stack: ExitStack) -> Worker | None:
        missing = [module for module in side.needs if find_spec(module) is None]
        if missing:
            self.skipped[side.title] = f"{', '.join(missing)} not installed: run `make peers`"
            return None
        self._console.print(f"opening: {side.title}", highlight=False)
        try:
            worker = Worker(side, paths, self._peers, self._logs / side.name)
        except RuntimeError as error:
            if side.name == "ours":
                raise
            self.skipped[side.title] = str(error)
            return None
        stack.callback(worker.close)
        return worker

    def _round(self, worker: Worker) -> None:
        best: tuple[float, float, str] | None = None  # what others used, the rate, and which way was the fastest
        for last in (False, True):
            before = Ticks.now(worker.process.pid)
            done = worker.ask("round")
            others = used_by_others(before, Ticks.now(worker.process.pid), done["seconds"])
            found = others, round(done["rate"], 2), done["by"]
            best = min(best, found) if best else found
            if last or others <= DISTURBED or done["seconds"] > AGAIN_S:
                break
        assert best is not None
        for key, value in zip(("others", "rates", "by"), best, strict=True):
            self.sides[worker.side.name][key].append(value)

    def _finish(self, worker: Worker, with_latency: bool) -> None:
        kept = self.sides[worker.side.name]
        kept["rate"] = round(statistics.median(kept["rates"]), 2)
        told = worker.ask("memory")
        kept["peak_mib"] = round(told["mib"])
        kept["pictures_mib"] = round(told["pictures_mib"], 1)
        waits = sorted(worker.ask("latency")["ms"]) if with_latency else []
        if waits:
            kept["latency_ms"] = {
                "p50": round(statistics.median(waits), 1),
                "p99": round(waits[min(len(waits) - 1, int(0.99 * len(waits)))], 1),
                "pictures": len(waits),
            }


def _paths(folder: Path | None, count: int, work: Path) -> list[Path]:
    """Pictures from all over the folder, or drawn ones."""
    if folder is None:
        from quakelens.demo.sample import write_sample

        sample = write_sample(work / f"sample-{count}", pictures_per_earthquake=14, others=max(count - 84, 8))
        folder = sample.directory / "labelled"
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not found:
        raise SystemExit(f"{folder} holds no JPEG picture")
    return found[:: max(1, len(found) // count)][:count]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Scoring against its peers and its roofline.")
    parser.add_argument("folder", nargs="?", type=Path, help="of JPEG pictures; default: drawn ones")
    parser.add_argument("--pictures", type=int, default=128, help="how many of them")
    parser.add_argument("--rounds", type=int, default=5, help="of each side")
    parser.add_argument("--minutes", type=float, default=8.0, help="no round starts when most of them are over")
    parser.add_argument("--peers", type=Path, default=PEERS, help="folder in which `make peers` installs")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args()
    if given.pictures < 32 or given.rounds < 1:
        parser.error("--pictures must be 32 or more, --rounds 1 or more")
    return given


if __name__ == "__main__":
    main()
