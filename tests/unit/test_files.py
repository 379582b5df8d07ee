"""Files that are written whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from quakelens import files
from quakelens.files import write_atomically


@pytest.fixture(params=["nameless", "named"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With and without files that have no name until they are whole."""
    if request.param == "named":
        monkeypatch.setattr(files, "_nameless", lambda folder: None)
    return str(request.param)


def test_file_appears_whole_and_takes_the_place_of_another(tmp_path: Path, way: str) -> None:
    path = tmp_path / "deep" / "a.txt"
    for content in (b"first", b"second"):
        with write_atomically(path) as file:
            file.write(content)
            assert not path.exists() or path.read_bytes() == b"first"
        assert path.read_bytes() == content
    assert [each.name for each in path.parent.iterdir()] == ["a.txt"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_nothing_stays_of_a_file_whose_writing_fails(tmp_path: Path, way: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="broken"), write_atomically(path) as file:
        file.write(b"new")
        raise ValueError("broken")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_nothing_stays_of_a_file_whose_process_is_killed(tmp_path: Path) -> None:
    descriptor = files._nameless(tmp_path)
    if descriptor is None:
        pytest.skip("this file system has no files without a name")
    os.close(descriptor)
    code = (
        "import sys, time; from pathlib import Path; from quakelens.files import write_atomically\n"
        "with write_atomically(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); print('writing', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "a.txt")], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert list(tmp_path.iterdir()) == []
