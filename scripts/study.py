"""The recipe of the study that quakelens follows, on this corpus, to show what its kind of split hides.

    scripts/study.py MANIFEST [--cache DIR]

Prints its figures at threshold 0.5, with both kinds of split beside each other, on the same pictures: at random by
image, and with whole earthquakes and whole sources left out. scripts/compare_models.py has both as rows of its table.

Chachra et al. (2022): 150 x 150 pixels, squashed; ImageNet weights, only the last block and a Dense-256 head trained
by RMSprop at a rate of 1e-5, batches of 16, class weights; split at random by image; threshold 0.5. Their VGG19
weights come in no package, so the backbone is EfficientNet-Lite0, whose last block with the convolution after it is
trained at a rate of 1e-4: batch normalisation, frozen here, wants larger steps than VGG's.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from corpus import Corpus, cached, in_batches, read_corpus
from numpy.typing import NDArray

from quakelens.dataset.leave_out import Fold, folds_of, leave_out
from quakelens.evaluation.comparison import short
from quakelens.evaluation.metrics import figures
from quakelens.evaluation.predictions import Predictions
from quakelens.evaluation.thresholds import precision_at
from quakelens.images import decode, read_bytes
from quakelens.model.backbone import load_backbone
from quakelens.model.preprocessing import Preprocessing
from quakelens.params import read_params

STUDY = "the study's recipe (150 px squashed, last block trained)"
PIXELS, BATCH, EPOCHS, RATE, FOLDS = 150, 16, 12, 1e-4, 5


def study_by_image(corpus: Corpus, cache: Path, folds: list[Fold]) -> NDArray[np.float64]:
    """Logits of the pictures that `folds` judge, by models that have not seen the picture, but others like it.

    As in the study, all pictures are split at random: other pictures of the same earthquake, and near-duplicates, lie
    on both sides.
    """
    judged = np.flatnonzero([row.judged for row in corpus.rows])
    wanted = np.concatenate([fold.judged for fold in folds])
    part = np.random.default_rng(0).permutation(len(judged)) % FOLDS
    at_random = [
        Fold(str(k), judged[part != k], np.intersect1d(judged[part == k], wanted)) for k in range(FOLDS)
    ]  # fmt: skip
    return study_left_out(corpus, cache, at_random)


def study_left_out(corpus: Corpus, cache: Path, folds: list[Fold]) -> NDArray[np.float64]:
    """Logits `(N,)` by models that were trained without the fold; NaN where not judged."""
    maps = _maps(corpus, cache)
    logits = np.full(len(corpus.rows), np.nan)
    for fold in folds:
        logits[fold.judged] = _train(maps[fold.train], corpus.damaged[fold.train], maps[fold.judged])
    return logits


def _maps(corpus: Corpus, cache: Path) -> NDArray[np.float32]:
    """What enters the last block: `(N, 192, 5, 5)`, flat in the cache."""
    import torch

    trunk = load_backbone("efficientnet_lite0").features.net
    squash = Preprocessing(size=PIXELS, resize="squash")

    def look(path: Path) -> NDArray[np.uint8]:
        return squash.apply(decode(read_bytes(path), at_least=PIXELS))

    def run(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = (torch.from_numpy(batch).permute(0, 3, 1, 2).float() - 127) / 128
        with torch.inference_mode():
            return trunk.blocks[:-1](trunk.bn1(trunk.conv_stem(pixels))).flatten(1).numpy()

    def compute(paths: Sequence[Path]) -> NDArray[np.float32]:
        return in_batches(paths, look, run)

    flat = cached(corpus, cache / "study-maps.npz", compute)
    side = round((flat.shape[1] / 192) ** 0.5)
    return flat.reshape(len(flat), 192, side, side)


def _train(maps: NDArray[np.float32], damaged: NDArray[np.bool_], judged: NDArray[np.float32]) -> NDArray[np.float64]:
    import torch

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    trunk: Any = load_backbone("efficientnet_lite0").features.net
    net = torch.nn.Sequential(
        trunk.blocks[-1], trunk.conv_head, trunk.bn2, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
        torch.nn.Linear(1280, 256), torch.nn.ReLU(), torch.nn.Linear(256, 1),
    ).eval()  # fmt: skip
    weight = np.where(damaged, 0.5 / damaged.mean(), 0.5 / (1 - damaged.mean())).astype(np.float32)
    optimiser = torch.optim.RMSprop(net.parameters(), lr=RATE)
    target = torch.from_numpy(damaged.astype(np.float32))
    for _ in range(EPOCHS):
        for rows in np.array_split(rng.permutation(len(maps)), len(maps) // BATCH):
            logit = net(torch.from_numpy(maps[rows]))[:, 0]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                logit, target[rows], weight=torch.from_numpy(weight[rows])
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.inference_mode():
        parts = [net(torch.from_numpy(part))[:, 0].numpy() for part in np.array_split(judged, len(judged) // 64 + 1)]
    return np.concatenate(parts).astype(np.float64)


def at_half(logits: NDArray[np.float64], corpus: Corpus) -> dict[str, Any]:
    """Figures of the judged pictures at probability 0.5, the study's threshold."""
    rows = np.flatnonzero(np.isfinite(logits))
    probability = 1 / (1 + np.exp(-logits[rows]))
    told = Predictions(
        sha256=[corpus.sha256[row] for row in rows],
        label=corpus.damaged[rows],
        probability=probability,
        decision=["damaged" if value >= 0.5 else "not_damaged" for value in probability],
        event=[corpus.rows[row].event for row in rows],
        source=[corpus.rows[row].source for row in rows],
    )
    evaluation = corpus.params.evaluation
    return figures(told, 0.5, bootstrap=evaluation.bootstrap, seed=evaluation.seed)


def main() -> None:
    """Print both kinds of split beside each other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("data/compare-cache"))
    options = parser.parse_args()
    corpus = read_corpus(options.manifest, read_params(Path(__file__).parents[1] / "params.yaml"))
    split = corpus.params.split
    places = leave_out(corpus.rows, min_per_class=split.min_per_class, source_folds=split.source_folds, helpers="none")
    folds = folds_of(places)
    both = [
        at_half(study_by_image(corpus, options.cache, folds), corpus),
        at_half(study_left_out(corpus, options.cache, folds), corpus),
    ]
    if both[0]["n"] != both[1]["n"]:
        raise SystemExit(f"the splits judged {both[0]['n']} and {both[1]['n']} pictures, not the same ones")
    print(f"{both[0]['n']} pictures, {both[0]['positives']} damaged; threshold 0.5; 95 % intervals\n")
    print("| figure | split at random by image | earthquakes and sources left out |\n|---|---|---|")
    for name, key in NAMES.items():
        cells = [f"{short(own[key])} ({short(own[f'{key}_ci'][0])} to {short(own[f'{key}_ci'][1])})" for own in both]
        print(f"| {name} | {' | '.join(cells)} |")
    for key in ("0.50", "0.05"):
        cells = [_at_prevalence(own, float(key)) for own in both]
        print(f"| precision where {float(key):.0%} show damage | {' | '.join(cells)} |")


NAMES = {
    "precision": "precision", "recall": "recall", "F1": "f1", "accuracy": "accuracy", "AUC": "auc",
    "average precision": "average_precision", "false-positive rate": "false_positive_rate",
}  # fmt: skip


def _at_prevalence(own: dict[str, Any], prevalence: float) -> str:
    return short(float(precision_at(prevalence, own["recall"], own["false_positive_rate"])))


if __name__ == "__main__":
    main()
