"""The engine: bytes of pictures in, probability, decision and heat map out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from quakelens.cores import usable_cores
from quakelens.engine.backends import Backend, make_backend, make_screen
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


_Item = TypeVar("_Item")


SURE = 0.02
"""Probability below which the first look's reduced precision is good enough: it moves the starter's logits by up to
.18 (standard deviation .04, 2,170 pictures), which is .007 of probability there; the bar is .01."""


class Engine:
    """A model that is ready to score; safe to use from one thread at a time.

    Where the machine is faster in a reduced precision, the first look is taken in it, and again in float32 at what
    does not surely show no damage: what is flagged, its probability and heat map are those of float32.

    Attributes:
        manifest: Of the bundle.
        version: For the label.
        batch_size: Pictures that a look is taken of at once.
        sure_below: Probability below which the reduced precision decides.
    """

    def __init__(
        self,
        manifest: Manifest,
        backends: Mapping[str, Backend],
        *,
        version: str,
        screen: Backend | None = None,
        batch_size: int = 64,
        cores: int | None = None,
    ) -> None:
        self.manifest = manifest
        self.version = version
        self.batch_size = batch_size
        self._backends = backends
        self._screen = screen
        # Half of where anything else begins to depend on the probability.
        limit = manifest.second_look_from
        begins = [] if limit is None else [float(probability_of(np.array(limit), manifest.calibration))]
        self.sure_below = min(SURE, *(value / 2 for value in [*begins, manifest.thresholds.not_damaged]))
        self._threads = ThreadPoolExecutor(max_workers=cores or usable_cores(), thread_name_prefix="decode")

    @classmethod
    def open(
        cls, folder: Path, *, version: str, backend: str = "auto", exact: bool = False, cores: int | None = None
    ) -> Engine:
        """Open a bundle after checking its files' hashes.

        Args:
            folder: Of the bundle.
            version: For the label.
            backend: `auto`, `openvino` or `torch`.
            exact: Float32 for everything, so that figures are the same on every machine.
            cores: That it may use, where several processes share a machine; None for all.

        Raises:
            ModelError: It is incomplete, was changed, or cannot be run here.
        """
        manifest = read_manifest(folder)
        check_files(folder, manifest)
        backends = {name: make_backend(backend, folder, name, cores) for name in manifest.looks}
        screen = None if exact else make_screen(backend, folder, FIRST, cores)
        return cls(manifest, backends, version=version, screen=screen, cores=cores)

    @property
    def label(self) -> str:
        """Name and version for people, such as `quakelens v3`."""
        return self.manifest.label(self.version)

    def score(
        self, pictures: Sequence[bytes], *, heatmaps: bool = False, max_pixels: int = MAX_PIXELS
    ) -> list[Verdict]:
        """Score pictures given as whole files, in their order; one that cannot be read is a row too."""
        limit = self.manifest.second_look_from
        first: dict[int, _Seen] = {}
        second: dict[int, _Seen] = {}
        errors: dict[int, ImageError] = {}
        waiting: dict[int, Future[_View]] = {}  # for the second look, which is taken of whole batches too
        batches = list(_batches(dict(enumerate(pictures)), self.batch_size))
        coming = self._shown(FIRST, batches[0], max_pixels) if batches else {}
        for following in [*batches[1:], {}]:
            shown = coming
            # Decoded while the network is at work on this one.
            coming = self._shown(FIRST, following, max_pixels)
            seen, unreadable = self._look(FIRST, shown)
            first |= seen
            errors |= unreadable
            again = {at: pictures[at] for at, look in seen.items() if limit is not None and look.logit >= limit}
            if again:
                waiting |= self._shown(SECOND, again, max_pixels)
            if len(waiting) >= self.batch_size or not following:
                for batch in _batches(waiting, self.batch_size):
                    second |= self._look(SECOND, batch)[0]
                waiting = {}
        return list(self._verdicts(len(pictures), first, second, errors, heatmaps))

    def _verdicts(
        self,
        count: int,
        first: Mapping[int, _Seen],
        second: Mapping[int, _Seen],
        errors: Mapping[int, ImageError],
        heatmaps: bool,
    ) -> Iterator[Verdict]:
        logits = combine(
            np.array([seen.logit for seen in first.values()]),
            np.array([second[at].logit if at in second else np.nan for at in first]),
            self.manifest.second_look_from,
        )
        probabilities = dict(zip(first, probability_of(logits, self.manifest.calibration), strict=True))
        for at in range(count):
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
        logits, evidence = self._run(name, np.stack(list(views.values())))
        found = {
            at: _Seen(float(logit), cells, boxes[at]) for at, logit, cells in zip(views, logits, evidence, strict=True)
        }
        return found, errors

    def _run(self, name: str, views: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if name != FIRST or self._screen is None:
            return self._backends[name].run(views)
        logits, evidence = self._screen.run(views)
        unsure = probability_of(logits, self.manifest.calibration) >= self.sure_below
        if unsure.any():
            logits[unsure], evidence[unsure] = self._backends[name].run(views[unsure])
        return logits, evidence


def _batches(items: Mapping[int, _Item], size: int) -> Iterator[dict[int, _Item]]:
    """The items in order, so many at a time."""
    left = iter(items.items())
    while batch := dict(islice(left, size)):
        yield batch
