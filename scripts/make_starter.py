"""Train the starter, the model that ships with quakelens, on a labelled manifest.

    scripts/make_starter.py MANIFEST

Every earthquake is used for the weights: the figures in its model.json come from leaving each earthquake out
in turn, together with whole sources of pictures of no earthquake, and pictures of unknown earthquakes as well:
they could show the one that was left out. Calibration and thresholds come from the same, but with the unknown
ones in training, as the weights that ship have them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from quakelens.dataset.add import add
from quakelens.dataset.folds import add_folds
from quakelens.dataset.labelled import Labelled, read_collection
from quakelens.dataset.split import Assigned
from quakelens.evaluation.calibration import fit_platt, weights_at
from quakelens.evaluation.metrics import figures
from quakelens.evaluation.thresholds import choose_thresholds
from quakelens.files import write_json
from quakelens.model.bundle import MANIFEST, Calibration, Manifest, Thresholds, TrainedOn
from quakelens.model.decisions import probability_of
from quakelens.model.preprocessing import Preprocessing
from quakelens.model.starter import SHIPPED
from quakelens.model.training import fit_head, out_of_fold
from quakelens.params import Training, read_params
from quakelens.stages import features
from quakelens.stages.export import SUMMARY
from quakelens.stages.pictures import Picture, predictions_of

NOTE = (
    "Starter: EfficientNet-Lite0 with ImageNet weights, head trained on a small corpus of news, post and web "
    "photographs of 2015 Nepal, 2016 Ecuador and a few other earthquakes. Figures: each earthquake left out in turn."
)


def main(manifest: Path) -> None:
    """Train, judge and write the starter."""
    params = read_params(Path(__file__).parents[1] / "params.yaml")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        add(manifest, folder / "labelled", max_pixels=params.media.max_pixels, duplicates=params.duplicates)
        features.run(folder / "labelled", folder / "cache", folder / "features", params)
        known = features.read_features(folder / "features" / features.OUTPUT)
        collection = read_collection(folder / "labelled").pictures
    judged_rows = add_folds(
        [
            Assigned(picture=picture, cluster=picture.sha256, split="train")
            for picture in collection
            if not picture.group and picture.event != "unknown"
        ],
        params.split,
    )
    judged = [_picture(row.picture, row.fold, row.not_for) for row in judged_rows]
    others = [_picture(picture, "") for picture in collection if not picture.group and picture.event == "unknown"]
    every = judged + others
    honest = _out_of_fold(judged, known, params.training)
    damaged, logits = _labels(judged), _out_of_fold(every, known, params.training)[: len(judged)]
    platt = fit_platt(logits, damaged, weights_at(params.decision.prevalence, damaged))
    calibration = Calibration(a=platt.a, b=platt.b)
    chosen = choose_thresholds(probability_of(logits, calibration), damaged, params.decision)
    thresholds = Thresholds(damaged=chosen.damaged, not_damaged=chosen.not_damaged)
    told = figures(
        predictions_of(judged, probability_of(honest, calibration), thresholds),
        thresholds.damaged,
        bootstrap=params.evaluation.bootstrap,
        seed=params.evaluation.seed,
    )
    print("expected at the thresholds, with unknown earthquakes in training:", chosen.expected)
    head = fit_head(known.of(every), _labels(every), [picture.source for picture in every], params.training)
    manifest_out = Manifest(
        note=NOTE,
        backbone=params.model.backbone,
        channels=len(head.weight),
        preprocessing=Preprocessing(size=params.model.pixels, resize=params.model.resize),
        calibration=calibration,
        thresholds=thresholds,
        trained_on=TrainedOn(
            earthquakes=tuple(sorted({p.event for p in judged if p.event != "none"})),
            sources=tuple(sorted({p.source for p in every})),
            pictures=len(every),
            damaged=int(_labels(every).sum()),
        ),
        figures={"each_earthquake_left_out": {key: told[key] for key in SUMMARY}},
    )
    SHIPPED.mkdir(exist_ok=True)
    save_file({"weight": head.weight, "bias": np.array([head.bias], dtype=np.float32)}, SHIPPED / "head.safetensors")
    write_json(SHIPPED / MANIFEST, manifest_out.model_dump(mode="json"))
    print({key: told[key] for key in SUMMARY})
    for event, row in told["earthquakes"].items():
        print(event, row["n"], row["positives"], row["auc"], row["auc_with_others"])


def _picture(picture: Labelled, fold: str, not_for: frozenset[str] = frozenset()) -> Picture:
    return Picture(picture.sha256, picture.path, picture.damaged, picture.event, picture.source, "train", fold, not_for)


def _out_of_fold(pictures: list[Picture], known: features.Features, training: Training) -> np.ndarray:
    sources, folds, not_for = zip(*((p.source, p.fold, p.not_for) for p in pictures), strict=True)
    return out_of_fold(known.of(pictures), _labels(pictures), sources, folds, training, not_for)


def _labels(pictures: list[Picture]) -> np.ndarray:
    return np.array([picture.damaged for picture in pictures])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
