"""Stage `features`: what the frozen backbones see in each picture, computed once a picture and look."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quakelens import params as sections
from quakelens.cores import usable_cores
from quakelens.dataset.labelled import Labelled, read_collection
from quakelens.engine.backends import compile_openvino
from quakelens.errors import DataError, ModelError, PipelineError
from quakelens.files import write_atomically
from quakelens.images import decode, read_bytes
from quakelens.stages.looks import preprocessing_of
from quakelens.stages.pictures import Picture


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


def read_looks(folder: Path, names: Iterable[str]) -> dict[str, Features]:
    """Read what `run` wrote into `folder`, by the name of the look.

    Raises:
        PipelineError: The stage has not run.
    """
    found = {}
    for name in names:
        path = folder / f"{name}.npz"
        if not path.is_file():
            raise PipelineError(f"{path} is missing: run `quakelens retrain`, which runs every stage in order")
        found[name] = read_features(path)
    return found


def run(
    labelled: Path,
    cache: Path,
    out: Path,
    params: sections.Params,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write the features of every labelled picture, a file a look; returns how many pictures had to be looked at.

    Features are kept in `cache` under the look that made them, so that after new pictures were added only those
    are computed.

    Raises:
        DataError: There is no labelled picture.
        ModelError: A backbone cannot be built.
        ImageError: A picture is gone, or cannot be read any more.
    """
    pictures = _once_each(labelled)
    wanted = [picture.sha256 for picture in pictures]
    kept = {name: cache / "features" / f"{_key(look)}.npz" for name, look in params.model.looks.items()}
    known = {
        name: read_features(path) if path.is_file() else Features([], np.empty((0, 0), np.float32))
        for name, path in kept.items()
    }
    missing = {
        name: [picture for picture in pictures if picture.sha256 not in have]
        for name, have in ((name, set(features.sha256)) for name, features in known.items())
    }
    total = sum(map(len, missing.values()))
    done = 0

    def came(count: int) -> None:
        nonlocal done
        done += count
        if on_progress:
            on_progress(done, total)

    for name, look in params.model.looks.items():
        if missing[name]:
            computed = _compute(missing[name], labelled, look, params, came)
            values = np.concatenate([known[name].values, computed]) if known[name].sha256 else computed
            known[name] = Features(known[name].sha256 + [picture.sha256 for picture in missing[name]], values)
            _save(known[name], kept[name])
        position = {sha256: row for row, sha256 in enumerate(known[name].sha256)}
        chosen = known[name].values[[position[sha256] for sha256 in wanted]]
        _save(Features(wanted, chosen), out / f"{name}.npz")
    return len({picture.sha256 for pictures in missing.values() for picture in pictures})


def _once_each(labelled: Path) -> list[Labelled]:
    by_sha256 = {picture.sha256: picture for picture in read_collection(labelled).pictures}
    if not by_sha256:
        raise DataError(f"{labelled} holds no labelled picture: add some with `quakelens data add MANIFEST`")
    return [by_sha256[sha256] for sha256 in sorted(by_sha256)]


def _compute(
    pictures: Sequence[Labelled],
    labelled: Path,
    look: sections.Look,
    params: sections.Params,
    came: Callable[[int], None],
) -> NDArray[np.float32]:
    from quakelens.model.backbone import load_backbone
    from quakelens.model.network import feature_network
    from quakelens.model.openvino_export import to_openvino

    preprocessing = preprocessing_of(look)

    def view(picture: Labelled) -> NDArray[np.uint8]:
        data = read_bytes(labelled / picture.path)
        return preprocessing.apply(decode(data, max_pixels=params.media.max_pixels, at_least=preprocessing.size))

    network = feature_network(load_backbone(look.backbone, output_stride=look.output_stride))
    compiled = compile_openvino(to_openvino(network, preprocessing.size))
    step = params.training.batch_size
    rows = []
    with ThreadPoolExecutor(max_workers=usable_cores()) as threads:
        for start in range(0, len(pictures), step):
            batch = np.stack(list(threads.map(view, pictures[start : start + step])))
            features = compiled(batch)[0]
            if features.ndim != 4:
                raise ModelError(f"backbone `{look.backbone}` gives no map of features: choose a convolutional network")
            rows.append(features.mean(axis=(2, 3)))
            came(len(batch))
    return np.concatenate(rows).astype(np.float32)


def _key(look: sections.Look) -> str:
    return hashlib.sha256(look.model_dump_json().encode()).hexdigest()[:16]


def _save(features: Features, path: Path) -> None:
    with write_atomically(path) as file:
        np.savez(file, sha256=np.array(features.sha256, dtype="U64"), values=features.values)
