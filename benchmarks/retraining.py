"""What a retrain costs after 50 pictures were added to 1,500, against a plain fine-tuning script.

    python benchmarks/retraining.py CORPUS [--pictures 1500] [--added 50] [--rounds 3] [--json FILE]

CORPUS is a folder with manifest.csv and the pictures that it names. The stages of the pipeline run on the first
pictures; then the others are added, and all stages run again, each round in a process of its own and from the same
state. Importing libraries is start-up and counted by itself; what follows is work. DVC's and MLflow's own time is not
in it.

The fine-tuning script is what a user would write: EfficientNet-Lite0, the last block and all after it learn, a
DataLoader with a worker a core decodes every epoch anew. Of its epochs some batches are run and timed, and the whole is
estimated from them. Prints a table and, as the last line, JSON.

Bar: the stages `features` and `train` take under 15 s of work.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from machine import describe, machine, versions
from rich.console import Console
from rich.table import Table

from quakelens.cores import usable_cores
from quakelens.dataset.manifest import NONE
from quakelens.params import read_params
from quakelens.settings import Workspace

PARAMS = Path(__file__).parents[1] / "params.yaml"
BAR_S = 15.0
SEED = 20221
EPOCHS = 3
MEASURED = 12  # batches of fine-tuning
LIBRARIES = ("torch", "timm", "openvino", "sklearn.linear_model", "matplotlib.pyplot", "quakelens.engine")
STAGES = ("prepare", "features", "train", "evaluate", "export")


def main() -> None:
    """Measure and print."""
    given = _arguments()
    told, libraries = machine(), versions()
    console = Console(stderr=True)
    if not console.is_terminal:
        console.width = 140  # a file has no width of its own
    with tempfile.TemporaryDirectory(prefix="retraining-") as name:
        root = Path(name)
        base, added = _choose(given.corpus, given.pictures, given.added, root / "in")
        workspace = Workspace(root / "workspace")
        _add(base, workspace)
        console.print("first run, nothing known")
        first = _child("stages", workspace.root)
        _add(added, workspace)
        kept = root / "kept"
        shutil.copytree(workspace.root, kept)
        rounds = []
        for number in range(given.rounds):
            console.print(f"retrain {number + 1} of {given.rounds}")
            shutil.rmtree(workspace.root)
            shutil.copytree(kept, workspace.root)
            rounds.append(_child("stages", workspace.root))
        console.print("fine-tuning, a part of it")
        plain = _child("finetune", workspace.root)
    median = {stage: statistics.median(each[stage] for each in rounds) for stage in ("startup", *STAGES)}
    work = statistics.median(each["features"] + each["train"] for each in rounds)
    whole = statistics.median(sum(each[stage] for stage in STAGES) for each in rounds)
    table = Table(
        "what", "s", "first run",
        title=f"{given.added} pictures added to {given.pictures:,}, {given.rounds} rounds",
    )  # fmt: skip
    table.add_row("start-up: imports", f"{median['startup']:.2f}", f"{first['startup']:.2f}")
    for stage in STAGES:
        table.add_row(stage, f"{median[stage]:.2f}", f"{first[stage]:.2f}")
    table.add_row("features + train", f"{work:.2f}", f"{first['features'] + first['train']:.2f}")
    table.add_row("all stages", f"{whole:.2f}", f"{sum(first[stage] for stage in STAGES):.2f}")
    table.add_row(f"plain fine-tuning, {EPOCHS} epochs, estimated", f"{plain['estimated']:.0f}", "")
    console.print(describe(told, libraries), highlight=False)
    console.print(table)
    console.print(
        f"fine-tuning: {plain['measured_batches']} of {plain['batches']} batches took {plain['measured']:.1f} s, so "
        f"all take about {plain['estimated']:.0f} s, {plain['estimated'] / work:.1f} times features + train. "
        f"Bar: under {BAR_S:g} s, {'held' if work < BAR_S else 'MISSED'}",
        highlight=False,
    )
    found = {
        "machine": told, "versions": libraries, "pictures": given.pictures, "added": given.added, "first": first,
        "rounds": rounds, "features_and_train_s": round(work, 2), "all_stages_s": round(whole, 2), "finetune": plain,
        "held": work < BAR_S,
    }  # fmt: skip
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found))


def _choose(corpus: Path, pictures: int, added: int, out: Path) -> tuple[Path, Path]:
    """Manifests of the first pictures and of those to be added; pictures of earthquakes are taken before others."""
    with (corpus / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rng = random.Random(SEED)
    rng.shuffle(rows)
    rows.sort(key=lambda row: row["event"] == NONE)
    if len(rows) < pictures + added:
        raise SystemExit(f"{corpus} names {len(rows)} pictures; {pictures + added} are needed: give --pictures")
    rows = rows[: pictures + added]
    rng.shuffle(rows)
    out.mkdir()
    for row in rows:  # copied, since links out of the manifest's folder are refused
        (out / row["image"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(corpus / row["image"], out / row["image"])
    for name, some in (("base.csv", rows[:pictures]), ("added.csv", rows[pictures:])):
        with (out / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(some)
    return out / "base.csv", out / "added.csv"


def _add(manifest: Path, workspace: Workspace) -> None:
    from quakelens.dataset.add import add

    params = read_params(PARAMS)
    add(manifest, workspace.labelled, max_pixels=params.media.max_pixels, duplicates=params.duplicates)


def _child(what: str, root: Path) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__)), f"--child={what}", str(root)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def stages(root: Path) -> dict[str, float]:
    """Seconds of start-up and of each stage."""
    started = time.perf_counter()
    for name in LIBRARIES:
        import_module(name)
    from quakelens.dataset.prepare import prepare
    from quakelens.stages import evaluate, export, features, train

    workspace, params = Workspace(root), read_params(PARAMS)
    took = {"startup": time.perf_counter() - started}
    prepared, trained, evaluated = workspace.prepared, workspace.trained, workspace.evaluated
    steps = {
        "prepare": lambda: prepare(workspace.labelled, prepared, params),
        "features": lambda: features.run(workspace.labelled, workspace.cache, workspace.features, params),
        "train": lambda: train.run(prepared, workspace.features, trained, params),
        "evaluate": lambda: evaluate.run(
            prepared, workspace.features, trained, workspace.labelled, evaluated, params.evaluation
        ),
        "export": lambda: export.run(trained, evaluated, workspace.exported, params.model),
    }
    for name in STAGES:
        started = time.perf_counter()
        steps[name]()
        took[name] = time.perf_counter() - started
    return {name: round(value, 3) for name, value in took.items()}


def finetune(root: Path) -> dict[str, Any]:
    """Some batches of fine-tuning on all labelled pictures, and what all epochs would take."""
    import timm
    import torch
    from scoring_peers import BATCH, InMemory, classifier

    from quakelens.dataset.labelled import read_collection

    labelled = Workspace(root).labelled
    pictures = read_collection(labelled).pictures
    net: Any = classifier().train().requires_grad_(False)
    learning = [net.blocks[-1], net.conv_head, net.bn2, net.classifier]
    weights = [weight for part in learning for weight in part.requires_grad_().parameters()]
    optimizer = torch.optim.AdamW(weights, lr=1e-3)
    loss_of = torch.nn.BCEWithLogitsLoss()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(net), is_training=True)
    dataset = Labelled(
        InMemory([(labelled / picture.path).read_bytes() for picture in pictures], transform),
        [float(picture.damaged) for picture in pictures],
    )
    loader: Any = torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=usable_cores())
    started, done = 0.0, -2  # the first batches wait for the workers
    for x, y in loader:
        if done == 0:
            started = time.perf_counter()
        optimizer.zero_grad()
        loss_of(net(x)[:, 0], y.float()).backward()
        optimizer.step()
        done += 1
        if done == MEASURED:
            break
    measured = time.perf_counter() - started
    batches = EPOCHS * len(loader)
    return {
        "measured_batches": done,
        "measured": round(measured, 2),
        "batches": batches,
        "estimated": round(measured / done * batches, 1),
    }


class Labelled:
    """Pictures with labels, for a DataLoader."""

    def __init__(self, pictures: Any, labels: list[float]) -> None:
        self.pictures = pictures
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, at: int) -> tuple[Any, float]:
        return self.pictures[at], self.labels[at]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A retrain after some pictures were added.")
    parser.add_argument("corpus", type=Path, help="folder with manifest.csv")
    parser.add_argument("--pictures", type=int, default=1500, help="that are known before")
    parser.add_argument("--added", type=int, default=50, help="that are added")
    parser.add_argument("--rounds", type=int, default=3, help="how often the retrain runs")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    return parser.parse_args()


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].startswith("--child="):
        work = {"stages": stages, "finetune": finetune}[sys.argv[1].partition("=")[2]]
        print(json.dumps(work(Path(sys.argv[2]))))
    else:
        main()
