"""The engine: bytes of pictures in, probability, decision and heat map out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quakelens.engine.backends import Backend, make_backend
from quakelens.engine.heatmap import heatmap_of
from quakelens.errors import ImageError
from quakelens.images import MAX_PIXELS, decode
from quakelens.model.bundle import FIRST, SECOND, Manifest, check_files, read_manifest
from quakelens.model.decisions import decide, probability_of
from quakelens.model.looks import combine
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


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What a look saw in a picture: the logit, the evidence `(h, w) float32`, and on which part it lies."""

    logit: float
    evidence: NDArray[np.float32]
    box: Box


_View = tuple[NDArray[np.uint8], Box] | ImageError
"""What the network is shown of a picture, `(size, size, 3)`, and which part of it that is."""


class Engine:
    """A model that is ready to score; safe to use from one thread at a time."""

    def __init__(
        self, manifest: Manifest, backends: Mapping[str, Backend], *, version: str, batch_size: int = 32
    ) -> None:
        self.manifest = manifest
        self.version = version
        self.batch_size = batch_size
        self._backends = backends
        self._threads = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="decode")

    @classmethod
    def open(cls, folder: Path, *, version: str, backend: str = "auto") -> Engine:
        """Open a bundle after checking its files' hashes.

        Raises:
            ModelError: It is incomplete, was changed, or cannot be run here.
        """
        manifest = read_manifest(folder)
        check_files(folder, manifest)
        return cls(manifest, {name: make_backend(backend, folder, name) for name in manifest.looks}, version=version)

    @property
    def label(self) -> str:
        """Name and version for people, such as `quakelens v3`."""
        return self.manifest.label(self.version)

    def score(
        self, pictures: Sequence[bytes], *, heatmaps: bool = False, max_pixels: int = MAX_PIXELS
    ) -> list[Verdict]:
        """Score pictures given as whole files, in their order; one that cannot be read is a row too."""
        batches = [pictures[start : start + self.batch_size] for start in range(0, len(pictures), self.batch_size)]
        verdicts: list[Verdict] = []
        coming = self._shown(FIRST, dict(enumerate(batches[0])), max_pixels) if batches else {}
        for batch, following in zip_longest(batches, batches[1:], fillvalue=()):
            shown = coming
            # Decoded while the network is at work on this one.
            coming = self._shown(FIRST, dict(enumerate(following)), max_pixels)
            verdicts.extend(self._batch(batch, shown, heatmaps, max_pixels))
        return verdicts

    def _batch(
        self, pictures: Sequence[bytes], shown: Mapping[int, Future[_View]], heatmaps: bool, max_pixels: int
    ) -> Iterator[Verdict]:
        first, errors = self._look(FIRST, shown)
        limit = self.manifest.second_look_from
        again = {at: pictures[at] for at, seen in first.items() if limit is not None and seen.logit >= limit}
        second = self._look(SECOND, self._shown(SECOND, again, max_pixels))[0] if again else {}
        logits = combine(
            np.array([seen.logit for seen in first.values()]),
            np.array([second[at].logit if at in second else np.nan for at in first]),
            limit,
        )
        probabilities = dict(zip(first, probability_of(logits, self.manifest.calibration), strict=True))
        for at in range(len(pictures)):
            if at in errors:
                yield Verdict(None, None, error=f"{errors[at].reason}: {errors[at]}")
                continue
            decision = decide(float(probabilities[at]), self.manifest.thresholds)
            heatmap = box = None
            if heatmaps and decision != "not_damaged":
                seen = second.get(at, first[at])
                heatmap, box = heatmap_of(seen.evidence), seen.box
            yield Verdict(float(probabilities[at]), decision, heatmap, box)

    def _shown(self, look: str, pictures: Mapping[int, bytes], max_pixels: int) -> dict[int, Future[_View]]:
        """What the look is going to be shown of each picture, by their keys; decoded in the background."""
        preprocessing = self.manifest.looks[look].preprocessing

        def view(data: bytes) -> _View:
            try:
                image = decode(data, max_pixels=max_pixels, at_least=preprocessing.size)
            except ImageError as error:
                return error
            return preprocessing.apply(image), preprocessing.seen(*image.size)

        return {at: self._threads.submit(view, data) for at, data in pictures.items()}

    def _look(self, name: str, shown: Mapping[int, Future[_View]]) -> tuple[dict[int, _Seen], dict[int, ImageError]]:
        """What the look saw in each picture, and those that cannot be read, by their keys."""
        views, boxes, errors = {}, {}, {}
        for at, coming in shown.items():
            view = coming.result()
            if isinstance(view, ImageError):
                errors[at] = view
            else:
                views[at], boxes[at] = view
        if not views:
            return {}, errors
        logits, evidence = self._backends[name].run(np.stack(list(views.values())))
        found = {
            at: _Seen(float(logit), cells, boxes[at]) for at, logit, cells in zip(views, logits, evidence, strict=True)
        }
        return found, errors
