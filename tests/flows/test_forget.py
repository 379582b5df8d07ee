"""Artifacts of MLflow that hold a removed picture go through MLflow where they are no files of the workspace."""

from pathlib import Path

from quakelens.purge.derived import mentions
from quakelens.registry.lookup import artifact_folders
from quakelens.registry.registry import Registry
from quakelens.settings import Settings, Workspace

GONE, STAYS = "ab" * 32, "cd" * 32


def log(registry: Registry, folder: Path, sha256: str) -> str:
    evaluation = folder / sha256[:4] / "evaluation"
    (evaluation / "plots").mkdir(parents=True)
    (evaluation / "predictions.csv").write_text(f"sha256,label\n{sha256},damaged\n", encoding="utf-8")
    (evaluation / "metrics.json").write_text("{}", encoding="utf-8")
    for name in ("worst_mistakes", "confusion"):
        (evaluation / "plots" / f"{name}.png").write_bytes(b"tiles")
    with registry.mlflow.start_run(experiment_id=registry.experiment()) as run:
        registry.mlflow.log_artifacts(str(evaluation), "evaluation")
    return str(run.info.run_id)


def paths(registry: Registry, run: str) -> set[str]:
    found = [
        *registry.client.list_artifacts(run, "evaluation"),
        *registry.client.list_artifacts(run, "evaluation/plots"),
    ]
    return {item.path.rpartition("/")[2] for item in found if not item.is_dir}


def test_tables_and_sheets_with_a_removed_picture_go_and_all_others_stay(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    registry = Registry(workspace, Settings())
    gone, stays = log(registry, tmp_path, GONE), log(registry, tmp_path, STAYS)
    everything = {"predictions.csv", "metrics.json", "worst_mistakes.png", "confusion.png"}
    assert paths(registry, gone) == paths(registry, stays) == everything
    assert registry.forget(lambda name, content: mentions(name, content, {GONE})) == 2
    assert paths(registry, gone) == {"metrics.json", "confusion.png"}
    assert paths(registry, stays) == everything
    assert registry.forget(lambda name, content: mentions(name, content, {GONE})) == 0


def test_where_the_artifacts_are_files_is_told_and_where_not_too(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    assert artifact_folders(workspace, Settings()) == [workspace.mlruns / "artifacts"]
    log(Registry(workspace, Settings()), tmp_path, GONE)
    assert artifact_folders(workspace, Settings()) == [workspace.mlruns / "artifacts"]
    moved = Workspace(workspace.root.rename(tmp_path / "moved"))
    here, before = artifact_folders(moved, Settings()) or []
    assert here == moved.mlruns / "artifacts"
    assert before.is_relative_to(tmp_path / "w" / "mlruns" / "artifacts")
    assert artifact_folders(workspace, Settings(tracking_uri="http://127.0.0.1:1")) is None
