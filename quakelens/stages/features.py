"""Stage `features`: what the frozen backbone sees in each picture, computed once a picture."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quakelens import params as sections
from quakelens.dataset.labelled import Labelled, read_collection
from quakelens.engine.backends import compile_openvino
from quakelens.errors import DataError, ModelError
from quakelens.files import write_atomically
from quakelens.images import decode, read_bytes
from quakelens.model.preprocessing import Preprocessing
from quakelens.stages.pictures import Picture

OUTPUT = "features.npz"


@dataclass(frozen=True, slots=True)
class Features:
    """Mean features of pictures.

    Attributes:
        sha256: Of each picture, in the order of the rows.
        values: `(N, channels) float32`.
    """

    sha256: list[str]
    values: NDArray[np.float32]

    def of(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """The rows of these pictures, in their order."""
        position = {sha256: row for row, sha256 in enumerate(self.sha256)}
        return self.values[[position[picture.sha256] for picture in pictures]]


def read_features(path: Path) -> Features:
    """Read features; pickle is not allowed."""
    with np.load(path, allow_pickle=False) as saved:
        return Features([str(value) for value in saved["sha256"]], saved["values"])


def run(
    labelled: Path,
    cache: Path,
    out: Path,
    params: sections.Params,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write the features of every labelled picture; returns how many had to be computed.

    Features are kept in `cache` under the backbone and preprocessing that made them, so that after new
    pictures were added only those are computed.

    Raises:
        DataError: There is no labelled picture.
        ModelError: The backbone cannot be built.
        ImageError: A picture is gone, or cannot be read any more.
    """
    pictures = _once_each(labelled)
    preprocessing = Preprocessing(size=params.model.pixels, resize=params.model.resize)
    kept = cache / "features" / f"{_key(params.model.backbone, preprocessing)}.npz"
    known = read_features(kept) if kept.is_file() else Features([], np.empty((0, 0), np.float32))
    have = set(known.sha256)
    missing = [picture for picture in pictures if picture.sha256 not in have]
    if missing:
        computed = _compute(missing, labelled, preprocessing, params, on_progress)
        values = np.concatenate([known.values, computed]) if have else computed
        known = Features(known.sha256 + [picture.sha256 for picture in missing], values)
        _save(known, kept)
    wanted = [picture.sha256 for picture in pictures]
    position = {sha256: row for row, sha256 in enumerate(known.sha256)}
    _save(Features(wanted, known.values[[position[sha256] for sha256 in wanted]]), out / OUTPUT)
    return len(missing)


def _once_each(labelled: Path) -> list[Labelled]:
    by_sha256 = {picture.sha256: picture for picture in read_collection(labelled).pictures}
    if not by_sha256:
        raise DataError(f"{labelled} holds no labelled picture: add some with `quakelens data add MANIFEST`")
    return [by_sha256[sha256] for sha256 in sorted(by_sha256)]


def _compute(
    pictures: Sequence[Labelled],
    labelled: Path,
    preprocessing: Preprocessing,
    params: sections.Params,
    on_progress: Callable[[int, int], None] | None,
) -> NDArray[np.float32]:
    from quakelens.model.backbone import load_backbone
    from quakelens.model.network import feature_network
    from quakelens.model.openvino_export import to_openvino

    def view(picture: Labelled) -> NDArray[np.uint8]:
        data = read_bytes(labelled / picture.path)
        return preprocessing.apply(decode(data, max_pixels=params.media.max_pixels, at_least=preprocessing.size))

    network = feature_network(load_backbone(params.model.backbone))
    compiled = compile_openvino(to_openvino(network, preprocessing.size))
    step = params.training.batch_size
    rows = []
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
        for start in range(0, len(pictures), step):
            batch = np.stack(list(threads.map(view, pictures[start : start + step])))
            features = compiled(batch)[0]
            if features.ndim != 4:
                raise ModelError(
                    f"backbone `{params.model.backbone}` gives no map of features: choose a convolutional network"
                )
            rows.append(features.mean(axis=(2, 3)))
            if on_progress:
                on_progress(min(start + step, len(pictures)), len(pictures))
    return np.concatenate(rows).astype(np.float32)


def _key(backbone: str, preprocessing: Preprocessing) -> str:
    return hashlib.sha256(f"{backbone} {preprocessing.model_dump_json()}".encode()).hexdigest()[:16]


def _save(features: Features, path: Path) -> None:
    with write_atomically(path) as file:
        np.savez(file, sha256=np.array(features.sha256, dtype="U64"), values=features.values)
