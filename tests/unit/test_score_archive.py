"""An archive in chunks: every picture once, in order, whatever is killed; one run a folder, with one model."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from drawn import encoded, picture, tree

from quakelens.engine import Engine
from quakelens.errors import PipelineError, UsageError
from quakelens.registry.lookup import Found
from quakelens.scoring_archive import listing, run
from quakelens.scoring_archive.chunk import COLUMNS, ChunkDone
from quakelens.scoring_archive.results import ArchiveSummary, finish, read_summary
from quakelens.scoring_archive.worker import do_chunk

ROOT = Path(__file__).parents[2]
DEADLY = ROOT / "tests" / "deadly"


def pictures(folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(encoded(picture(number)))
    return paths


def rows(output: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in gzip.decompress((output / run.RESULTS).read_bytes()).splitlines()]


def scored(output: Path, numbers: list[int] | None = None) -> ArchiveSummary:
    done = [do_chunk(output, number, cores=1) for number in numbers or run.left(output)]
    return finish(output, run.the_run(output), done, 1.0)


@pytest.fixture
def model(bundle: Path) -> Found:
    return Found("7", bundle)


def test_rows_are_those_of_one_call_to_the_engine_in_order_of_the_paths(tmp_path: Path, model: Found) -> None:
    paths = pictures(tmp_path / "in" / "deep", 9)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    broken = tmp_path / "in" / "a.jpg"
    broken.write_text("<html>")
    missing = tmp_path / "in" / "zz.jpg"
    started = run.start(tmp_path / "out", [str(tmp_path / "in"), str(missing), str(paths[3])], (), model, 4)
    assert (started.pictures, started.chunks) == (11, 3)
    summary = scored(tmp_path / "out", [2, 0, 1])
    found = rows(tmp_path / "out")
    assert [row["path"] for row in found] == [str(path) for path in (broken, *paths, missing)]
    assert all(tuple(row) == COLUMNS for row in found)
    engine = Engine.open(model.folder, version="7")
    verdicts = engine.score([path.read_bytes() for path in paths])
    assert [row["probability"] for row in found[1:-1]] == [round(float(each.probability or 0), 6) for each in verdicts]
    assert [row["decision"] for row in found[1:-1]] == [each.decision for each in verdicts]
    assert {row["model"] for row in found} == {"quakelens v7"}
    assert str(found[0]["error"]).startswith("not_an_image")
    assert str(found[-1]["error"]).startswith("missing")
    assert found[0]["sha256"] is not None
    assert found[-1]["sha256"] is None
    assert (summary.pictures, summary.errors, summary.scored_now) == (11, 2, 11)
    assert summary.error_reasons == {"not_an_image": 1, "missing": 1}
    assert summary.damaged == sum(each.decision == "damaged" for each in verdicts)


def test_what_is_left_after_a_kill_is_done_and_nothing_twice(
    tmp_path: Path, model: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(tmp_path / "in", 7)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for output in (whole, killed):
        run.start(output, [str(tmp_path / "in")], (), model, 2)
    scored(whole)
    do_chunk(killed, 2)
    assert run.left(killed) == [0, 1, 3]
    before = tree(killed / run.CHUNKS)
    monkeypatch.setattr(
        "quakelens.scoring_archive.results.write_json", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):  # at the worst moment: all rows are together, the figures are not written
        scored(killed)
    monkeypatch.undo()
    assert before.items() <= tree(killed / run.CHUNKS).items()
    assert read_summary(killed) is None
    summary = finish(killed, run.the_run(killed), [ChunkDone(0, 2, 0.1)], 1.0)
    assert (killed / run.RESULTS).read_bytes() == (whole / run.RESULTS).read_bytes()
    assert (summary.pictures, summary.scored_now) == (7, 2)
    assert not (killed / run.CHUNKS).exists()
    again = read_summary(killed)
    assert again is not None
    assert (again.pictures, again.damaged, again.scored_now) == (7, summary.damaged, 0)


def test_a_start_that_was_killed_leaves_nothing_in_the_way(tmp_path: Path, model: Found) -> None:
    pictures(tmp_path / "in", 2)
    output = tmp_path / "out"
    run.start(output, [str(tmp_path / "in")], (), model, None)
    (output / run.RUN).unlink()
    (output / ".listing-left").mkdir()
    (output / run.MODEL / "model.json").unlink()
    assert run.start(output, [str(tmp_path / "in")], (), model, None).pictures == 2
    assert not (output / ".listing-left").exists()
    assert scored(output).errors == 0


def test_a_folder_keeps_to_its_run(tmp_path: Path, model: Found, bundle: Path) -> None:
    pictures(tmp_path / "in", 2)
    output, source = tmp_path / "out", [str(tmp_path / "in")]
    started = run.start(output, source, (), model, 1)
    run.check_same(output, started, source, (), None, None)
    run.check_same(output, started, [os.path.relpath(source[0])], (), model, 1)
    changed = shutil.copytree(bundle, tmp_path / "changed")
    (changed / "model.json").write_bytes((bundle / "model.json").read_bytes() + b"\n")
    for told, asked in {
        "holds a run over": ([str(tmp_path)], (), None, None),
        "a run of quakelens v7, which is another model": (source, (), Found("8", bundle), None),
        "v7, which is another": (source, (), Found("7", changed), None),
        "in chunks of 1": (source, (), None, 5),
    }.items():
        with pytest.raises(UsageError, match=told):
            run.check_same(output, started, *asked)
    with pytest.raises(UsageError, match=r"holds other things \(000.jpg, 001.jpg\)"):
        run.start(tmp_path / "in", source, (), model, None)
    with pytest.raises(UsageError, match="every machine that scores must see the same folder"):
        do_chunk(tmp_path / "elsewhere", 0)
    assert not (tmp_path / "elsewhere").exists()


def test_an_empty_folder_has_no_rows(tmp_path: Path, model: Found) -> None:
    (tmp_path / "in").mkdir()
    assert run.start(tmp_path / "out", [str(tmp_path / "in")], (), model, None).chunks == 0
    assert scored(tmp_path / "out").pictures == 0
    assert rows(tmp_path / "out") == []


def test_a_damaged_chunk_is_scored_again(tmp_path: Path, model: Found) -> None:
    pictures(tmp_path / "in", 4)
    output = tmp_path / "out"
    run.start(output, [str(tmp_path / "in")], (), model, 2)
    do_chunk(output, 0)
    path = run.chunk_file(output, 0)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(PipelineError, match="is removed: run the same again"):
        scored(output)
    assert run.left(output) == [0]
    assert scored(output).pictures == 4


def test_paths_are_sorted_with_few_in_memory(tmp_path: Path) -> None:
    odd = [os.fsdecode(b"/a/\xff.jpg"), "/a/new\nline.jpg", '/a/"quoted".jpg', "/a/öl.jpg"]
    many = [f"/b/{number * 7919 % 1000}.jpg" for number in range(1000)]
    taken: list[str] = []

    def coming():  # type: ignore[no-untyped-def]
        for path in (*odd, *many, *odd):
            taken.append(path)
            yield path

    found = listing.in_order(coming(), tmp_path, at_once=100)
    assert list(found) == sorted({*odd, *many})
    assert len(taken) == 1008
    assert list(tmp_path.iterdir()) == []


def test_lists_name_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = pictures(tmp_path / "in", 3)
    (tmp_path / "list.txt").write_text(f"in\n\r\n{paths[0]}\r\nnone.jpg\n")
    monkeypatch.chdir(tmp_path)
    found = list(listing.found((), ["list.txt"]))
    assert sorted(found) == sorted([str(path) for path in (*paths, paths[0], tmp_path / "none.jpg")])
    with pytest.raises(UsageError, match=r"the list other.txt cannot be read: No such file"):
        list(listing.found((), ["other.txt"]))


def test_files_that_no_camera_wrote_are_rows(tmp_path: Path, model: Found) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    with (folder / "huge.jpg").open("wb") as file:
        file.truncate(1 << 40)
    os.mkfifo(folder / "pipe.jpg")  # reading it would never end
    names = [str(folder / "huge.jpg"), str(folder / "pipe.jpg"), str(folder / "empty.jpg")]
    Path(names[2]).touch()
    run.start(tmp_path / "out", names, (), model, None)
    assert scored(tmp_path / "out").error_reasons == {"empty": 1, "too_large": 1, "unsupported": 1}


def test_a_picture_that_ends_processes_everywhere_is_a_row_in_the_end(tmp_path: Path, model: Found) -> None:
    paths = pictures(tmp_path / "in", 3)
    for path in paths[:2]:
        path.write_bytes(encoded(picture(9), comment=b"deadly"))
    output = tmp_path / "out"
    run.start(output, [str(tmp_path / "in")], (), model, None)
    code = (
        "import sys; from pathlib import Path; from quakelens.scoring_archive.worker import do_chunk\n"
        "print(do_chunk(Path(sys.argv[1]), 0, cores=1).pictures)"
    )
    ends = []
    for machine in range(3):  # each knows nothing of what happened on the others
        done = subprocess.run(
            [sys.executable, "-c", code, str(output)], check=False, capture_output=True, text=True, timeout=120,
            env={**os.environ, "QUAKELENS_WORKSPACE": str(tmp_path / str(machine)), "OMP_NUM_THREADS": "1",
                 "PYTHONPATH": os.pathsep.join((str(DEADLY), str(ROOT)))},
        )  # fmt: skip
        ends.append(done.returncode)
    assert ends == [-signal.SIGABRT, -signal.SIGABRT, 0], done.stderr
    assert done.stdout.split() == ["3"]
    finish(output, run.the_run(output), [], 1.0)
    assert [row["error"] is None for row in rows(output)] == [False, False, True]
    assert str(rows(output)[0]["error"]).startswith("killed: ")
