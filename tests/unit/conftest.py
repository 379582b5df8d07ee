"""What several unit tests share: one small model, assembled once."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from harvest_world import ON_POSTGRESQL, opened
from hypothesis import settings
from services import PostgreSQL

from quakelens.model.assemble import assemble
from quakelens.model.bundle import Calibration, Look, Manifest, Thresholds, TrainedOn
from quakelens.model.preprocessing import Preprocessing
from quakelens.model.training import Head
from quakelens.store import open_store

settings.register_profile("without-clock", deadline=None)  # a busy machine is no failure
settings.load_profile("without-clock")


@pytest.fixture(scope="session")
def store_template(postgresql: PostgreSQL) -> str:
    """URL of a server with the database `store`, an empty store to copy."""
    open_store(postgresql.create("store")).close()
    return postgresql.url("postgres")


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run a test on both; it opens its stores by `harvest_world.new_store`."""
    opened.clear()
    if request.param == "sqlite":
        yield "sqlite"
        return
    monkeypatch.setenv(ON_POSTGRESQL, request.getfixturevalue("store_template"))
    yield "postgresql"
    for store in opened:
        store.close()
    for database in {store.url.database for store in opened}:
        request.getfixturevalue("postgresql").drop(database)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model: bundled backbones and random heads; half of all pictures get a second look."""
    folder = tmp_path_factory.mktemp("model") / "bundle"
    crop, squash = Preprocessing(size=224, resize="crop"), Preprocessing(size=160, resize="squash")
    manifest = Manifest(
        looks={
            "first": Look(backbone="efficientnet_lite0", output_stride=32, channels=1280, preprocessing=crop),
            "second": Look(backbone="efficientnet_lite0.blocks", output_stride=16, channels=320, preprocessing=squash),
        },
        second_look_from=-0.2,
        calibration=Calibration(a=3.0, b=0.1),
        thresholds=Thresholds(damaged=0.6, not_damaged=0.4),
        trained_on=TrainedOn(earthquakes=("2000-somewhere",), sources=("a",), pictures=10, damaged=5),
    )
    rng = np.random.default_rng(0)
    heads = {
        name: Head(rng.normal(size=look.channels).astype(np.float32) / 10, 0.3) for name, look in manifest.looks.items()
    }
    assemble(folder, manifest, heads)
    return folder
