"""A demo never finds what a user has set: it would write drawn pictures into their store and registry."""

import os
from pathlib import Path

import pytest

from quakelens.demo.environment import only_these_settings
from quakelens.settings import Settings


def test_a_users_settings_are_out_of_reach_and_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = {
        "QUAKELENS_STORE_URL": "postgresql://db/quakes",
        "QUAKELENS_TRACKING_URI": "http://mlflow",
        "QUAKELENS_DVC_REMOTE": "s3://labels",
        "QUAKELENS_X_BEARER_TOKEN": "mine",
        "QUAKELENS_WORKSPACE": "/srv/mine",
    }
    for name, value in mine.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(KeyError), only_these_settings({"QUAKELENS_WORKSPACE": str(tmp_path)}):
        inside = Settings()
        assert inside.workspace == tmp_path
        assert (inside.store_url, inside.tracking_uri, inside.dvc_remote, inside.x_bearer_token) == (None,) * 4
        with only_these_settings({"QUAKELENS_WORKSPACE": str(tmp_path), "QUAKELENS_X_BEARER_TOKEN": "demo"}):
            assert Settings().x_bearer_token is not None
        assert Settings().x_bearer_token is None
        raise KeyError  # it comes back after an error too
    assert {name: os.environ[name] for name in mine} == mine
