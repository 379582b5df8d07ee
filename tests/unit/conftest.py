"""What several unit tests share: one small model, assembled once."""

from pathlib import Path

import numpy as np
import pytest

from quakelens.model.assemble import assemble
from quakelens.model.bundle import Calibration, Manifest, Thresholds, TrainedOn
from quakelens.model.preprocessing import Preprocessing

CHANNELS = 1280


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model: the bundled backbone and a random head; about half of all pictures are flagged."""
    folder = tmp_path_factory.mktemp("model") / "bundle"
    manifest = Manifest(
        backbone="efficientnet_lite0",
        channels=CHANNELS,
        preprocessing=Preprocessing(size=224, resize="squash"),
        calibration=Calibration(a=3.0, b=0.1),
        thresholds=Thresholds(damaged=0.6, not_damaged=0.4),
        trained_on=TrainedOn(earthquakes=("2000-somewhere",), sources=("a",), pictures=10, damaged=5),
    )
    weight = np.random.default_rng(0).normal(size=CHANNELS).astype(np.float32) / 10
    assemble(folder, manifest, weight, 0.3)
    return folder
