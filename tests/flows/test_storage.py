"""Versions of the data, models and files on servers: what one machine keeps, another has."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from services import S3

from flows.retrain import retrain
from quakelens.dataset.labelled import read_collection
from quakelens.model.bundle import read_manifest, write_manifest
from quakelens.purge.versions import open_objects, remove_versions
from quakelens.registry.lookup import find
from quakelens.registry.registry import Registry
from quakelens.settings import Settings, Workspace, read_settings
from quakelens.versioning import bring, initialise, places, push


def elsewhere(workspace: Workspace, to: Path) -> Workspace:
    """What git brings to another machine: the pipeline, its lock, and what DVC tracks, but no data."""
    place = Workspace(to)
    (place.root / "data" / "labelled").mkdir(parents=True)
    for file in (workspace.params, workspace.pipeline, workspace.root / "dvc.lock"):
        shutil.copy(file, place.root)
    for file in workspace.labelled.glob("*.dvc"):
        shutil.copy(file, place.labelled)
    return place


def test_labelled_data_comes_from_a_bucket_and_removed_pictures_leave_it(
    workspace: Workspace, tmp_path: Path, s3: S3
) -> None:
    bucket = s3.bucket()
    settings = Settings(dvc_remote=f"s3://{bucket}/data")
    initialise(workspace, settings)
    push(workspace, sorted(workspace.labelled.glob("*.dvc")))
    other = elsewhere(workspace, tmp_path / "elsewhere")
    initialise(other, settings)
    bring(other)
    here, there = (read_collection(each.labelled) for each in (workspace, other))
    assert there.faults == here.faults == ()
    assert [each.sha256 for each in there.pictures] == [each.sha256 for each in here.pictures]

    gone = here.pictures[0]
    content = (workspace.labelled / gone.path).read_bytes()
    assert content in s3.objects(bucket).values()
    (remote,) = [place for place in places(workspace) if place.url.startswith("s3://")]
    assert remove_versions(open_objects(remote), {gone.sha256}) >= 2  # the picture, and the manifest that names it
    left = s3.objects(bucket)
    assert len(left) > 50
    assert content not in left.values()
    assert gone.sha256.encode() not in b"".join(each for key, each in left.items() if not key.endswith(".dir"))


def test_a_model_that_one_machine_trains_is_used_rolled_back_and_exported_on_another(
    workspace: Workspace, tmp_path: Path, s3: S3, mlflow: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, bucket = mlflow
    for name in s3.environment:
        monkeypatch.delenv(name)  # only MLflow's server has the keys
    monkeypatch.setenv("QUAKELENS_TRACKING_URI", address)
    settings = read_settings()
    outcome = retrain()
    assert (outcome.version, outcome.promoted) == ("1", True)
    kept = s3.objects(bucket)
    assert any(name.endswith("bundle/model.json") for name in kept)
    assert any(name.endswith("evaluation/predictions.csv") for name in kept)

    other = Workspace(tmp_path / "elsewhere")
    found = find("champion", other, settings)
    assert found.version == "1"
    assert (found.folder / "model.json").read_bytes() == (workspace.exported / "model.json").read_bytes()
    assert found.folder.is_relative_to(other.cache)
    files = {path: path.stat().st_mtime_ns for path in found.folder.rglob("*")}
    assert find("champion", other, settings) == found
    assert {path: path.stat().st_mtime_ns for path in found.folder.rglob("*")} == files, "it is fetched once"

    first, second = Registry(workspace, settings), Registry(other, settings)
    run = first.versions()[0].run_id
    bundle = shutil.copytree(workspace.exported, tmp_path / "second" / "bundle")
    write_manifest(bundle, read_manifest(bundle).model_copy(update={"note": "the second"}))
    assert run is not None
    assert first.register(run, bundle, {}) == "2"
    second.promote("2", "it is better")
    assert find("champion", workspace, settings).version == "2"
    first.rollback("it was not")
    assert find("champion", other, settings) == found
    assert [each.kind for each in second.history()] == ["promote", "promote", "rollback"]

    picture = next(workspace.labelled.rglob("*.jpg"))
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(other.root))
    done = subprocess.run(
        [sys.executable, "-m", "quakelens", "score", str(picture), "--json", "--model", "champion"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"quakelens v1"' in done.stdout

    table = next(name for name in kept if name.endswith("evaluation/predictions.csv"))
    removed = kept[table].decode().splitlines()[1].partition(",")[0]
    assert len(removed) == 64
    assert first.forget(lambda name, content: removed.encode() in content) >= 2  # the table, and the sheet beside it
    left = s3.objects(bucket)
    assert table not in left
    assert not any(name.endswith("worst_mistakes.png") for name in left)
