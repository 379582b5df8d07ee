"""Removed posts leave nothing behind but a tombstone, whatever they shared with others."""

from pathlib import Path

import pytest
from harvest_world import EARTHQUAKE, NOW, FakeSource, host, impatient, params, picture_file, post, rows
from purge_world import AlwaysFlags, build, fake_pages, finish, hers, sought, take  # noqa: F401

from quakelens.harvest import fetch_pending, harvest_pages, score_pending
from quakelens.report.current import report_again
from quakelens.store import todo
from quakelens.store.scores import group_scores

pytestmark = pytest.mark.usefixtures("fake_pages", "any_store")


def others() -> list:
    return [post(i, i, pictures=[i]) for i in range(11, 16)]


def test_nothing_is_left_but_the_tombstone(tmp_path: Path) -> None:
    store, workspace = build(tmp_path, [*others(), hers(70, 3, [1, 2])])
    assert len({trace.partition(":")[0] for trace in sought(1, 2).traces(workspace.root)}) >= 6
    removed = take(store, 70)
    assert (removed.posts, removed.pictures, removed.earthquakes) == (1, 2, (EARTHQUAKE.id,))
    done = finish(store, workspace)
    assert (done.pages, done.files, done.reports) == (1, 4, 1)
    store.close()
    assert sought(1, 2).traces(workspace.root) == []
    assert [row[:2] for row in rows(store, "tombstones")["tombstones"]] == [("x", "000070")]
    assert len(rows(store, "pictures")["pictures"]) == 5
    assert (workspace.reports.path / EARTHQUAKE.id / "posts.csv").read_text().count("x.example") == 5


def test_all_posts_of_an_author_go_and_later_ones_stay_away(tmp_path: Path) -> None:
    store, workspace = build(tmp_path, [*others(), hers(70, 3, [1]), hers(71, 4, [2])])
    assert take(store, authors=["hers-4711"], asked=True).posts == 2
    finish(store, workspace)
    later = FakeSource([*others(), hers(79, 200, [3])])
    harvest_pages(
        store, later, EARTHQUAKE, params().harvest, workspace.pages, NOW, queries=["quake"], patience=impatient()
    )
    fetch_pending(store, EARTHQUAKE.id, workspace.media, params(), fetch=host(workspace.media))
    store.close()
    assert sought(1, 2, 3).traces(workspace.root) == []
    assert b"hers-4711" not in b"".join(file.read_bytes() for file in workspace.root.rglob("*") if file.is_file())
    assert len(rows(store, "posts")["posts"]) == 5


def test_a_picture_that_another_post_carries_stays(tmp_path: Path) -> None:
    store, workspace = build(tmp_path, [*others(), hers(70, 3, [1]), post(20, 9, pictures=[1])])
    assert take(store, 70).pictures == 0
    finish(store, workspace)
    assert sought().traces(workspace.root) == []
    assert picture_file(1) in [file.read_bytes() for file in workspace.media.path.rglob("*.jpg")]
    report = (workspace.reports.path / EARTHQUAKE.id / "posts.csv").read_text()
    assert ("000020" in report, "000070" in report) == (True, False)


def test_near_duplicates_go_on_without_the_one_that_stood_for_them(tmp_path: Path) -> None:
    # 101 is a smaller copy of 1, which came first and was scored.
    store, workspace = build(tmp_path, [*others(), hers(70, 3, [1]), post(20, 9, pictures=[101])])
    before = rows(store, "pictures")["pictures"]
    assert len({row[-1] for row in before}) == len(before) - 1
    take(store, 70)
    finish(store, workspace)
    pictures = rows(store, "pictures")["pictures"]
    assert {row[-1] for row in pictures} == {row[0] for row in pictures}
    report = (workspace.reports.path / EARTHQUAKE.id / "posts.csv").read_text()
    assert ("000020" in report, "000070" in report) == (True, False)
    assert len(group_scores(store, EARTHQUAKE.id, "3")) == len(pictures)


def test_groups_fall_apart_without_what_connected_them(tmp_path: Path) -> None:
    from sqlalchemy import update

    from quakelens.store.media import NewPicture, add_picture
    from quakelens.store.tables import media as media_table
    from quakelens.store.tables import pictures

    store, _ = build(tmp_path, [*others(), hers(70, 3, [1])])
    names = sorted(row[0] for row in rows(store, "pictures")["pictures"])
    hers_sha = next(row[-1] for row in rows(store, "media")["media"] if row[1] == "m70-1")
    first, second = [name for name in names if name != hers_sha][:2]
    with store.write() as connection:  # as if hers were near to both
        for name in (first, second, hers_sha):
            connection.execute(update(pictures).where(pictures.c.sha256 == name).values(group_id=hers_sha))
    take(store, 70)
    groups = {row[0]: row[-1] for row in rows(store, "pictures")["pictures"]}
    assert (groups[first], groups[second]) == (first, second)
    with store.write() as connection:  # numbers are not given twice: other processes go by them
        add_picture(connection, NewPicture("f" * 64, "ff/f.jpg", 1, 1, 1, "JPEG", NOW, None), [])
    numbers = [row[1] for row in rows(store, "pictures")["pictures"]]
    assert max(numbers) == 7
    assert rows(store, media_table.name)


def test_reposts_go_with_what_they_repeat_also_those_that_come_later(tmp_path: Path) -> None:
    repeat = hers(75, 6, [], repost_of="000070")
    store, workspace = build(tmp_path, [*others(), hers(70, 3, [1]), repeat])
    assert take(store, 70).posts == 2
    finish(store, workspace)
    again = FakeSource([*others(), hers(77, 300, [], repost_of="000075")])
    harvest_pages(
        store, again, EARTHQUAKE, params().harvest, workspace.pages, NOW, queries=["quake"], patience=impatient()
    )
    store.close()
    assert sought(1).traces(workspace.root) == []


def test_run_twice_nothing_changes(tmp_path: Path) -> None:
    store, workspace = build(tmp_path, [*others(), hers(70, 3, [1])])
    take(store, 70)
    finish(store, workspace)
    before = rows(store)
    assert take(store, 70).posts == 0
    assert finish(store, workspace).files == 0
    assert rows(store) == before
    assert todo.pending(store) == []


def test_a_removal_while_a_harvest_is_at_work_leaves_nothing_of_it(tmp_path: Path) -> None:
    store, workspace = build(tmp_path, others())
    harvest_pages(
        store, FakeSource([hers(170, 203, [1]), hers(171, 204, [2])]), EARTHQUAKE, params().harvest, workspace.pages,
        NOW, queries=["quake"], patience=impatient(),
    )  # fmt: skip

    def removing(jobs):  # type: ignore[no-untyped-def]
        for number, result in enumerate(host(workspace.media)(jobs)):
            if number == 0:
                take(store, 170)  # downloaded, not yet stored
                finish(store, workspace)
            yield result

    fetch_pending(store, EARTHQUAKE.id, workspace.media, params(), fetch=removing)
    engine = AlwaysFlags(before=lambda number: None)
    score = engine.score

    def scoring(pictures, *, heatmaps=False):  # type: ignore[no-untyped-def]
        verdicts = score(pictures, heatmaps=heatmaps)
        take(store, 171)
        finish(store, workspace)
        return verdicts

    engine.score = scoring  # type: ignore[method-assign]
    score_pending(store, EARTHQUAKE.id, engine, workspace.media, workspace.heatmaps)
    report_again(store, EARTHQUAKE.id, "3", None, workspace, NOW)
    store.close()
    assert sought(1, 2).traces(workspace.root) == []
