"""Our side of `scoring.py`: the engine as it is used everywhere else, with the starter model."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scoring_sides import Opened

from quakelens.engine import Engine
from quakelens.model.bundle import FIRST, SECOND, read_manifest, write_manifest
from quakelens.model.starter import starter_folder


def engine(pictures: Sequence[bytes], *, heatmaps: bool = False, first_only: bool = False) -> Opened:
    """The engine on the starter; `first_only` as a model that has no second look, as the peers have none."""
    with tempfile.TemporaryDirectory() as name:
        folder = without_second_look(Path(name) / "model") if first_only else starter_folder()
        opened = Engine.open(folder, version="starter")
        opened.score(pictures[:1], heatmaps=heatmaps)
    return Opened(
        lambda some: opened.score(some, heatmaps=heatmaps), lambda one: opened.score([one], heatmaps=heatmaps)[0]
    )


def without_second_look(folder: Path) -> Path:
    """A copy of the starter that takes the first look only."""
    starter = starter_folder()
    manifest = read_manifest(starter)
    shutil.copytree(starter, folder, ignore=shutil.ignore_patterns(SECOND))
    first = {"looks": {FIRST: manifest.looks[FIRST]}, "second_look_from": None}
    write_manifest(folder, manifest.model_copy(update=first))
    return folder


def looked_twice(pictures: Sequence[bytes]) -> tuple[float, float]:
    """The shares of the readable pictures that get a second look, and the first one again in float32; 0 to 1."""
    with tempfile.TemporaryDirectory() as name:
        opened = Engine.open(without_second_look(Path(name) / "model"), version="starter", exact=True)
        found = [verdict.probability for verdict in opened.score(pictures)]
    whole = Engine.open(starter_folder(), version="starter")
    manifest = whole.manifest
    if manifest.second_look_from is None:
        return 0.0, 1.0
    given = [probability for probability in found if probability is not None]
    a, b = manifest.calibration.a, manifest.calibration.b
    twice = [(math.log(p / (1 - p)) - b) / a >= manifest.second_look_from for p in given if 0 < p < 1]
    certain = sum(p >= 1 for p in given)
    unsure = sum(p >= whole.sure_below for p in given)
    return (sum(twice) + certain) / max(len(given), 1), unsure / max(len(given), 1)
