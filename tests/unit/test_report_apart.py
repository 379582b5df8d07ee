import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from harvest_world import EARTHQUAKE, NOW, FakeSource, impatient, new_store, params, post

from quakelens.cli.main import program
from quakelens.errors import ModelError, UsageError
from quakelens.harvest import harvest_pages
from quakelens.model.starter import starter_folder
from quakelens.registry.lookup import Found
from quakelens.report.apart import report_apart
from quakelens.report.current import notice_of, report_on
from quakelens.settings import Workspace
from quakelens.store import Store

STARTER = Found("starter", starter_folder())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = new_store(tmp_path)
    harvest_pages(
        found, FakeSource([post(1, 10, pictures=[1])]), EARTHQUAKE, params().harvest, tmp_path / "pages", NOW,
        queries=["quake"], lookback_pages=1, patience=impatient(),
    )  # fmt: skip
    return found


def test_another_process_writes_the_same_report(store: Store, tmp_path: Path) -> None:
    here, there = Workspace(tmp_path / "here"), Workspace(tmp_path / "there")
    own = report_on(store, EARTHQUAKE.id, STARTER, here, NOW, "a drill")
    other = report_apart(store, EARTHQUAKE.id, STARTER, there, NOW, "a drill")
    assert other.html.is_relative_to(there.root)
    for name in ("html", "geojson", "csv"):
        assert getattr(other, name).read_bytes() == getattr(own, name).read_bytes()


def test_the_command_keeps_a_notice(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("QUAKELENS_STORE_URL", store.url.render_as_string())
    html = report_on(store, EARTHQUAKE.id, STARTER, Workspace(tmp_path), NOW, "This is <a drill>.").html
    before = html.stat().st_mtime_ns
    done = CliRunner().invoke(program, ["report", EARTHQUAKE.id], catch_exceptions=False)
    assert done.output.strip() == str(html)
    assert html.stat().st_mtime_ns > before
    assert notice_of(html) == "This is <a drill>."


def test_its_errors_are_those_of_the_report(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="us9999"):
        report_apart(store, "us9999", STARTER, Workspace(tmp_path), NOW)
    with pytest.raises(ModelError):
        report_apart(store, EARTHQUAKE.id, Found("7", tmp_path / "nothing"), Workspace(tmp_path), NOW)


def test_a_killed_process_is_told(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\necho out of memory >&2\nkill -9 $$\n")
    dying.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dying))
    with pytest.raises(RuntimeError, match=r"signal 9: out of memory"):
        report_apart(store, EARTHQUAKE.id, STARTER, Workspace(tmp_path), NOW)
