"""Train the starter, the model that ships with quakelens, on a labelled manifest.

    scripts/make_starter.py MANIFEST [--cache DIR] [--out DIR]

Every earthquake is used for the weights. Calibration and thresholds are chosen on predictions by heads that have seen
neither the picture's earthquake nor its source (quakelens/dataset/leave_out.py). The figures in its model.json come
from the same predictions, but each fold's pictures are decided by the calibration and thresholds of the others:
nothing that is judged has been learnt from, in any step. Frozen features are computed once a picture and look.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from corpus import Corpus, View, features, read_corpus
from numpy.typing import NDArray

from quakelens.dataset.leave_out import Fold, folds_of, leave_out
from quakelens.dataset.manifest import is_earthquake
from quakelens.evaluation.choosing import choose
from quakelens.evaluation.metrics import figures
from quakelens.evaluation.plots import draw_all
from quakelens.evaluation.predictions import Predictions
from quakelens.model.bundle import FIRST, Manifest, TrainedOn, write_manifest
from quakelens.model.decisions import decide
from quakelens.model.heads import HEADS, save_heads
from quakelens.model.starter import SHIPPED
from quakelens.model.training import fit_centred, out_of_fold
from quakelens.params import Params, read_params
from quakelens.stages.export import SUMMARY
from quakelens.stages.looks import look_of

NOTE = (
    "Starter: ImageNet's weights, heads trained on a small corpus of news, post and web photographs of 2015 Nepal, "
    "2016 Ecuador and a few other earthquakes. Figures: each earthquake left out in turn."
)


def judge(
    corpus: Corpus, folds: list[Fold], logits: dict[str, NDArray[np.float64]], params: Params
) -> tuple[Predictions, dict[str, Any]]:
    """Predictions on the judged pictures, each fold's by what was chosen on the others, and their figures."""
    probability = np.full(len(corpus.rows), np.nan)
    decided: dict[int, str] = {}
    for fold in folds:
        others = np.concatenate([other.judged for other in folds if other is not fold])
        chosen = choose(at(logits, others), corpus.damaged[others], params.decision)
        probability[fold.judged] = chosen.probability(at(logits, fold.judged))
        decided |= {row: decide(float(probability[row]), chosen.thresholds) for row in fold.judged}
    judged = sorted(decided)
    predictions = Predictions(
        sha256=[corpus.sha256[row] for row in judged],
        label=corpus.damaged[judged],
        probability=probability[judged],
        decision=[decided[row] for row in judged],
        event=[corpus.rows[row].event for row in judged],
        source=[corpus.sources[row] for row in judged],
    )
    options = {"bootstrap": params.evaluation.bootstrap, "seed": params.evaluation.seed}
    return predictions, figures(predictions, None, **options)


def at(logits: dict[str, NDArray[np.float64]], rows: Any) -> dict[str, NDArray[np.float64]]:
    """The logits of these rows."""
    return {name: own[rows] for name, own in logits.items()}


def main() -> None:
    """Train, judge and write the starter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("data/compare-cache"))
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--plots", type=Path, help="draw the plots and the sheet of worst mistakes into this folder")
    options = parser.parse_args()
    params = read_params(Path(__file__).parents[1] / "params.yaml")
    corpus = read_corpus(options.manifest, params)
    least, parts = params.split.min_per_class, params.split.source_folds
    places = leave_out(corpus.rows, min_per_class=least, source_folds=parts, helpers="unknown")
    folds = folds_of(places)
    values = {
        name: features(corpus, View(look.backbone, look.resize, look.pixels, look.output_stride), options.cache)
        for name, look in params.model.looks.items()
    }
    used = np.flatnonzero([place.counts for place in places])
    learnt = (
        corpus.damaged[used],
        [corpus.sources[row] for row in used],
        [places[row].fold for row in used],
        params.training,
        [places[row].not_for for row in used],
    )
    heads = {name: fit_centred(own[used], *learnt) for name, own in values.items()}
    logits = {name: np.full(len(corpus.rows), np.nan) for name in values}
    for name, own in values.items():
        logits[name][used] = out_of_fold(own[used], *learnt)
    judged = np.sort(np.concatenate([fold.judged for fold in folds]))
    chosen = choose(at(logits, judged), corpus.damaged[judged], params.decision)
    predictions, told = judge(corpus, folds, logits, params)
    manifest = Manifest(
        note=NOTE,
        looks={name: look_of(look, len(heads[name].weight)) for name, look in params.model.looks.items()},
        second_look_from=chosen.second_look_from,
        calibration=chosen.calibration,
        thresholds=chosen.thresholds,
        trained_on=TrainedOn(
            earthquakes=tuple(sorted({e for row in used if is_earthquake(e := corpus.rows[row].event)})),
            sources=tuple(sorted({corpus.sources[row] for row in used})),
            pictures=len(used),
            damaged=int(corpus.damaged[used].sum()),
        ),
        figures={"each_earthquake_left_out": {key: told[key] for key in SUMMARY}},
    )
    options.out.mkdir(parents=True, exist_ok=True)
    save_heads(options.out / HEADS, heads)
    write_manifest(options.out, manifest)
    again = logits[FIRST][judged] >= (chosen.second_look_from or np.inf)
    print(json.dumps({"seen_twice": float(again.mean()), "expected": chosen.expected} | told, indent=1))
    if options.plots:
        files = dict(zip(corpus.sha256, corpus.files, strict=True))
        draw_all(predictions, files, options.plots, worst=60)


if __name__ == "__main__":
    main()
