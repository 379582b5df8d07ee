"""What reduced precision costs and brings: bfloat16 and int8 against float32, on labelled pictures.

    python benchmarks/precision.py MANIFEST [--limit N]

MANIFEST is a labelled CSV as `quakelens evaluate` takes it. Each look of the starter runs over every picture in
float32, in bfloat16 where this processor has it, and in int8 where `nncf` is installed (`make peers`), quantised on 300
of the pictures; rates are the median of interleaved rounds. Then the engine as it ships is held against eager PyTorch
in float32. The starter was trained on pictures like these: only differences mean anything. Ends with a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

from quakelens.cores import usable_cores
from quakelens.dataset.manifest import read_manifest as read_labels
from quakelens.engine import Engine
from quakelens.engine.backends import OpenVinoBackend
from quakelens.images import decode
from quakelens.model.bundle import OPENVINO, read_manifest
from quakelens.model.decisions import decide, probability_of
from quakelens.model.looks import combine
from quakelens.model.openvino import load_openvino
from quakelens.model.starter import starter_folder

ROUNDS = 5
TIMED = 64
CALIBRATED_ON = 300
BATCH = 64
PEERS = Path(__file__).resolve().parents[1] / ".bench-peers"


def main(manifest: Path, limit: int | None) -> None:
    """Measure and print."""
    labels = read_labels(manifest)
    rows = labels.rows
    chosen = np.random.default_rng(0).permutation(len(rows))[:limit]
    files = [(labels.root / rows[at].image).read_bytes() for at in chosen]
    damaged = np.array([rows[at].label == "damaged" for at in chosen])
    folder = starter_folder()
    model = read_manifest(folder)
    console = Console(width=130)
    logits: dict[str, dict[str, NDArray[np.float64]]] = {}
    told: dict[str, Any] = {"pictures": len(files), "damaged": int(damaged.sum()), "looks": {}}
    for look in model.looks:
        logits[look], told["looks"][look] = of_look(folder, look, files)
    right = logits_and_decisions(model, *(each["f32"] for each in logits.values()), damaged)
    table = Table("numbers", "look", "pictures/s", "times f32", "logit, sd of change", "AUC", "decisions differ",
                  "probability, largest change", title=f"{len(files)} pictures, {damaged.sum()} damaged")  # fmt: skip
    for precision in logits["first"]:
        for look in model.looks:
            narrow = {name: each[precision if name == look else "f32"] for name, each in logits.items()}
            found = logits_and_decisions(model, *narrow.values(), damaged)
            rate = told["looks"][look][precision]
            change = float((logits[look][precision] - logits[look]["f32"]).std())
            rate |= compared(found, right) | {"logit_sd": change}
            table.add_row(precision, look, f"{rate['rate']:.0f}", f"{rate['ratio']:.2f}", f"{change:.3f}",
                          f"{rate['auc_change']:+.5f}", str(rate["decisions_differ"]),
                          f"{rate['largest_change']:.4f}")  # fmt: skip
    console.print(table)
    told["engine"] = parity(folder, files, console)
    print(json.dumps(told))


def of_look(folder: Path, look: str, files: list[bytes]) -> tuple[dict[str, NDArray[np.float64]], dict[str, Any]]:
    """Logits of each precision, and how fast it is."""
    preprocessing = read_manifest(folder).looks[look].preprocessing
    with ThreadPoolExecutor(usable_cores()) as threads:
        views = np.stack(
            list(threads.map(lambda data: preprocessing.apply(decode(data, at_least=preprocessing.size)), files))
        )
    backends = {"f32": OpenVinoBackend(folder, look)}
    narrow = OpenVinoBackend(folder, look, reduced=True)
    if narrow.precision != "f32":
        backends[narrow.precision] = narrow
    if PEERS.is_dir():
        backends["int8"] = quantised(folder, look, views)
    logits = {name: backend.run(views)[0].astype(np.float64) for name, backend in backends.items()}
    rates: dict[str, list[float]] = {name: [] for name in backends}
    for _ in range(ROUNDS):
        for name, backend in backends.items():
            started = time.perf_counter()
            backend.run(views[:TIMED])
            rates[name].append(min(TIMED, len(views)) / (time.perf_counter() - started))
    medians = {
        name: {
            "rate": round(statistics.median(each), 1),
            "ratio": round(statistics.median(a / b for a, b in zip(each, rates["f32"], strict=True)), 3),
        }
        for name, each in rates.items()
    }
    return logits, medians


def quantised(folder: Path, look: str, views: NDArray[np.uint8]) -> OpenVinoBackend:
    """The look in int8, as NNCF quantises it after training."""
    import tempfile

    openvino = load_openvino()

    sys.path.append(str(PEERS))
    import nncf

    some = np.random.default_rng(1).choice(len(views), min(CALIBRATED_ON, len(views)), replace=False)
    model = nncf.quantize(
        openvino.Core().read_model(str(folder / look / OPENVINO)),
        nncf.Dataset([views[at : at + 1] for at in some]),
        subset_size=len(some),
    )
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / look / OPENVINO
        path.parent.mkdir()
        openvino.save_model(model, path, compress_to_fp16=False)
        return OpenVinoBackend(Path(name), look)


def logits_and_decisions(model: Any, first: Any, second: Any, damaged: Any) -> tuple[Any, list[str], float]:
    """Probabilities, decisions and the AUC of both looks together."""
    probability = probability_of(combine(first, second, model.second_look_from), model.calibration)
    decisions = [decide(float(each), model.thresholds) for each in probability]
    return probability, decisions, float(roc_auc_score(damaged, probability))


def compared(found: tuple[Any, list[str], float], right: tuple[Any, list[str], float]) -> dict[str, float]:
    """How far one is from the other."""
    return {
        "auc_change": found[2] - right[2],
        "decisions_differ": sum(a != b for a, b in zip(found[1], right[1], strict=True)),
        "largest_change": float(np.abs(found[0] - right[0]).max()),
    }


def parity(folder: Path, files: list[bytes], console: Console) -> dict[str, dict[str, float]]:
    """The engine as it ships, and in float32 throughout, against eager PyTorch."""
    engines = {
        "eager": Engine.open(folder, version="starter", backend="torch", exact=True),
        "float32": Engine.open(folder, version="starter", backend="openvino", exact=True),
        "as it ships": Engine.open(folder, version="starter", backend="openvino"),
    }
    seen = {}
    for name, engine in engines.items():
        verdicts = [each for at in range(0, len(files), BATCH) for each in engine.score(files[at : at + BATCH])]
        seen[name] = (np.array([each.probability or 0.0 for each in verdicts]), [each.decision for each in verdicts])
    found = {}
    for name in ("float32", "as it ships"):
        change = np.abs(seen[name][0] - seen["eager"][0])
        differ = sum(a != b for a, b in zip(seen[name][1], seen["eager"][1], strict=True))
        found[name] = {"largest_change": float(change.max()), "decisions_differ": differ}
        console.print(
            f"engine, {name}, against eager PyTorch in float32: {differ} of {len(files)} decisions differ, largest "
            f"change of a probability {change.max():.1e}"
        )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--limit", type=int)
    given = parser.parse_args()
    main(given.manifest, given.limit)
