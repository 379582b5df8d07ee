"""Does fine-tuning pay? Judged as scripts/compare_models.py judges: whole earthquakes and whole sources left out.

    scripts/fine_tune.py MANIFEST [--cache DIR] [--folds NAMES] [--table FILE]
    torchrun --standalone --nproc-per-node 2 scripts/fine_tune.py MANIFEST ...

For each learning rate, number of trained block groups, and with or without augmented copies, the last groups of
EfficientNet-Lite0 (without its last convolution) are trained on each fold's training pictures. Three heads are judged:
the one that was trained with them, the usual one on the trained network's mean features, and the usual one on the mean
features of the network halfway between the trained and the original (WiSE-FT). The first row is the frozen network on
the same folds. Beside the columns of scripts/compare_models.py stands the average precision of each fold by itself,
which needs no logits of different heads to be compared.

What enters the trained groups is computed once a picture and copy, and kept in --cache; no picture is decoded again.
With torchrun several processes, a GPU each where there are GPUs, share each batch; the first one judges and writes.

By default all folds are judged. On 2 cores a fold takes less than a minute with one group and minutes with two.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from compare_models import BEST, BLOCKS0, HEADER, Result, judge, out_of_fold, told, training_of
from corpus import Corpus, cached, in_batches, read_corpus
from numpy.typing import NDArray

from quakelens.dataset.leave_out import Fold, Place, folds_of, leave_out
from quakelens.errors import QuakelensError
from quakelens.evaluation.comparison import short
from quakelens.evaluation.intervals import weighted_ranking
from quakelens.files import write_atomically
from quakelens.images import decode, read_bytes
from quakelens.model.augmentation import augment
from quakelens.model.backbone import load_backbone
from quakelens.model.fine_tuning import (
    FineTuning,
    Parts,
    advanced,
    averaged,
    fine_tune,
    maps_of,
    mean_features,
    split_backbone,
)
from quakelens.model.preprocessing import Preprocessing
from quakelens.model.processes import Processes, processes
from quakelens.params import read_params

PIXELS, COPIES, MOST_GROUPS = 224, 2, 2
RATES, GROUPS = (1e-4, 3e-4), (1, 2)


@dataclass(frozen=True, slots=True)
class Tried:
    """One way to fine-tune."""

    groups: int
    rate: float
    augmented: bool

    @property
    def name(self) -> str:
        """As in the table."""
        noun = "block group" if self.groups == 1 else "block groups"
        copies = f"{COPIES} augmented copies" if self.augmented else "no augmentation"
        return f"{self.groups} {noun}, rate {self.rate:.0e}".replace("e-0", "e-") + f", {copies}"


def views_of(corpus: Corpus, parts: Parts, cache: Path) -> list[NDArray[np.float16]]:
    """Maps of every picture that enter the last `MOST_GROUPS` groups: of its centre, then of its augmented copies."""
    backbone = load_backbone(BLOCKS0)
    plain = Preprocessing(size=PIXELS, resize="crop")
    own = dict(zip(corpus.files, corpus.sha256, strict=True))

    def view(copy: int) -> NDArray[np.float16]:
        def look(path: Path) -> NDArray[np.uint8]:
            content = read_bytes(path)
            if copy == 0:
                return plain.apply(decode(content, at_least=PIXELS))
            rng = np.random.default_rng([copy, int(own[path][:16], 16)])  # the same whatever else is in the corpus
            return augment(decode(content, at_least=2 * PIXELS), PIXELS, rng)

        def compute(paths: Sequence[Path]) -> Any:
            flat = in_batches(paths, look, lambda batch: maps_of(backbone, parts, batch).reshape(len(batch), -1))
            print(f"view {copy}: maps of {len(paths)} pictures", flush=True)
            return flat.astype(np.float16)

        flat = cached(corpus, cache / f"tuning-{MOST_GROUPS}-{PIXELS}-copy{copy}.npz", compute)
        side = round((flat.shape[1] / 112) ** 0.5)
        return flat.reshape(len(flat), 112, side, side).astype(np.float16)

    return [view(copy) for copy in range(COPIES + 1)]


def logits_of(
    tried: Tried,
    parts: Parts,
    views: Sequence[NDArray[np.float16]],
    corpus: Corpus,
    folds: list[Fold],
    places: list[Place],
    together: Processes,
) -> dict[str, NDArray[np.float64]]:
    """Logits `(N,)` of each of the three heads, NaN where not judged."""
    training = training_of(corpus, BEST)
    chosen = views if tried.augmented else views[:1]
    found = {name: np.full(len(corpus.rows), np.nan) for name in ("own head", "usual head", "halfway, usual head")}
    for fold in folds:
        damaged, sources = corpus.damaged[fold.train], [corpus.sources[row] for row in fold.train]
        start = time.perf_counter()
        tuned = fine_tune(
            parts, [view[fold.train] for view in chosen], damaged, sources, training, FineTuning(rate=tried.rate),
            together,
        )  # fmt: skip
        took = time.perf_counter() - start
        if not together.first:
            continue
        told_losses = ", ".join(short(loss) for loss in tuned.losses)
        print(f"  {tried.name}, {fold.name}: losses {told_losses}; {took:.0f} s", flush=True)
        features = mean_features(tuned.late, views[0])
        found["own head"][fold.judged] = tuned.head.logits(features[fold.judged])
        found["usual head"][fold.judged] = out_of_fold(features, corpus, places, BEST, [fold])[fold.judged]
        between = mean_features(averaged(parts.late, tuned.late, 0.5), views[0])
        found["halfway, usual head"][fold.judged] = out_of_fold(between, corpus, places, BEST, [fold])[fold.judged]
    return found


def row_of(name: str, logits: NDArray[np.float64], corpus: Corpus, folds: list[Fold]) -> tuple[str, ...]:
    """A row of the table."""
    alone = []
    for fold in folds:
        damaged = corpus.damaged[fold.judged]
        value = weighted_ranking(logits[fold.judged], damaged, np.ones((1, len(damaged))))[1][0]
        alone.append(short(float(value)) if np.isfinite(value) else "")
    return (*told(Result(name, judge(logits, corpus), logits)), *alone)


def main() -> None:
    """Measure."""
    try:
        with processes() as together:
            measure(together)
    except QuakelensError as error:
        sys.exit(f"fine_tune: error: {error}")


def measure(together: Processes) -> None:
    """Measure; every process trains, the first judges and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("data/compare-cache"))
    parser.add_argument("--folds", default="", help="names, with commas between them; all by default")
    parser.add_argument("--only", default="", help="settings whose name holds this text")
    parser.add_argument("--table", type=Path, default=Path("data/fine-tune.md"))
    options = parser.parse_args()
    corpus = read_corpus(options.manifest, read_params(Path(__file__).parents[1] / "params.yaml"))
    split = corpus.params.split
    places = leave_out(
        corpus.rows, min_per_class=split.min_per_class, source_folds=split.source_folds, helpers=BEST.helpers
    )
    every = folds_of(places)
    folds = [fold for fold in every if not options.folds or fold.name in options.folds.split(",")]
    if not folds:
        parser.error(f"no such fold: the folds are {', '.join(fold.name for fold in every)}")
    backbone = load_backbone(BLOCKS0)
    deepest = split_backbone(backbone, MOST_GROUPS)
    with together.one_first():
        views = views_of(corpus, deepest, options.cache)
    header = (*HEADER, *(f"AP of {fold.name}" for fold in folds))
    rows = []

    def add(name: str, logits: NDArray[np.float64]) -> None:
        if not together.first:
            return
        rows.append(row_of(name, logits, corpus, folds))
        print(" | ".join(rows[-1]), flush=True)

    if together.first:
        print(" | ".join(header))
    frozen = mean_features(deepest.late, views[0])
    add("frozen", out_of_fold(frozen, corpus, places, BEST, folds))
    for groups in GROUPS:
        parts = split_backbone(backbone, groups)
        skipped = deepest.late[: MOST_GROUPS - groups]
        ready = views if groups == MOST_GROUPS else [advanced(skipped, view) for view in views]
        for rate in RATES:
            for augmented in (False, True):
                tried = Tried(groups, rate, augmented)
                if options.only in tried.name:
                    for name, found in logits_of(tried, parts, ready, corpus, folds, places, together).items():
                        add(f"{tried.name}: {name}", found)
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}", *(f"| {' | '.join(row)} |" for row in rows)]
    if together.first:
        with write_atomically(options.table) as file:
            file.write(("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    main()
