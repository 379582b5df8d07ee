"""The model that ships: whole, unchanged, and assembled once."""

import shutil
from pathlib import Path

import pytest

from quakelens.errors import ModelError
from quakelens.model import starter
from quakelens.model.bundle import read_manifest
from quakelens.model.heads import HEADS


def test_it_is_assembled_once_and_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = starter.starter_folder()
    before = (folder / "model.json").stat().st_mtime_ns
    assert starter.starter_folder() == folder
    assert (folder / "model.json").stat().st_mtime_ns == before
    manifest = read_manifest(folder)
    assert set(manifest.files) >= {f"{look}/weights.safetensors" for look in manifest.looks}
    assert manifest.figures["each_earthquake_left_out"]["n"] > 1000


def test_changed_heads_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shipped = Path(shutil.copytree(starter.SHIPPED, tmp_path / "shipped"))
    data = bytearray((shipped / HEADS).read_bytes())
    data[-1] ^= 1
    (shipped / HEADS).write_bytes(data)
    monkeypatch.setattr(starter, "SHIPPED", shipped)
    with pytest.raises(ModelError, match="sha256 differs"):
        starter.starter_folder()
