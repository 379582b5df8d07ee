import os
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from quakelens import orchestration
from quakelens.settings import Workspace


def test_a_workspace_without_data_gets_a_home_for_prefects_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    monkeypatch.setattr(os, "environ", kept)
    monkeypatch.setattr(
        orchestration, "entry_points", lambda **_: [EntryPoint("flow", "json:dumps", "quakelens.flows")]
    )
    flow = orchestration.load_flow("flow", Workspace(tmp_path / "new"))
    assert flow({}) == "{}"
    assert Path(kept["PREFECT_HOME"]).is_dir()
