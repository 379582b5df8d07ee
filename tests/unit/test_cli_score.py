"""`quakelens score` as a program sees it: rows in order, exit codes, nothing that a bad file can stop."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from drawn import encoded, picture

from quakelens.cli.main import program
from quakelens.registry.lookup import Found
from quakelens.walking import pictures_below


@pytest.fixture
def score(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setattr("quakelens.registry.lookup._starter", lambda: Found("starter", bundle))

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(program, ["score", *(str(argument) for argument in arguments)])

    return run


def pictures(folder: Path, count: int = 3) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(encoded(picture(number)))
    return paths


def test_one_object_a_picture_in_the_order_given(score, tmp_path: Path) -> None:
    paths = pictures(tmp_path / "in", 40)[::-1]
    result = score("--json", *paths)
    rows = [json.loads(line) for line in result.output.splitlines()]
    assert result.exit_code == 0
    assert [row["path"] for row in rows] == [str(path) for path in paths]
    for row in rows:
        assert set(row) == {"path", "sha256", "decision", "probability", "model", "heatmap", "error"}
        assert row["decision"] in ("damaged", "not_damaged", "unsure")
        assert 0 <= row["probability"] <= 1
        assert row["model"] == "quakelens starter"
        assert row["heatmap"] is None
        assert row["error"] is None


def test_bad_files_are_rows_and_exit_code_3(score, tmp_path: Path) -> None:
    good = pictures(tmp_path / "in", 2)
    bad = tmp_path / "page.jpg"
    bad.write_text("<html>")
    missing = tmp_path / "none.jpg"
    result = score("--json", good[0], bad, missing, good[1])
    rows = [json.loads(line) for line in result.output.splitlines()]
    assert result.exit_code == 3
    assert [row["error"] is None for row in rows] == [True, False, False, True]
    assert [row["decision"] is None for row in rows] == [False, True, True, False]
    assert rows[1]["error"].startswith("not_an_image")
    assert rows[1]["sha256"] is not None
    assert rows[2]["error"].startswith("missing")
    assert rows[2]["sha256"] is None


def test_folders_are_walked_and_heat_maps_drawn(score, tmp_path: Path) -> None:
    pictures(tmp_path / "in" / "deep" / "er", 30)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    result = score("--json", "--heatmaps", tmp_path / "heat", tmp_path / "in")
    rows = [json.loads(line) for line in result.output.splitlines()]
    assert len(rows) == 30
    for row in rows:
        assert (row["heatmap"] is not None) == (row["decision"] != "not_damaged")
        assert row["heatmap"] is None or Path(row["heatmap"]).stat().st_size > 1000


def test_a_folder_is_read_as_it_is_walked(tmp_path: Path) -> None:
    for number in range(4000):  # more than the system reads ahead
        (tmp_path / f"{number}.jpg").touch()
    (tmp_path / "up").symlink_to(tmp_path)
    walked = pictures_below((tmp_path,))
    first = next(walked)
    for path in tmp_path.glob("*.jpg"):
        if path != first:
            path.unlink()
    assert 0 < len(list(walked)) < 3999  # what has gone since is not in a list that was made before


def test_for_people_a_line_each(score, tmp_path: Path) -> None:
    paths = pictures(tmp_path / "in", 2)
    result = score(*paths)
    assert [line.split()[-1] for line in result.output.splitlines()] == [str(path) for path in paths]


def test_an_empty_folder_is_no_error(score, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = score(tmp_path / "empty")
    assert (result.exit_code, result.output) == (0, "")


def test_wrong_usage_is_2() -> None:
    assert CliRunner().invoke(program, ["score"]).exit_code == 2
    assert CliRunner().invoke(program, ["scor"]).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["score", "--model", "best", "x.jpg"], 6, "use champion, starter or a version number"),
        (["score", "--model", "3", "x.jpg"], 6, "there is no version 3"),
        (["retrain"], 2, "unknown key"),
    ],
)
def test_errors_are_one_message_and_an_exit_code(tmp_path: Path, arguments: list[str], code: int, told: str) -> None:
    (tmp_path / "params.yaml").write_text("triger: {}\n")
    environment = {**os.environ, "QUAKELENS_WORKSPACE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "quakelens", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert done.stderr.startswith("quakelens: error: ")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_every_command_without_importing_them() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from quakelens.cli.main import COMMANDS, program\n"
        "shown = CliRunner().invoke(program, ['--help']).output\n"
        "assert all(name in shown for name in COMMANDS), shown\n"
        "print(*sorted(set(sys.modules) & {'numpy', 'pydantic', 'rich', 'sqlalchemy', 'openvino'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
