"""Heat maps of pictures by heads that have seen neither their earthquake nor their source; part of heatmaps.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quakelens.dataset.leave_out import Fold, Row, leave_out
from quakelens.dataset.leave_out import folds_of as folds_of_places
from quakelens.dataset.manifest import ANY, NONE, UNKNOWN
from quakelens.engine.backends import compile_openvino
from quakelens.errors import DataError
from quakelens.images import decode, read_bytes
from quakelens.model.backbone import COARSE, Backbone, load_backbone
from quakelens.model.network import feature_network
from quakelens.model.openvino_export import to_openvino
from quakelens.model.preprocessing import Box, Preprocessing
from quakelens.model.training import fit_head
from quakelens.params import Training

sys.path.append(str(Path(__file__).parents[1] / "scripts"))
from corpus import Corpus, cached, in_batches, read_corpus

__all__ = ["Corpus", "MapView", "Maps", "evidence_of", "folds_of", "heads_of", "look", "read_corpus", "shuffled"]

SEED = 20229
RECALIBRATED_ON = 64
HEAD_SHUFFLES = 10


@dataclass(frozen=True, slots=True)
class MapView:
    """One way to make heat maps.

    Attributes:
        backbone: As in params.yaml.
        resize: As in `quakelens.model.preprocessing`.
        pixels: Of a side of the input.
        output_stride: Pixels of the input a cell of the map; 16 is twice as fine as a network's own 32.
    """

    backbone: str
    resize: str
    pixels: int
    output_stride: int = COARSE

    @property
    def name(self) -> str:
        """For the table."""
        return f"{self.backbone} {self.resize} {self.pixels}, stride {self.output_stride}"

    @property
    def file_name(self) -> str:
        """For features that are kept; as scripts/corpus.py names them where it has such a view."""
        finer = "" if self.output_stride == COARSE else f"-stride{self.output_stride}"
        return f"{self.backbone}-{self.resize}{self.pixels}{finer}".replace(":", "_")

    @property
    def preprocessing(self) -> Preprocessing:
        """What brings a picture to the input."""
        return Preprocessing(size=self.pixels, resize=self.resize)  # type: ignore[arg-type]

    def load(self) -> Backbone:
        """The backbone with its weights.

        Raises:
            ModelError: They are not installed.
        """
        return load_backbone(self.backbone, output_stride=self.output_stride)


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """What a backbone sees in one view.

    Attributes:
        means: Mean features of every picture of the corpus, `(N, channels) float32`.
        cells: Features of the pictures with boxes, `(boxed, channels, h, w) float32`.
        parts: Where each of these maps lies.
    """

    means: NDArray[np.float32]
    cells: NDArray[np.float32]
    parts: list[Box]


def folds_of(corpus: Corpus, boxed: Sequence[int]) -> list[Fold]:
    """Folds that judge the pictures with boxes, as far as that can be done by a head that knows nothing of them.

    Those of named earthquakes are judged in their fold of quakelens/dataset/leave_out.py. A picture of an unknown
    earthquake is judged only if a note says which earthquakes it does not show: by a head of pictures of these
    earthquakes and of none, from other sources.
    """
    split = corpus.params.split
    places = leave_out(
        corpus.rows,
        min_per_class=split.min_per_class,
        source_folds=split.source_folds,
        helpers="all" if split.helpers else "none",
    )
    own = folds_of_places(places)
    wanted = set(boxed)
    folds = [
        replace(fold, judged=np.array([row for row in fold.judged if row in wanted], dtype=np.intp)) for fold in own
    ]
    unknown: dict[tuple[str, frozenset[str]], list[int]] = {}
    for position in boxed:
        row = corpus.rows[position]
        if row.event == UNKNOWN and row.cannot_show and not row.group:
            unknown.setdefault((row.source, row.cannot_show), []).append(position)
    folds += [_without(corpus.rows, source, others, judged) for (source, others), judged in unknown.items()]
    folds = [fold for fold in folds if len(fold.judged)]
    for fold in folds:
        _check_unseen(corpus.rows, fold)
    return folds


def _check_unseen(rows: Sequence[Row], fold: Fold) -> None:
    """By the plain facts, whatever made the fold.

    Raises:
        DataError: The fold learns from an earthquake, a source or a near-duplicate of what it judges.
    """
    learnt, judged = ([rows[position] for position in positions] for positions in (fold.train, fold.judged))
    for name in ("event", "source", "cluster"):
        shared = {getattr(row, name) for row in learnt} & {getattr(row, name) for row in judged} - {NONE, UNKNOWN}
        if shared:
            raise DataError(f"fold `{fold.name}` judges pictures whose {name} it has seen: {sorted(shared)[:3]}")
    if any(row.event == UNKNOWN for row in learnt) and any(row.event == UNKNOWN for row in judged):
        raise DataError(f"fold `{fold.name}` judges and learns from pictures of unknown earthquakes")


def _without(rows: Sequence[Row], source: str, others: frozenset[str], judged: Sequence[int]) -> Fold:
    clusters = {rows[position].cluster for position in judged}
    train = [
        position
        for position, row in enumerate(rows)
        if row.judged
        and row.source != source
        and row.cluster not in clusters
        and (row.event == NONE or ANY in others or row.event in others)
    ]
    return Fold(f"unknown of {source}", np.array(train, dtype=np.intp), np.array(judged, dtype=np.intp))


def look(corpus: Corpus, boxed: Sequence[int], view: MapView, cache: Path, *, scrambled: bool) -> Maps:
    """Run a view over the corpus, or the same with the backbone's weights scrambled."""
    backbone = view.load()

    def pixels(path: Path) -> NDArray[np.uint8]:
        return view.preprocessing.apply(decode(read_bytes(path), at_least=view.pixels))

    if scrambled:
        some = np.linspace(0, len(corpus.files) - 1, RECALIBRATED_ON).astype(int)
        _scramble(backbone, np.stack([pixels(corpus.files[row]) for row in some]))
    run = compile_openvino(to_openvino(feature_network(backbone), view.pixels))
    means = cached(
        corpus,
        cache / f"{view.file_name}{f'-scrambled{SEED}' if scrambled else ''}.npz",
        lambda paths: in_batches(paths, pixels, lambda batch: run(batch)[0].mean(axis=(2, 3))),
    )
    cells = in_batches([corpus.files[row] for row in boxed], pixels, lambda batch: run(batch)[0].copy())
    return Maps(means, cells, [_part(corpus.files[row], view) for row in boxed])


