"""DVC as quakelens uses it: workspaces in git and outside of it, its errors, and two at once."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from quakelens.errors import PipelineError
from quakelens.settings import Settings, Workspace
from quakelens.versioning import initialise, push, reproduce, run, track


def labelled(workspace: Workspace, name: str) -> Path:
    folder = workspace.labelled / name
    folder.mkdir(parents=True)
    (folder / "manifest.csv").write_text(f"image,label,event,source\n{name}\n", encoding="utf-8")
    return folder


def test_a_workspace_is_set_up_once_and_what_is_there_stays(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "new")
    assert [path.name for path in initialise(workspace, Settings())] == ["params.yaml", "dvc.yaml", "config"]
    config = (workspace.root / ".dvc" / "config").read_text(encoding="utf-8")
    assert "analytics = false" in config
    assert "check_update = false" in config, "which asks a web service at commands"
    workspace.params.write_text("mine: 1\n", encoding="utf-8")
    assert initialise(workspace, Settings()) == []
    assert workspace.params.read_text(encoding="utf-8") == "mine: 1\n"


def test_a_checkout_without_git_works(tmp_path: Path) -> None:
    in_git = Workspace(tmp_path / "clone")
    in_git.root.mkdir()
    subprocess.run(["git", "init", "--quiet", str(in_git.root)], check=True)
    initialise(in_git, Settings())
    subprocess.run(["rm", "-rf", str(in_git.root / ".git")], check=True)  # as an archive has it
    initialise(in_git, Settings())
    track(in_git, [labelled(in_git, "2000-a")])
    push(in_git)
    assert list((in_git.root / "dvc-remote").rglob("*.dir"))


def test_another_remote(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "place")
    initialise(workspace, Settings(dvc_remote=str(tmp_path / "elsewhere")))
    track(workspace, [labelled(workspace, "2000-a")])
    push(workspace)
    assert list((tmp_path / "elsewhere").rglob("*.dir"))
    assert not (workspace.root / "dvc-remote").exists()


def test_an_error_is_dvcs_own_words(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "place")
    initialise(workspace, Settings())
    with pytest.raises(PipelineError, match="nowhere"):
        track(workspace, [workspace.root / "nowhere"])


def test_an_empty_corpus_says_what_to_do(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "place")
    initialise(workspace, Settings())
    workspace.labelled.mkdir(parents=True)
    with pytest.raises(PipelineError, match="quakelens data add"):
        reproduce(workspace)


def test_two_at_once_wait_for_each_other(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "place")
    initialise(workspace, Settings())
    folders = [labelled(workspace, f"200{number}-a") for number in range(3)]
    # One of them is no quakelens: it does not know of our lock.
    foreign = subprocess.Popen([sys.executable, "-m", "dvc", "status"], cwd=workspace.root, stdout=subprocess.DEVNULL)
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda folder: track(workspace, [folder]), folders))
    foreign.wait()
    assert len(list(workspace.labelled.glob("*.dvc"))) == 3
    run(workspace, ["status"])


def test_a_dvc_that_outlived_its_quakelens_and_still_works_on_a_stage_is_waited_for(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "place")
    initialise(workspace, Settings())
    workspace.pipeline.write_text("stages:\n  make:\n    cmd: echo made > made.txt\n    outs: [made.txt]\n", "utf-8")
    orphan = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    holder = {"pid": orphan.pid, "cmd": "dvc repro"}
    place = workspace.root / ".dvc" / "tmp" / "rwlock"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({"write": {str(workspace.root / "made.txt"): holder}}), encoding="utf-8")
    met = []

    def end_once_met(line: str) -> None:
        if "is busy" in line:
            met.append(line)
            orphan.kill()
            orphan.communicate()

    try:
        run(workspace, ["repro"], on_line=end_once_met)
    finally:
        orphan.kill()
        orphan.communicate()
    assert len(met) == 1
    assert (workspace.root / "made.txt").read_text(encoding="utf-8") == "made\n"
