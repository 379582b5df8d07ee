"""What removed pictures leave in labelled data, in its versions, among strays, and in the store's file."""

import csv
import hashlib
import io
import json
import os
import threading
import time
from pathlib import Path

import fsspec
import numpy as np
import pytest
from harvest_world import EARTHQUAKE, NOW, post, rows
from purge_world import build, fake_pages, finish, hers, sought, take  # noqa: F401

from quakelens.errors import Busy, PipelineError
from quakelens.purge.derived import remove_derived
from quakelens.purge.pictures import YOUNG_S, remove_strays
from quakelens.purge.versions import Objects, open_objects, remove_versions
from quakelens.report.current import notice_of, report_again
from quakelens.settings import Workspace
from quakelens.store import traces
from quakelens.versioning import Place, places

GONE, STAYS = "ab" * 32, "cd" * 32
SHA256S = frozenset({GONE})


def table(*sha256s: str, **more: str) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, ["sha256", "note", *more], lineterminator="\n")
    writer.writeheader()
    writer.writerows({"sha256": each, "note": "hers" if each == GONE else "his", **more} for each in sha256s)
    return out.getvalue().encode()


def features(*sha256s: str) -> bytes:
    out = io.BytesIO()
    np.savez(out, sha256=np.array(sha256s, dtype="U64"), values=np.eye(len(sha256s), dtype=np.float32))
    return out.getvalue()


def keep(objects: Objects, files: dict[str, bytes]) -> set[str]:
    """One version of a folder, as DVC keeps it; returns where its files are."""
    entries, paths = [], set()
    for name, content in files.items():
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        entries.append({"md5": md5, "relpath": name})
        objects.files.pipe_file(objects.path(md5), content)
        paths.add(objects.path(md5))
    text = json.dumps(entries).encode()
    objects.files.pipe_file(objects.path(hashlib.md5(text, usedforsecurity=False).hexdigest()) + ".dir", text)
    return paths


