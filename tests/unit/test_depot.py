"""A place for files does the same whether it is a folder or a bucket."""

import threading
import time
from pathlib import Path

import pytest
from services import S3, free_port

from quakelens.depot import Depot, open_depot
from quakelens.depot.bucket import _files
from quakelens.errors import ImageError, StorageError, UsageError
from quakelens.images import read_bytes


@pytest.fixture(params=["folder", "bucket"])
def depot(request: pytest.FixtureRequest, tmp_path: Path) -> Depot:
    if request.param == "folder":
        return open_depot(tmp_path / "media", None, "media")
    s3: S3 = request.getfixturevalue("s3")
    return open_depot(tmp_path / "media", f"s3://{s3.bucket()}/some/where", "media")


def test_what_was_put_is_there_whole_and_the_last_one_counts(depot: Depot) -> None:
    file = depot.file("ab/x.jpg")
    assert not file.exists()
    assert depot.modified("ab/x.jpg") is None
    with pytest.raises(FileNotFoundError):
        file.read_bytes()
    depot.put("ab/x.jpg", b"first", lasting=True)
    depot.put("ab/x.jpg", b"")
    depot.put("ab/x.jpg", b"second" * 100_000)
    assert file.exists()
    assert file.read_bytes() == b"second" * 100_000
    assert abs(time.time() - (depot.modified("ab/x.jpg") or 0)) < 60
    assert str(file).endswith("media/ab/x.jpg")
    assert file.as_uri().endswith("media/ab/x.jpg")


def test_names_are_found_by_their_beginning_at_any_depth_and_sorted(depot: Depot) -> None:
    names = ["a.gz", "a/1.gz", "a/b/2.gz", "a/b/10.gz", "ab/1.gz", "b/x/y/z.gz"]
    for name in names:
        depot.put(name, name.encode())
    assert list(depot.names()) == sorted(names)
    assert list(depot.names("a")) == sorted(name for name in names if name.startswith("a"))
    assert list(depot.names("a/")) == ["a/1.gz", "a/b/10.gz", "a/b/2.gz"]
    assert list(depot.names("a/b/1")) == ["a/b/10.gz"]
    assert list(depot.names("c/")) == list(depot.names("a/b/2.gz/")) == []
    assert (depot.folders(), depot.folders("a/"), depot.folders("c/")) == (["a", "ab", "b"], ["b"], [])


def test_deleting_tells_whether_there_was_anything(depot: Depot) -> None:
    depot.put("a/1", b"x")
    assert (depot.delete("a/1"), depot.delete("a/1"), depot.delete("none/1")) == (True, False, False)
    assert list(depot.names()) == []


def test_a_reader_meanwhile_sees_the_whole_of_one(depot: Depot) -> None:
    contents = [bytes([number]) * 300_000 for number in range(4)]
    depot.put("x", contents[0])
    writers = [threading.Thread(target=lambda c=content: [depot.put("x", c) for _ in range(5)]) for content in contents]
    for writer in writers:
        writer.start()
    seen = {depot.file("x").read_bytes() for _ in range(15)}
    for writer in writers:
        writer.join()
    assert seen <= set(contents)
    assert list(depot.names()) == ["x"]


def test_a_picture_that_is_missing_or_empty_is_a_row_with_a_reason(depot: Depot) -> None:
    depot.put("empty", b"")
    for name, reason in (("missing", "missing"), ("empty", "empty")):
        with pytest.raises(ImageError) as caught:
            read_bytes(depot.file(name))
        assert caught.value.reason == reason


def test_a_report_in_a_bucket_opens_in_a_browser(s3: S3, tmp_path: Path) -> None:
    bucket = s3.bucket()
    open_depot(tmp_path, f"s3://{bucket}", "reports").put("us1/index.html", b"<p>")
    assert s3.client().head_object(Bucket=bucket, Key="reports/us1/index.html")["ContentType"] == "text/html"


@pytest.mark.parametrize("url", ["bucket/prefix", "s3://", "https://host/bucket", "gs://bucket"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="QUAKELENS_FILES_URL"):
        open_depot(tmp_path, url, "media")


def test_a_missing_bucket_is_no_missing_picture(s3: S3, tmp_path: Path) -> None:
    depot = open_depot(tmp_path, "s3://nobody-made-this/x", "media")
    with pytest.raises(StorageError, match="no bucket nobody-made-this"):
        read_bytes(depot.file("ab/x.jpg"))
    with pytest.raises(StorageError, match="no bucket"):
        depot.put("ab/x.jpg", b"x")
    with pytest.raises(StorageError, match="no bucket"):
        list(depot.names())


def test_a_server_that_is_down_is_no_missing_picture(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr("quakelens.depot.bucket._TRIES", 1)
    _files.cache_clear()
    depot = open_depot(tmp_path, "s3://bucket", "media")
    try:
        for act in (lambda: read_bytes(depot.file("x")), lambda: depot.put("x", b"x"), lambda: depot.delete("x")):
            with pytest.raises(StorageError, match="goes on where it was") as caught:
                act()
            assert s3.environment["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)
    finally:
        _files.cache_clear()
