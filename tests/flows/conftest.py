"""A Prefect server for the flow tests of a process, and a workspace on the drawn sample that is retrained once."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.update(DO_NOT_TRACK="1", PREFECT_SERVER_ANALYTICS_ENABLED="false", PREFECT_LOGGING_LEVEL="WARNING")

from prefect.client.orchestration import get_client
from prefect.testing.utilities import prefect_test_harness
from services import S3, PostgreSQL, mlflow_server

from flows.deploying import limits
from quakelens.dataset.collect import collect
from quakelens.demo.sample import Sample, write_sample
from quakelens.params import read_params
from quakelens.settings import Settings, Workspace
from quakelens.versioning import initialise


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Prefect, MLflow and DVC warn of each other's libraries; only our own tests hold warnings for errors."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        with get_client(sync_client=True) as client:
            limits(client)
        yield


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A small drawn sample: six earthquakes of 14 pictures, 40 others, and the live one."""
    return write_sample(tmp_path_factory.mktemp("sample") / "sample", pictures_per_earthquake=14, others=40)


@pytest.fixture(scope="session")
def trained(prefect_server: None, sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose first model is the champion. Copy it (`workspace`) before changing it."""
    place = Workspace(tmp_path_factory.mktemp("trained") / "workspace")
    initialise(place, Settings())
    collect(place, read_params(place.params), sample.manifest)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUAKELENS_WORKSPACE", str(place.root))
        from flows.retrain import retrain

        outcome = retrain()
    assert outcome.promoted, outcome.reason
    return place


@pytest.fixture(scope="session")
def mlflow(postgresql: PostgreSQL, s3_session: S3) -> Iterator[tuple[str, str]]:
    """Address of an MLflow server on PostgreSQL, and the bucket of its artifacts."""
    bucket = s3_session.bucket()
    with mlflow_server(postgresql.create("mlflow"), f"s3://{bucket}/mlflow", s3_session) as address:
        yield address, bucket


@pytest.fixture
def workspace(trained: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of the trained workspace: also shows that a workspace can be moved."""
    place = Workspace(Path(shutil.copytree(trained.root, tmp_path / "workspace", symlinks=True)))
    initialise(place, Settings())
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(place.root))
    return place