@pytest.fixture(params=["folder", "elsewhere"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "folder":
        (tmp_path / "cache").mkdir()
        return Objects(fsspec.filesystem("file", auto_mkdir=True), str(tmp_path / "cache"), "the cache")
    return open_objects(Place(f"memory://{tmp_path}", {}))


def labelled(*pictures: str) -> dict[str, bytes]:
    files = {f"images/{each[:16]}.jpg": b"picture " + each.encode() for each in pictures}
    return {**files, "manifest.csv": table(*pictures)}


def test_earlier_versions_lose_the_picture_and_all_tables_with_it_and_nothing_else(objects: Objects) -> None:
    first = keep(objects, labelled(STAYS, GONE))
    keep(objects, labelled(STAYS))
    made = keep(objects, {"features.npz": features(STAYS, GONE)})
    sheet = {"plots/worst_mistakes.png": b"tiles", "plots/confusion.png": b"counts", "metrics.json": b'{"auc": 1}'}
    judged = keep(objects, {"predictions.csv": table(GONE), **sheet})
    keep(objects, {"predictions.csv": table(STAYS), "plots/worst_mistakes.png": b"other tiles"})
    before = {path for path in objects.files.find(objects.root) if not path.endswith(".dir")}
    assert remove_versions(objects, SHA256S) == 5  # picture, manifest, features, predictions, sheet
    after = {path for path in objects.files.find(objects.root) if not path.endswith(".dir")}
    assert before - after <= first | made | judged
    left = b"".join(objects.files.cat_file(path) for path in after)
    assert not [word for word in (b"hers", GONE.encode(), GONE.encode("utf-32-le"), b"tiles,") if word in left]
    assert all(word in left for word in (b"picture " + STAYS.encode(), b"his", b"other tiles", b"counts", b"auc"))
    assert remove_versions(objects, SHA256S) == 0


def test_killed_between_two_files_it_still_finds_the_rest(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(objects, labelled(STAYS, GONE))
    keep(objects, {"predictions.csv": table(GONE), "plots/worst_mistakes.png": b"tiles"})
    remove_file = objects.files.rm_file

    for most in range(1, 4):
        removed: list[str] = []

        def bounded(path: str, removed: list[str] = removed, most: int = most) -> None:
            if len(removed) == most:
                raise KeyboardInterrupt
            removed.append(path)
            remove_file(path)

        monkeypatch.setattr(objects.files, "rm_file", bounded)
        try:
            remove_versions(objects, SHA256S)
        except KeyboardInterrupt:
            continue
    monkeypatch.setattr(objects.files, "rm_file", remove_file)
    remove_versions(objects, SHA256S)
    left = b"".join(objects.files.cat_file(path) for path in objects.files.find(objects.root))
    assert not [word for word in (b"hers", GONE.encode(), b"tiles") if word in left]


def test_a_remote_that_cannot_be_reached_is_an_error_that_says_what_to_install() -> None:
    with pytest.raises(PipelineError, match="gcsfs"):
        open_objects(Place("gs://bucket/data", {}))


def test_the_remote_is_read_from_dvcs_configuration(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert places(workspace) == []
    (tmp_path / ".dvc").mkdir()
    text = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../far\n"
    (tmp_path / ".dvc" / "config").write_text(text)
    assert [each.url for each in places(workspace)] == [str(tmp_path / ".dvc" / "cache"), str(tmp_path / "far")]
    local = "['remote \"storage\"']\n    url = s3://bucket/data\n    endpointurl = http://h:1\n    profile = mine\n"
    (tmp_path / ".dvc" / "config.local").write_text(local)
    options = {"profile": "mine", "client_kwargs": {"endpoint_url": "http://h:1"}}
    assert places(workspace)[1] == Place("s3://bucket/data", options)


def test_rows_features_and_sheets_of_a_picture_go_and_those_of_others_stay(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    evaluation = workspace.mlruns / "artifacts" / "1" / "artifacts" / "evaluation"
    other = workspace.mlruns / "artifacts" / "2" / "artifacts" / "evaluation"
    contents = {
        workspace.prepared / "pictures.csv": table(STAYS, GONE, cluster=GONE),
        workspace.prepared / "prepare.json": json.dumps({"warnings": [f"x/{GONE[:16]}.jpg", "y"]}).encode(),
        workspace.features / "features.npz": features(GONE, STAYS),
        workspace.cache / "features" / "k.npz": features(STAYS, GONE),
        workspace.trained / "out_of_fold.csv": table(STAYS),
        evaluation / "predictions.csv": table(GONE, STAYS),
        evaluation / "plots" / "worst_mistakes.png": b"tiles",
        evaluation / "plots" / "confusion.png": b"counts",
        other / "predictions.csv": table(STAYS),
        other / "plots" / "worst_mistakes.png": b"other tiles",
    }
    for path, content in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert remove_derived(workspace, [workspace.mlruns / "artifacts"], SHA256S) == 6
    left = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(contents) - set(left) == {evaluation / "plots" / "worst_mistakes.png"}
    everything = b"".join(left.values())
    assert not [w for w in (b"hers", GONE.encode(), GONE[:16].encode(), GONE.encode("utf-32-le")) if w in everything]
    with np.load(workspace.features / "features.npz") as saved:
        assert (saved["sha256"].tolist(), saved["values"].tolist()) == ([STAYS], [[0.0, 1.0]])
    assert left[workspace.trained / "out_of_fold.csv"] == contents[workspace.trained / "out_of_fold.csv"]
    assert remove_derived(workspace, [workspace.mlruns / "artifacts"], SHA256S) == 0


def test_strays_go_unless_a_harvest_may_just_have_written_them(tmp_path: Path) -> None:
    store, workspace = build(tmp_path, [post(i, i, pictures=[i]) for i in range(11, 14)])
    before = {file for file in workspace.root.rglob("*") if file.is_file()}
    old = [
        workspace.media.path / "ab" / f"{GONE}.jpg", workspace.heatmaps.path / "3" / "ab" / f"{GONE}.png",
        workspace.media.path / "ab" / f".{GONE}.jpg-x7k_d0aa", workspace.reports.path / "q" / ".index.html-abcdefgh",
    ]  # fmt: skip
    young = workspace.media.path / "ef" / f"{'ef' * 32}.jpg"
    for file in (*old, young):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    for file in old:
        os.utime(file, (time.time() - YOUNG_S - 5,) * 2)
    assert remove_strays(store, workspace, younger=False) == 4
    assert young.exists()
    assert remove_strays(store, workspace, younger=True) == 1
    assert before == {file for file in workspace.root.rglob("*") if file.is_file()}


def test_a_reader_of_the_store_is_waited_for_and_then_named(tmp_path: Path, fake_pages: None) -> None:  # noqa: F811
    store, workspace = build(tmp_path, [post(11, 1, pictures=[11]), hers(70, 3, [1])])
    reader = store.read()
    connection = reader.__enter__()
    assert connection.exec_driver_sql("SELECT count(*) FROM posts").scalar() == 2
    take(store, 70)
    with pytest.raises(Busy, match="quakelens purge"):
        traces.wipe(store, wait_s=0.5)
    end = threading.Timer(0.5, lambda: reader.__exit__(None, None, None))
    end.start()
    finish(store, workspace)
    end.join()
    assert sought(1).traces(workspace.root) == []
    assert len(rows(store, "posts")["posts"]) == 1


def test_a_report_that_is_written_again_keeps_its_notice(tmp_path: Path) -> None:
    from quakelens.report import current

    store, workspace = build(tmp_path, [post(11, 1, pictures=[11])])
    page = workspace.reports.path / EARTHQUAKE.id / "index.html"
    assert notice_of(page) is None
    notice = "This is <drawn> & nothing of it is real."
    current._write(store, EARTHQUAKE.id, workspace, NOW, label="m", version="3", note="", notice=notice)
    assert notice_of(page) == notice
    report_again(store, EARTHQUAKE.id, "3", None, workspace, NOW)
    assert notice_of(page) == notice
    assert notice_of(tmp_path / "nowhere") is None