def _part(path: Path, view: MapView) -> Box:
    return view.preprocessing.seen(*decode(read_bytes(path), at_least=view.pixels).size)


def _scramble(backbone: Backbone, pictures: NDArray[np.uint8]) -> None:
    """Shuffle the weights within each layer, and let the normalisation adapt to what comes out of it.

    Without the second the values would vanish or grow from layer to layer, and the comparison would be too easy.
    """
    import torch

    generator = torch.Generator().manual_seed(SEED)
    network: Any = feature_network(backbone)
    with torch.no_grad():
        for values in network.parameters():
            flat = values.reshape(-1)
            values.copy_(flat[torch.randperm(len(flat), generator=generator)].view_as(values))
        norms = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
        for layer in norms:
            layer.reset_running_stats()
            layer.momentum = None
            layer.train()
        network(torch.from_numpy(pictures))
        network.eval()


def heads_of(
    corpus: Corpus, folds: Sequence[Fold], means: NDArray[np.float32], training: Training
) -> dict[int, NDArray[np.float32]]:
    """The weights `(channels,)` of the head that judges each picture, by its position in the corpus."""
    found = {}
    for fold in folds:
        sources = [corpus.sources[row] for row in fold.train]
        head = fit_head(means[fold.train], corpus.damaged[fold.train], sources, training)
        found |= dict.fromkeys((int(row) for row in fold.judged), head.weight)
    return found


def evidence_of(cells: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """What each cell adds to the logit, `(h, w) float32`; as `quakelens.model.network.network` has it."""
    return np.einsum("chw,c->hw", cells, weight)


def shuffled(weight: NDArray[np.float32], position: int) -> Iterator[NDArray[np.float32]]:
    """Heads with the same weights at other channels; the same for the same picture."""
    rng = np.random.default_rng((SEED, position))
    for _ in range(HEAD_SHUFFLES):
        yield rng.permutation(weight)
