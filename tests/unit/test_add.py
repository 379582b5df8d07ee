import csv
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from drawn import DUPLICATES, encoded, labelled_rows, picture, tree, write_csv
from filelock import FileLock
from PIL import Image

from quakelens.cli.data import _show
from quakelens.dataset import add as adding
from quakelens.dataset.add import add
from quakelens.dataset.check import check, summary
from quakelens.dataset.labelled import read_collection
from quakelens.errors import Busy, DataError


def put(manifest, labelled, **options):
    return add(manifest, labelled, **({"max_pixels": 1_000_000, "duplicates": DUPLICATES} | options))


@pytest.fixture
def labelled(tmp_path):
    return tmp_path / "data" / "labelled"


@pytest.fixture
def manifest(tmp_path):
    folder = tmp_path / "in"
    rows = labelled_rows(folder, "2015-nepal", 3, 2)
    rows += labelled_rows(folder, "none", 0, 4, source="streets", first_seed=100)
    return write_csv(folder / "manifest.csv", rows)


def rewrite(manifest, **changes):
    with manifest.open(newline="") as file:
        rows = [row | changes for row in csv.DictReader(file)]
    return write_csv(manifest, rows)


def test_adds_pictures_by_earthquake_and_counts_them(manifest, labelled):
    report = put(manifest, labelled)
    assert (report.added, report.already, report.unreadable, report.near_duplicates) == (9, 0, (), ())
    assert [(c.event, c.label, c.source, c.pictures) for c in report.counts] == [
        ("2015-nepal", "damaged", "press", 3),
        ("2015-nepal", "not_damaged", "press", 2),
        ("none", "not_damaged", "streets", 4),
    ]
    lines = (labelled / "2015-nepal" / "manifest.csv").read_text().splitlines()
    assert lines[0] == "image,label,event,source,group,cannot_show,note,licence,sha256"
    hashes = [line.rsplit(",", 1)[1] for line in lines[1:]]
    assert hashes == sorted(hashes)
    assert all((labelled / "2015-nepal" / "images" / f"{name[:16]}.jpg").is_file() for name in hashes)
    assert check(labelled).ok
    assert [(r.event, r.damaged, r.not_damaged, r.grouped, r.sources) for r in summary(labelled)] == [
        ("2015-nepal", 3, 2, 0, 1),
        ("none", 0, 4, 0, 1),
    ]


def test_adding_twice_changes_no_byte(manifest, labelled):
    put(manifest, labelled)
    before = tree(labelled)
    times = {path: path.stat().st_mtime_ns for path in labelled.rglob("*")}
    report = put(manifest, labelled)
    assert (report.added, report.already) == (0, 9)
    assert tree(labelled) == before
    assert {path: path.stat().st_mtime_ns for path in labelled.rglob("*")} == times


def test_the_order_of_rows_is_of_no_account(manifest, labelled, tmp_path):
    put(manifest, labelled)
    with manifest.open(newline="") as file:
        write_csv(manifest, list(csv.DictReader(file))[::-1])
    other = tmp_path / "other" / "labelled"
    put(manifest, other)
    assert tree(other) == tree(labelled)


