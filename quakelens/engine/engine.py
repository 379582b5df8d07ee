"""The engine: bytes of pictures in, probability, decision and heat map out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quakelens.engine.backends import Backend, make_backend
from quakelens.engine.heatmap import heatmap_of
from quakelens.errors import ImageError, ModelError
from quakelens.images import MAX_PIXELS, decode
from quakelens.model.bundle import Manifest, check_files, read_manifest
from quakelens.model.decisions import decide, probability_of
from quakelens.model.preprocessing import Box


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What the model says of one picture.

    Attributes:
        probability: That it shows a damaged building, calibrated, 0 to 1; None if it could not be read.
        decision: `damaged`, `not_damaged` or `unsure`; None if it could not be read.
        heatmap: `(h, w) uint8`, 255 where the evidence is strongest; None where none was asked for, or
            for a picture that is not flagged.
        box: The part of the upright picture that the heat map lies on, as fractions.
        error: `reason: message` of a picture that could not be read, else None.
    """

    probability: float | None
    decision: str | None
    heatmap: NDArray[np.uint8] | None = None
    box: Box | None = None
    error: str | None = None


class Engine:
    """A model that is ready to score; safe to use from one thread at a time."""

    def __init__(self, manifest: Manifest, backend: Backend, *, version: str, batch_size: int = 32) -> None:
        self.manifest = manifest
        self.version = version
        self.batch_size = batch_size
        self._backend = backend
        self._threads = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="decode")

    @classmethod
    def open(cls, folder: Path, *, version: str, backend: str = "auto") -> Engine:
        """Open a bundle after checking its files' hashes.

        Raises:
            ModelError: It is incomplete, was changed, or cannot be run here.
        """
        manifest = read_manifest(folder)
        check_files(folder, manifest)
        return cls(manifest, make_backend(backend, folder), version=version)

    @property
    def label(self) -> str:
        """Name and version for people, such as `quakelens v3`."""
        return self.manifest.label(self.version)

    def score(
        self, pictures: Sequence[bytes], *, heatmaps: bool = False, max_pixels: int = MAX_PIXELS
    ) -> list[Verdict]:
        """Score pictures given as whole files, in their order; one that cannot be read is a row too."""
        return [
            verdict
            for start in range(0, len(pictures), self.batch_size)
            for verdict in self._batch(pictures[start : start + self.batch_size], heatmaps, max_pixels)
        ]

    def run(self, batch: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Score preprocessed pictures: `(N, size, size, 3) uint8` to probabilities and evidence.

        Raises:
            ModelError: The array has another shape or dtype.
        """
        size = self.manifest.preprocessing.size
        if batch.ndim != 4 or batch.shape[1:] != (size, size, 3) or batch.dtype != np.uint8:
            raise ModelError(f"the model takes (N, {size}, {size}, 3) uint8, not {batch.shape} {batch.dtype}")
        logits, evidence = self._backend.run(batch)
        return probability_of(logits, self.manifest.calibration), evidence

    def _batch(self, pictures: Sequence[bytes], heatmaps: bool, max_pixels: int) -> Iterator[Verdict]:
        views = list(self._threads.map(lambda data: self._view(data, max_pixels), pictures))
        readable = [view[0] for view in views if not isinstance(view, ImageError)]
        if readable:
            probabilities, evidence = self.run(np.stack(readable))
        position = 0
        for view in views:
            if isinstance(view, ImageError):
                yield Verdict(None, None, error=f"{view.reason}: {view}")
                continue
            probability = float(probabilities[position])
            decision = decide(probability, self.manifest.thresholds)
            wanted = heatmaps and decision != "not_damaged"
            heatmap = heatmap_of(evidence[position]) if wanted else None
            yield Verdict(probability, decision, heatmap, view[1] if wanted else None)
            position += 1

    def _view(self, data: bytes, max_pixels: int) -> tuple[NDArray[np.uint8], Box] | ImageError:
        preprocessing = self.manifest.preprocessing
        try:
            image = decode(data, max_pixels=max_pixels, at_least=preprocessing.size)
        except ImageError as error:
            return error
        return preprocessing.apply(image), preprocessing.seen(*image.size)
