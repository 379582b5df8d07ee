"""Removed posts leave no byte in a bucket and in PostgreSQL's tables either."""

import time
from pathlib import Path

import pytest
from harvest_world import EARTHQUAKE, ON_POSTGRESQL, opened, post
from purge_world import WORDS, build, fake_pages, finish, hers, sought, take  # noqa: F401
from services import S3, PostgreSQL

from quakelens.purge.pictures import remove_strays
from quakelens.store import todo

pytestmark = pytest.mark.usefixtures("fake_pages")


@pytest.fixture
def bucket(s3: S3) -> str:
    return s3.bucket()


def saved(s3: S3, bucket: str, to: Path) -> Path:
    """Every object of the bucket as a file."""
    for key, content in s3.objects(bucket).items():
        (to / key).parent.mkdir(parents=True, exist_ok=True)
        (to / key).write_bytes(content)
    return to


def test_nothing_is_left_in_the_bucket_nor_in_the_tables(
    tmp_path: Path, s3: S3, bucket: str, postgresql: PostgreSQL, store_template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ON_POSTGRESQL, store_template)
    others = [post(i, i, pictures=[i]) for i in range(11, 14)]
    store, workspace = build(tmp_path, [*others, hers(70, 3, [1, 2])], files_url=f"s3://{bucket}/q")
    before = saved(s3, bucket, tmp_path / "before")
    assert len({trace.partition(":")[0] for trace in sought(1, 2).traces(before)}) >= 6
    assert WORDS[0].encode() in tables(postgresql, str(store.url.database))
    assert not list(workspace.root.rglob("*.*g")), "nothing lies in the workspace's folders beside"

    assert take(store, 70).pictures == 2
    done = finish(store, workspace)
    assert (done.pages, done.files, done.reports) == (1, 4, 1)
    assert todo.pending(store) == []
    after = saved(s3, bucket, tmp_path / "after")
    assert sought(1, 2).traces(after) == []
    left = tables(postgresql, str(store.url.database))
    assert [word for word in (*WORDS, "hers-4711") if word.encode() in left] == []
    assert b"https://x.example/11" in left, "the others are there"
    objects = {str(path.relative_to(after)) for path in after.rglob("*") if path.is_file()}
    assert sum(name.startswith("q/media/") for name in objects) == 3
    assert (after / "q" / "reports" / EARTHQUAKE.id / "posts.csv").read_text().count("x.example") == 3
    for each in opened:
        each.close()


def tables(server: PostgreSQL, database: str) -> bytes:
    """All bytes of the files of a database."""
    server.run("CHECKPOINT")
    ((oid,),) = server.run(f"SELECT oid FROM pg_database WHERE datname = '{database}'")
    return b"".join(file.read_bytes() for file in (server.folder / "data" / "base" / str(oid)).iterdir())


def test_what_a_killed_harvest_left_in_the_bucket_goes(tmp_path: Path, s3: S3, bucket: str) -> None:
    store, workspace = build(tmp_path, [post(11, 1, pictures=[3])], files_url=f"s3://{bucket}/q")
    known = set(s3.objects(bucket))
    stray = "ab" * 32
    workspace.media.put(f"ab/{stray}.jpg", b"x")
    workspace.heatmaps.put(f"3/ab/{stray}.png", b"x")
    assert remove_strays(store, workspace, younger=False) == 0, "a harvest at work may just have written them"
    assert remove_strays(store, workspace, younger=False, now_s=time.time() + 3600) == 2
    assert set(s3.objects(bucket)) == known
    store.close()
