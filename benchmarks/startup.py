"""How long commands take to answer: every `--help`, and a picture scored.

    python benchmarks/startup.py [--picture FILE] [--rounds 5] [--json FILE]

Each command runs in a process of its own, in an empty workspace; the commands take turns, and the median over the
rounds counts. `score` is asked for one picture and takes the starter, which is assembled beforehand if it was not.
Prints a table and, as the last line, JSON.

Bars: `quakelens --help` within 0.3 s, `quakelens score one.jpg` within 2 s.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import describe, machine, versions
from PIL import Image
from rich.console import Console
from rich.table import Table

from quakelens.cli.main import COMMANDS
from quakelens.model.starter import starter_folder

BARS = {"quakelens --help": 0.3, "quakelens score one.jpg": 2.0}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Start-up of every command.")
    parser.add_argument("--picture", type=Path, help="what is scored; default: a drawn one")
    parser.add_argument("--rounds", type=int, default=5, help="how often each command runs")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args()
    told, libraries = machine(), versions()
    starter_folder()
    with tempfile.TemporaryDirectory(prefix="startup-") as name:
        picture = given.picture.resolve() if given.picture else draw(Path(name) / "one.jpg")
        commands = {"quakelens --help": ["--help"], "quakelens score one.jpg": ["score", str(picture)]}
        commands |= {f"quakelens {command} --help": [command, "--help"] for command in sorted(COMMANDS)}
        took: dict[str, list[float]] = {title: [] for title in commands}
        for _ in range(given.rounds):
            for title, arguments in commands.items():
                took[title].append(seconds(arguments, Path(name)))
    console = Console(stderr=True)
    if not console.is_terminal:
        console.width = 140  # a file has no width of its own
    console.print(describe(told, libraries), highlight=False)
    table = Table("command", "median s", "least", "most", "bar", "", title=f"Start-up, {given.rounds} rounds")
    bars = {}
    for title, values in took.items():
        median = statistics.median(values)
        row = [f"{value:.2f}" for value in (median, min(values), max(values))]
        if title in BARS:
            bars[title] = {"found": round(median, 3), "bar": BARS[title], "held": median <= BARS[title]}
            row += [f"{BARS[title]:g}", "held" if bars[title]["held"] else "MISSED"]
        table.add_row(title, *row)
    console.print(table)
    rounded = {title: [round(value, 3) for value in values] for title, values in took.items()}
    text = json.dumps({"machine": told, "versions": libraries, "seconds": rounded, "bars": bars})
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")
    print(text)


def seconds(arguments: list[str], workspace: Path) -> float:
    """Run `quakelens` once.

    Raises:
        RuntimeError: It failed.
    """
    script = Path(sys.executable).with_name("quakelens")
    command = [str(script)] if script.is_file() else [sys.executable, "-m", "quakelens"]
    environment = os.environ | {"QUAKELENS_WORKSPACE": str(workspace)}
    started = time.perf_counter()
    done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"quakelens {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
    return took


def draw(path: Path) -> Path:
    """A picture of soft blots, as large as networks serve them."""
    rng = np.random.default_rng(20229)
    coarse = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((1200, 900), Image.Resampling.BICUBIC).save(path, quality=88)
    return path


if __name__ == "__main__":
    main()
