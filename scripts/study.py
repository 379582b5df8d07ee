"""The recipe of the study that quakelens follows, on this corpus, to show what its kind of split hides.

Chachra et al. (2022): 150 x 150 pixels, squashed; ImageNet weights, only the last block and a Dense-256 head trained
by RMSprop at a rate of 1e-5, batches of 16, class weights; split at random by image; threshold 0.5. Their VGG19
weights come in no package, so the backbone is EfficientNet-Lite0, whose last block with the convolution after it is
trained at a rate of 1e-4: batch normalisation, frozen here, wants larger steps than VGG's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from corpus import Corpus, cached, in_batches
from numpy.typing import NDArray

from quakelens.dataset.leave_out import Fold
from quakelens.images import decode, read_bytes
from quakelens.model.backbone import load_backbone
from quakelens.model.preprocessing import Preprocessing

STUDY = "the study's recipe (150 px squashed, last block trained)"
PIXELS, BATCH, EPOCHS, RATE, FOLDS = 150, 16, 12, 1e-4, 5


def study_by_image(corpus: Corpus, cache: Path) -> NDArray[np.float64]:
    """Logits of the judged pictures, by models that have not seen the picture, but others of its earthquake."""
    judged = np.flatnonzero([row.judged for row in corpus.rows])
    part = np.random.default_rng(0).permutation(len(judged)) % FOLDS
    folds = [Fold(str(k), judged[part != k], judged[part == k]) for k in range(FOLDS)]
    return study_left_out(corpus, cache, folds)


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
