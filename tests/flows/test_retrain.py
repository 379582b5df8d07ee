"""Retraining on real DVC, MLflow and Prefect: once, again, changed, refused, killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from prefect.settings import PREFECT_API_URL

from flows.retrain import retrain
from quakelens.engine import Engine
from quakelens.errors import Busy, PipelineError, RegistryError
from quakelens.registry.lookup import find
from quakelens.registry.registry import Registry
from quakelens.settings import Settings, Workspace
from quakelens.versioning import run as run_dvc
from tasks.retraining import one_at_a_time

SETTINGS = Settings()


def set_param(workspace: Workspace, old: str, new: str) -> None:
    text = workspace.params.read_text(encoding="utf-8")
    assert text.count(old) == 1
    workspace.params.write_text(text.replace(old, new), encoding="utf-8")


def registry(workspace: Workspace) -> Registry:
    return Registry(workspace, SETTINGS)


def test_one_complete_run_in_mlflow(workspace: Workspace) -> None:
    reg = registry(workspace)
    (run,) = reg.client.search_runs([reg.experiment()])
    assert run.data.params["model.first_look.backbone"] == "efficientnet_lite0.blocks"
    held_out = [name for name in run.data.metrics if name.startswith("held_out/earthquakes/sample-")]
    assert any(name.endswith("/auc") for name in held_out)
    assert 0.5 < run.data.metrics["held_out/auc"] <= 1
    assert run.data.tags["data"].endswith(".dir")
    plots = {item.path for item in reg.client.list_artifacts(run.info.run_id, "evaluation/plots")}
    assert {Path(path).stem for path in plots} >= {"precision_recall", "reliability", "confusion", "worst_mistakes"}
    (version,) = reg.versions()
    assert version.champion
    assert version.tags["data"] == run.data.tags["data"]
    assert version.gate is not None
    assert version.gate["promote"]
    assert "held-out" in version.gate["reason"]


def test_the_registered_model_is_whole_and_loads_without_pickle(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    reg = registry(workspace)
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    workspace.params.unlink()  # nothing of it is needed at inference
    found = find("champion", workspace, SETTINGS)
    names = {path.relative_to(found.folder).as_posix() for path in found.folder.rglob("*") if path.is_file()}
    files = ("weights.safetensors", "model.xml", "model.bin")
    assert names == {"model.json", *(f"{look}/{file}" for look in ("first", "second") for file in files)}
    pictures = [path.read_bytes() for path in sorted(workspace.labelled.rglob("*.jpg"))[:5]] + [b"no picture"]
    uri = reg.client.get_model_version_download_uri("quakelens", "1")
    served = reg.mlflow.pyfunc.load_model(uri)
    ours = Engine.open(found.folder, version="1").score(pictures)
    theirs = served.predict(pd.DataFrame({"image": pictures}))
    assert theirs["decision"].tolist()[:-1] == [verdict.decision for verdict in ours[:-1]]
    assert theirs.loc[5, ["probability", "decision"]].isna().all()
    assert theirs["probability"].tolist()[:-1] == pytest.approx([verdict.probability for verdict in ours[:-1]])
    assert theirs["error"].iloc[-1].startswith("not_an_image")
    for wrong in (pd.DataFrame({"picture": pictures}), pd.DataFrame({"image": [1.5]})):
        with pytest.raises(Exception, match=r"(?i)missing|type|schema"):
            served.predict(wrong)


def test_nothing_changed_does_no_work(workspace: Workspace) -> None:
    before = (workspace.root / "dvc.lock").read_bytes()
    outcome = retrain()
    assert (outcome.changed, outcome.stages) == (False, ())
    assert (workspace.root / "dvc.lock").read_bytes() == before
    assert len(registry(workspace).versions()) == 1


def test_a_parameter_re_runs_what_depends_on_it_and_an_equal_model_is_not_promoted(workspace: Workspace) -> None:
    set_param(workspace, "  miss_rate: 0.05", "  miss_rate: 0.10")
    outcome = retrain()
    assert outcome.stages == ("train", "evaluate", "export")
    assert outcome.version == "2"
    assert not outcome.promoted
    assert "no gain" in outcome.reason
    reg = registry(workspace)
    assert reg.champion() == "1"
    gate = reg.versions()[0].gate
    assert gate is not None
    assert (gate["champion"], gate["challenger"]) == ("1", "2")
    assert gate["data"] == reg.versions()[0].tags["data"] == outcome.data
    assert gate["reason"] == outcome.reason
    assert gate["figures"]["average_precision"]["gain"] == pytest.approx(0, abs=1e-6)
    assert gate["figures"]["earthquakes"]
    # By hand, and back; inference follows at once.
    reg.promote("2", "it misses fewer")
    assert find("champion", workspace, SETTINGS).version == "2"
    assert reg.rollback("too many false alarms").after == "1"
    assert find("champion", workspace, SETTINGS).version == "1"
    assert [move.kind for move in reg.history()] == ["promote", "promote", "rollback"]
    with pytest.raises(RegistryError, match="no earlier champion"):
        reg.rollback("once more")
    with pytest.raises(RegistryError, match="already"):
        reg.promote("1", "again")
    with pytest.raises(RegistryError, match="no version 9"):
        reg.promote("9", "which")


def test_a_decision_stays_when_the_rule_changes(workspace: Workspace) -> None:
    reg = registry(workspace)
    (first,) = reg.versions()
    set_param(workspace, "  max_loss: 0.05", "  max_loss: 0.06")
    retrain()
    # Nothing was decided anew of the champion: why it was promoted, and over what, is still told.
    assert reg.versions()[0].gate == first.gate
    assert first.gate is not None
    assert first.gate["champion"] is None
    # A version that was refused is judged anew, and the refusal is kept.
    set_param(workspace, "  miss_rate: 0.05", "  miss_rate: 0.10")
    assert not retrain().promoted
    refused = reg.versions()[0].gate
    set_param(workspace, "  max_loss: 0.06", "  max_loss: 0.07")
    assert not retrain().promoted
    version = reg.versions()[0]
    assert (version.version, version.champion) == ("2", False)
    assert version.gate is not None
    assert json.loads(version.gate["rule"])["max_loss"] == 0.07
    assert json.loads(version.tags["gate-000001"]) == refused


def test_only_the_evaluation_and_what_follows_depends_on_its_parameters(workspace: Workspace) -> None:
    set_param(workspace, "  worst: 24", "  worst: 12")
    assert retrain().stages[0] == "evaluate"


def test_a_stage_that_fails_says_why_and_leaves_the_champion(workspace: Workspace) -> None:
    set_param(workspace, "  held_out: []", "  held_out: [sample-1900-nowhere]")
    with pytest.raises(PipelineError, match="sample-1900-nowhere"):
        retrain()
    assert registry(workspace).champion() == "1"
    set_param(workspace, "  held_out: [sample-1900-nowhere]", "  held_out: []")
    assert not retrain().changed


def test_data_is_on_the_remote(workspace: Workspace) -> None:
    remote = [path for path in (workspace.root / "dvc-remote").rglob("*") if path.is_file()]
    pictures = list(workspace.labelled.glob("*/images/*"))
    assert len(remote) >= len({path.read_bytes() for path in pictures}) > 0
    picture = pictures[0]
    content = picture.read_bytes()
    picture.unlink()
    run_dvc(workspace, ["pull", "--quiet"])
    assert picture.read_bytes() == content


@pytest.mark.parametrize(
    ("old", "new", "after"),
    [
        ("pixels: 224", "pixels: 160", "Running stage 'features'"),
        ("  l2: 0.3", "  l2: 2.0", "Running stage 'export'"),
    ],
)
def test_killed_in_the_middle_and_run_again_it_completes(workspace: Workspace, old: str, new: str, after: str) -> None:
    set_param(workspace, old, new)
    command = [sys.executable, "-m", "quakelens", "retrain"]
    environment = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    for line in process.stderr:
        if after in line:
            break
    else:
        pytest.fail("it ended before it could be killed")
    time.sleep(1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()
    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["version"] == "2"
    assert len(registry(workspace).versions()) == 2
    Engine.open(find("2", workspace, SETTINGS).folder, version="2")
    assert not list(workspace.root.glob("data/.bundle-*"))


def test_of_two_only_one_that_a_person_starts_says_that_another_is_at_work(workspace: Workspace) -> None:
    with one_at_a_time(workspace):
        with pytest.raises(Busy):
            retrain()
        assert retrain(crashes=1) is None
