"""MLflow's own way of loading a registered model checks its hashes and unpickles nothing."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from quakelens.registry.registry import Registry
from quakelens.settings import Settings, Workspace


def test_mlflow_loads_no_changed_model(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry(workspace, Settings())
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    stored = Path(registry.client.get_model_version_download_uri("quakelens", "1").removeprefix("file://"))
    model = Path(shutil.copytree(stored, tmp_path / "model"))
    assert not [path for path in model.rglob("*") if path.suffix in (".pkl", ".pickle", ".pt", ".pth", ".joblib")]
    load = registry.mlflow.pyfunc.load_model
    files = [path for path in sorted(model.rglob("*")) if path.suffix in (".safetensors", ".xml", ".bin")]
    files.append(next(model.rglob("model.json")))
    assert len(files) >= 4
    for path in files:
        data = path.read_bytes()
        at = len(data) // 2
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(Exception, match=r"sha256 differs|cannot be used by this version"):
            load(str(model)).predict(pd.DataFrame({"image": [b"no picture"]}))
        path.write_bytes(data)
    assert load(str(model)).predict(pd.DataFrame({"image": [b"no picture"]})).loc[0, "error"]
