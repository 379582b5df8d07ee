"""How much faster the engine scores with OpenVINO than with eager PyTorch, on the same pictures in one run.

    python benchmarks/backends.py [FOLDER]

FOLDER holds JPEG pictures; by default some are drawn. From bytes to decisions, both backends in turn, five rounds;
the median of each round's ratio counts, since machines are noisy. Prints a table and, as the last line, JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from quakelens.engine import Engine
from quakelens.model.starter import starter_folder

ROUNDS = 5
PICTURES = 128


def main(folder: Path | None) -> None:
    """Measure and print."""
    pictures = read(folder) if folder else drawn()
    engines = {name: Engine.open(starter_folder(), version="starter", backend=name) for name in ("openvino", "torch")}
    rates: dict[str, list[float]] = {name: [] for name in engines}
    gap = 0.0
    for engine in engines.values():
        engine.score(pictures[:32])  # the first batch pays for compiling and for memory
    for _ in range(ROUNDS):
        found = {}
        for name, engine in engines.items():
            started = time.perf_counter()
            found[name] = [verdict.probability or 0.0 for verdict in engine.score(pictures)]
            rates[name].append(len(pictures) / (time.perf_counter() - started))
        gap = max(gap, *(abs(a - b) for a, b in zip(found["openvino"], found["torch"], strict=True)))
    ratio = statistics.median(a / b for a, b in zip(rates["openvino"], rates["torch"], strict=True))
    table = Table("backend", "pictures/s, median", "least", "most", title=f"{len(pictures)} pictures, {ROUNDS} rounds")
    for name, values in rates.items():
        table.add_row(name, *(f"{value:.0f}" for value in (statistics.median(values), min(values), max(values))))
    console = Console()
    console.print(table)
    console.print(f"OpenVINO / eager PyTorch: {ratio:.1f}; largest difference of a probability: {gap:.1e}")
    print(json.dumps({"pictures": len(pictures), "ratio": round(ratio, 2), "largest_difference": gap, "rates": rates}))


def read(folder: Path) -> list[bytes]:
    """The first pictures of a folder."""
    return [path.read_bytes() for path in sorted(folder.rglob("*.jpg"))[:PICTURES]]


def drawn() -> list[bytes]:
    """Drawn pictures, for machines without others."""
    from quakelens.demo.sample import write_sample

    with tempfile.TemporaryDirectory() as name:
        sample = write_sample(Path(name) / "sample", pictures_per_earthquake=14, others=PICTURES - 84)
        return read(sample.directory / "labelled")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