def test_bad_rows_and_files_are_reported_and_do_not_stop_it(tmp_path, labelled):
    folder = tmp_path / "in"
    rows = labelled_rows(folder, "2015-nepal", 2, 2)
    whole = encoded(picture(50))
    turned = Image.Exif()
    turned[0x0112] = 6
    files = {
        "truncated.jpg": whole[: len(whole) // 2],
        "huge.png": encoded(Image.new("L", (3000, 3000)), "PNG"),
        "page.jpg": b"<html>not found</html>",
        "empty.jpg": b"",
        "cmyk.jpg": encoded(picture(51).convert("CMYK")),
        "turned.jpg": encoded(picture(52), exif=turned),
        "moving.gif": encoded(picture(53), "GIF", save_all=True, append_images=[picture(54)]),
        "clear.png": encoded(picture(55).convert("RGBA"), "PNG"),
        "misnamed.png": encoded(picture(56), "WEBP"),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    (tmp_path / "private.jpg").write_bytes(encoded(picture(57)))
    (folder / "link.jpg").symlink_to(tmp_path / "private.jpg")
    for name in [*files, "absent.jpg", "folder.jpg", "pipe.jpg", "link.jpg", "../private.jpg"]:
        rows.append({"image": name, "label": "damaged", "event": "2016-ecuador", "source": "x"})
    rows.append({"image": "odd.jpg", "label": "maybe", "event": "none", "source": "x"})
    report = put(write_csv(folder / "manifest.csv", rows), labelled)
    assert {(row.image, row.reason) for row in report.unreadable} == {
        ("truncated.jpg", "truncated"),
        ("huge.png", "too_large"),
        ("page.jpg", "not_an_image"),
        ("empty.jpg", "empty"),
        ("absent.jpg", "missing"),
        ("folder.jpg", "unsupported"),
        ("pipe.jpg", "unsupported"),
        ("link.jpg", "outside"),
    }
    assert len(report.bad_rows) == 2
    assert report.added == 9
    kept = [path.name for path in (labelled / "2016-ecuador" / "images").iterdir()]
    assert sorted(Path(name).suffix for name in kept) == [".gif", ".jpg", ".jpg", ".png", ".webp"]
    assert check(labelled).ok


def test_nothing_usable_is_an_error_and_leaves_nothing(tmp_path, labelled):
    rows = [{"image": "absent.jpg", "label": "damaged", "event": "none", "source": "x"}]
    with pytest.raises(DataError, match=r"line 2: .*absent\.jpg does not exist"):
        put(write_csv(tmp_path / "in" / "manifest.csv", rows), labelled)
    rows[0]["label"] = "?"
    with pytest.raises(DataError, match="no usable row: line 2"):
        put(write_csv(tmp_path / "in" / "manifest.csv", rows), labelled)
    assert tree(labelled) == {}


def test_a_conflicting_label_is_reported_and_the_first_kept(manifest, labelled):
    put(manifest, labelled)
    before = tree(labelled)
    report = put(rewrite(manifest, label="damaged"), labelled)
    assert len(report.conflicts) == 6
    assert {(c.kept, c.given) for c in report.conflicts} == {("not_damaged", "damaged")}
    assert tree(labelled) == before
    report = put(manifest, labelled, relabel=True)
    assert (report.replaced, report.conflicts) == (6, ())
    assert {row.not_damaged for row in summary(labelled)} == {0}


def test_a_picture_of_another_earthquake_stays_unless_it_is_relabelled(manifest, labelled):
    put(manifest, labelled)
    (labelled / "none.dvc").write_text("outs: []\n")
    report = put(rewrite(manifest, event="2016-ecuador"), labelled)
    assert {(o.kept, o.given) for o in report.other_events} == {
        ("2015-nepal", "2016-ecuador"),
        ("none", "2016-ecuador"),
    }
    assert [row.event for row in summary(labelled)] == ["2015-nepal", "none"]
    put(manifest, labelled, relabel=True)
    assert [(row.event, row.damaged, row.not_damaged) for row in summary(labelled)] == [("2016-ecuador", 3, 6)]
    assert sorted(path.name for path in labelled.iterdir()) == ["2016-ecuador"]
    assert check(labelled).ok


def test_two_labels_in_one_manifest_keep_the_first_row_every_time(tmp_path, labelled):
    folder = tmp_path / "in"
    rows = labelled_rows(folder, "2015-nepal", 1, 1)
    (folder / "copy.jpg").write_bytes((folder / rows[0]["image"]).read_bytes())
    rows.append(rows[0] | {"image": "copy.jpg", "label": "not_damaged"})
    manifest = write_csv(folder / "manifest.csv", rows)
    for options in ({}, {"relabel": True}):
        report = put(manifest, labelled, **options)
        assert [(c.line, c.kept, c.given) for c in report.conflicts] == [(4, "damaged", "not_damaged")]
        assert [(row.damaged, row.not_damaged) for row in summary(labelled)] == [(1, 1)]


def test_near_duplicates_are_reported_within_and_across_earthquakes(manifest, labelled, tmp_path):
    put(manifest, labelled)
    folder = tmp_path / "later"
    folder.mkdir()
    (folder / "same.jpg").write_bytes(encoded(picture(0), quality=40))
    (folder / "other.jpg").write_bytes(encoded(picture(1).resize((80, 60))))
    (folder / "new.jpg").write_bytes(encoded(picture(900)))
    rows = [
        {"image": name, "label": "damaged", "event": event, "source": "x"}
        for name, event in (("same.jpg", "2015-nepal"), ("other.jpg", "2016-ecuador"), ("new.jpg", "none"))
    ]
    report = put(write_csv(folder / "m.csv", rows), labelled)
    assert [(n.image, n.event, n.other_event, n.across) for n in report.near_duplicates] == [
        ("same.jpg", "2015-nepal", "2015-nepal", False),
        ("other.jpg", "2016-ecuador", "2015-nepal", True),
    ]
    assert report.added == 3


def test_the_report_tells_a_person_and_a_program_what_to_look_at(manifest, labelled, tmp_path, capsys):
    put(manifest, labelled)
    folder = tmp_path / "later"
    folder.mkdir()
    (folder / "copy.jpg").write_bytes((manifest.parent / "2015-nepal-press-4.jpg").read_bytes())
    (folder / "near.jpg").write_bytes(encoded(picture(3), quality=40))
    (folder / "across.jpg").write_bytes(encoded(picture(1), quality=40))
    (folder / "apart.jpg").write_bytes(encoded(picture(950)))
    rows = [
        {"image": image, "label": "damaged", "event": event, "source": "wire", "group": group}
        for image, event, group in (
            ("copy.jpg", "2015-nepal", ""),
            ("near.jpg", "2015-nepal", ""),
            ("across.jpg", "2016-ecuador", ""),
            ("apart.jpg", "none", "war"),
            ("absent.jpg", "none", "war"),
            ("", "none", "war"),
        )
    ]
    report = put(write_csv(folder / "m.csv", rows), labelled)
    told = json.loads(json.dumps(report.as_json()))
    assert [(pair["image"], pair["across"], pair["conflicting"]) for pair in told["near_duplicates"]] == [
        ("near.jpg", False, True),
        ("across.jpg", True, False),
    ]
    assert {"event": "none", "label": "damaged", "source": "wire", "group": "war", "pictures": 1} in told["counts"]
    _show(report)
    text = capsys.readouterr().out
    assert [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if "│" in line] == [
        ["2015-nepal", "1", "1", "0"],
        ["2016-ecuador", "1", "0", "0"],
        ["none", "0", "0", "1"],
        ["wire", "2", "0", "1"],
        ["press", "0", "1", "0"],
    ]
    for part in (
        "3 added, 1 were there",
        "1 rows cannot be used:\n  line 7: image is empty",
        "1 pictures cannot be read:\n  line 6: absent.jpg: ",
        "line 2: copy.jpg: not_damaged stays, damaged was given",
        "2 pairs of near-duplicates, kept together by `prepare`: 1 within an earthquake, 1 across",
        "across.jpg (2016-ecuador, damaged) looks like ",
        "near.jpg (2015-nepal, damaged) looks like ",
        "(2015-nepal, not_damaged)",
    ):
        assert part in text


def test_what_a_picture_cannot_show_is_kept_with_it(tmp_path, labelled):
    folder = tmp_path / "in"
    rows = [row | {"cannot_show": ""} for row in labelled_rows(folder, "unknown", 2, 2)]
    for row, value in zip(rows, (" 2016-ecuador 2015-nepal  2015-nepal", "any", "", "2015 Nepal"), strict=True):
        row["cannot_show"] = value
    report = put(write_csv(folder / "manifest.csv", rows), labelled)
    assert [problem.what[:24] for problem in report.bad_rows] == ["cannot_show names `Nepal"]
    kept = [picture.cannot_show for picture in read_collection(labelled).pictures]
    assert sorted(kept) == ["", "2015-nepal 2016-ecuador", "any"]
    rows[1]["cannot_show"] = "2015-nepal"
    assert put(write_csv(folder / "manifest.csv", rows[:3]), labelled, relabel=True).replaced == 1
    old = labelled / "unknown" / "manifest.csv"
    with old.open(newline="") as file:  # as written before there was the column
        write_csv(old, [{k: v for k, v in row.items() if k != "cannot_show"} for row in csv.DictReader(file)])
    assert {picture.cannot_show for picture in read_collection(labelled).pictures} == {""}


def test_rows_of_the_collection_that_cannot_be_read_are_never_dropped(manifest, labelled):
    put(manifest, labelled)
    table = labelled / "none" / "manifest.csv"
    table.write_text(table.read_text().replace("not_damaged", "perhaps", 1))
    with pytest.raises(DataError, match=r"none/manifest\.csv, line 2: label `perhaps`"):
        put(manifest, labelled)
    assert [fault.kind for fault in check(labelled).faults] == ["unnamed", "bad_row"]


def test_a_collection_that_dvc_has_not_brought_is_not_written_to(manifest, labelled):
    labelled.mkdir(parents=True)
    (labelled / "2015-nepal.dvc").write_text("outs: []\n")
    with pytest.raises(DataError, match="dvc pull"):
        put(manifest, labelled)


def test_check_finds_what_happened_to_files(manifest, labelled):
    put(manifest, labelled)
    first, second, third = sorted((labelled / "2015-nepal" / "images").iterdir())[:3]
    first.unlink()
    second.write_bytes(encoded(picture(77)))
    (third.parent / "stray.jpg").write_bytes(b"?")
    assert {(fault.kind, fault.path.rsplit("/", 1)[1]) for fault in check(labelled).faults} == {
        ("missing", first.name),
        ("changed", second.name),
        ("unnamed", "stray.jpg"),
    }
    put(manifest, labelled)  # brings both files back
    assert [fault.kind for fault in check(labelled).faults] == ["unnamed"]


def test_an_error_halfway_leaves_no_manifest_with_absent_pictures(manifest, labelled, monkeypatch, tmp_path):
    write, calls = adding.write_if_changed, []

    def failing(path, data):
        calls.append(path)
        if len(calls) == 5:
            raise OSError("disk full")
        return write(path, data)

    monkeypatch.setattr(adding, "write_if_changed", failing)
    with pytest.raises(OSError, match="disk full"):
        put(manifest, labelled)
    assert read_collection(labelled).pictures == ()
    monkeypatch.undo()
    put(manifest, labelled)
    put(manifest, tmp_path / "whole" / "labelled")
    assert tree(labelled) == tree(tmp_path / "whole" / "labelled")


def _add_slowly(manifest, labelled):
    write = adding.write_if_changed

    def slow(path, data):
        (path.parent / f".{path.name}-left").parent.mkdir(parents=True, exist_ok=True)
        (path.parent / f".{path.name}-left").write_bytes(data[:10])
        time.sleep(0.1)
        return write(path, data)

    adding.write_if_changed = slow
    put(manifest, labelled)


def test_killed_and_run_again_it_completes(manifest, labelled, tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=_add_slowly, args=(manifest, labelled))
    process.start()
    deadline = time.monotonic() + 60
    while len(list(labelled.rglob("*.jpg"))) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not list(labelled.rglob("manifest.csv"))
    put(manifest, labelled)
    put(manifest, tmp_path / "whole" / "labelled")
    assert tree(labelled) == tree(tmp_path / "whole" / "labelled")


def test_two_processes_at_once_lose_nothing(manifest, labelled, tmp_path):
    folder = tmp_path / "second"
    rows = labelled_rows(folder, "2015-nepal", 4, 3, source="wire", first_seed=500)
    second = write_csv(folder / "manifest.csv", rows)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=put, args=(path, labelled)) for path in (manifest, second, manifest)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert [(row.event, row.damaged, row.not_damaged) for row in summary(labelled)] == [
        ("2015-nepal", 7, 5),
        ("none", 0, 4),
    ]
    assert check(labelled).ok


def test_waiting_for_another_process_has_an_end(manifest, labelled):
    lock = labelled.parent / "locks" / "labelled.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock), pytest.raises(Busy, match="labelled"):
        put(manifest, labelled, wait_s=0.2)


def test_progress_counts_every_row(manifest, labelled):
    seen = []
    put(manifest, labelled, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 9) for number in range(1, 10)]
