from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from harvest_world import (
    EARTHQUAKE,
    NOW,
    FakeEngine,
    FakeSource,
    host,
    impatient,
    new_store,
    params,
    post,
    rows,
)
from PIL import Image

from quakelens.harvest import MediaResult, ScoringResult, fetch_pending, harvest_pages, score_pending, summarise
from quakelens.media.fetch import Fetched, FetchFailure, FetchJob
from quakelens.sources.post import MediaRef, Post
from quakelens.store import Store
from quakelens.store.media import MAX_TRIES

pytestmark = pytest.mark.usefixtures("any_store")


def filled(folder: Path, posts: list[Post], *, lookback_pages: int = 0) -> Store:
    store = new_store(folder)
    harvest_pages(
        store, FakeSource(posts), EARTHQUAKE, params().harvest, folder / "pages", NOW, queries=["quake"],
        lookback_pages=lookback_pages, patience=impatient(),
    )  # fmt: skip
    return store


def fetch(store: Store, folder: Path, fetcher: object = None) -> MediaResult:
    chosen = fetcher or host(folder / "media")
    return fetch_pending(store, EARTHQUAKE.id, folder / "media", params(), fetch=chosen)  # type: ignore[arg-type]


def score(store: Store, folder: Path, engine: FakeEngine, batch_size: int = 3) -> ScoringResult:
    return score_pending(store, EARTHQUAKE.id, engine, folder / "media", folder / "heatmaps", batch_size=batch_size)


def groups(store: Store) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows(store, "pictures")["pictures"]:
        found[str(row[-1])] = found.get(str(row[-1]), 0) + 1
    return found


def test_each_picture_is_fetched_once_and_grouped_with_its_copies(tmp_path: Path) -> None:
    posts = [post(i, i, pictures=[i % 3, 10 + i]) for i in range(1, 7)] + [post(8, 9, pictures=[101, 1])]
    store = filled(tmp_path, posts)
    result = fetch(store, tmp_path)
    # 0, 1, 2 and 11 to 16 are different pictures; 101 is a smaller copy of 1.
    assert result == MediaResult(media=14, fetched=14, failed=0, near_duplicates=5, tried=14)
    assert sorted(groups(store).values()) == [1] * 8 + [2]


def test_second_run_fetches_nothing(tmp_path: Path) -> None:
    store = filled(tmp_path, [post(i, i, pictures=[i]) for i in range(1, 4)])
    fetch(store, tmp_path)
    before = rows(store)
    again = fetch(store, tmp_path)
    assert (again.tried, again.fetched) == (0, 3)
    assert rows(store) == before


def test_groups_that_a_later_picture_connects_become_one(tmp_path: Path) -> None:
    store = filled(tmp_path, [post(i, i, pictures=[i]) for i in range(1, 4)])
    from sqlalchemy import update

    from quakelens.store.media import NewPicture, add_picture
    from quakelens.store.tables import pictures

    fetch(store, tmp_path)
    first, second, third = sorted(row[0] for row in rows(store, "pictures")["pictures"])
    with store.write() as connection:
        new = NewPicture("f" * 64, "ff/f.jpg", 1, 1, 1, "JPEG", NOW, None)
        add_picture(connection, new, [second, third])
        connection.execute(update(pictures).where(pictures.c.sha256 == "f" * 64).values(bytes=2))
    assert sorted(groups(store).values()) == [1, 3]
    assert first in groups(store)


def test_failures_are_rows_and_only_those_that_pass_are_tried_again(tmp_path: Path) -> None:
    refs = [MediaRef(key=name, url=f"https://host.example/{name}") for name in ("gone", "timeout", "7")]
    posts = [post(1, 1), post(2, 2, pictures=[3])]
    posts[0] = Post(**{**{name: getattr(posts[0], name) for name in Post.__slots__}, "media": tuple(refs)})
    store = filled(tmp_path, posts)
    result = fetch(store, tmp_path)
    assert (result.media, result.fetched, result.failed, result.tried) == (4, 2, 2, 4)
    for _ in range(MAX_TRIES - 1):
        assert fetch(store, tmp_path).tried == 1
    assert fetch(store, tmp_path).tried == 0
    from quakelens.store.media import count_media

    assert count_media(store, EARTHQUAKE.id).reasons == (("gone", 1), ("timeout", 1))


def test_a_run_in_which_the_host_was_not_asked_does_not_count_as_a_try(tmp_path: Path) -> None:
    store = filled(tmp_path, [post(1, 1, pictures=[4])])

    def paused(jobs: Iterable[FetchJob]) -> Iterator[Fetched | FetchFailure]:
        for job in jobs:
            yield FetchFailure(job.key, "http_status", "asked to be left alone", False, NOW, asked=False)

    for _ in range(MAX_TRIES + 2):
        assert fetch(store, tmp_path, paused).failed == 1
    assert fetch(store, tmp_path).fetched == 1


def test_failure_that_passed_becomes_a_picture(tmp_path: Path) -> None:
    store = filled(tmp_path, [post(1, 1, pictures=[4]), post(2, 2, pictures=[5])])

    def down(jobs: Iterable[FetchJob]) -> Iterator[Fetched | FetchFailure]:
        for job in jobs:
            yield FetchFailure(job.key, "network", "the connection was cut", False, NOW)

    assert fetch(store, tmp_path, down).failed == 2
    assert fetch(store, tmp_path) == MediaResult(2, 2, 0, 0, 2)


def test_oldest_posts_of_the_earthquake_are_fetched_before_its_look_back(tmp_path: Path) -> None:
    posts = [post(1, -60, pictures=[1]), post(2, 10, pictures=[2]), post(3, 5, pictures=[3])]
    store = filled(tmp_path, posts, lookback_pages=1)
    order: list[str] = []

    def noting(jobs: Iterable[FetchJob]) -> Iterator[Fetched | FetchFailure]:
        kept = list(jobs)
        order.extend(job.url[-1] for job in kept)
        yield from host(tmp_path / "media")(kept)

    result = fetch(store, tmp_path, noting)
    assert order == ["3", "2", "1"]
    assert (result.media, result.fetched, result.tried) == (2, 2, 3)


def test_one_picture_of_a_group_is_scored_once_a_version(tmp_path: Path) -> None:
    posts = [post(i, i, pictures=[i % 4]) for i in range(1, 9)] + [post(20, 30, pictures=[101, 102])]
    store = filled(tmp_path, posts)
    fetch(store, tmp_path)
    engine = FakeEngine()
    result = score(store, tmp_path, engine)
    assert (result.scored, result.new, result.errors) == (4, 4, 0)
    assert (len(engine.seen), engine.calls) == (4, 2)
    assert score(store, tmp_path, engine) == ScoringResult(4, result.flagged, 0, 0)
    assert engine.calls == 2
    newer = FakeEngine(version="4")
    assert score(store, tmp_path, newer).new == 4
    assert len(rows(store, "scores")["scores"]) == 8


def test_verdicts_stay_with_their_pictures_over_batches_and_heat_maps_exist(tmp_path: Path) -> None:
    store = filled(tmp_path, [post(i, i, pictures=[i]) for i in range(1, 12)])
    fetch(store, tmp_path)
    score(store, tmp_path, FakeEngine(), batch_size=4)
    found = rows(store, "scores")["scores"]
    assert len(found) == 11
    flagged = 0
    for sha256, _, probability, decision, heatmap, left, *_ in found:
        assert probability == pytest.approx(int(str(sha256)[:4], 16) / 0xFFFF)
        if decision == "not_damaged":
            assert heatmap is None
            continue
        flagged += 1
        assert left == 0.1
        with Image.open(tmp_path / "heatmaps" / str(heatmap)) as image:
            assert (image.mode, image.size) == ("L", (7, 7))
            assert image.getpixel((0, 0)) == int(str(sha256)[4:6], 16)
    assert 0 < flagged < 11


def test_picture_that_cannot_be_read_is_a_row_and_the_others_are_scored(tmp_path: Path) -> None:
    store = filled(tmp_path, [post(i, i, pictures=[i]) for i in (1, 2, 50, 4, 5)])
    fetch(store, tmp_path)
    missing = sorted((tmp_path / "media").rglob("*.jpg"))[0]
    broken = missing.read_bytes() == b"no picture"
    if not broken:
        missing.unlink()
    result = score(store, tmp_path, FakeEngine())
    assert (result.scored, result.errors) == ((4, 1) if broken else (3, 2))
    assert score(store, tmp_path, FakeEngine()).new == 0


def test_next_picture_of_a_group_is_scored_where_the_first_cannot_be_read(tmp_path: Path) -> None:
    store = filled(tmp_path, [post(1, 1, pictures=[1]), post(2, 2, pictures=[101]), post(3, 3, pictures=[2])])
    fetch(store, tmp_path)
    (first,) = [row for row in rows(store, "pictures")["pictures"] if row[1] == 1]
    (tmp_path / "media" / str(first[2])).unlink()
    result = score(store, tmp_path, FakeEngine())
    assert (result.scored, result.errors, result.new) == (2, 0, 3)


def test_pictures_of_the_look_back_alone_are_not_scored(tmp_path: Path) -> None:
    posts = [post(1, -60, pictures=[1]), post(2, -50, pictures=[2]), post(3, 5, pictures=[102])]
    store = filled(tmp_path, posts, lookback_pages=1)
    fetch(store, tmp_path)
    assert score(store, tmp_path, FakeEngine()).scored == 1


def test_summary_adds_up(tmp_path: Path) -> None:
    posts = [post(i, i, pictures=[i % 4, 10]) for i in range(1, 9)] + [post(20, 30, pictures=[50])]
    store = filled(tmp_path, posts)
    fetch(store, tmp_path)
    engine = FakeEngine()
    scored = score(store, tmp_path, engine)
    found = summarise(
        store, "at00abcd", model_version=engine.version, new_posts=9, run_cost_usd=0.5, report=tmp_path / "r.html"
    )
    assert list(found.as_dict()) == [
        "earthquake", "posts", "new_posts", "media", "fetched", "failed", "near_duplicates", "scored", "flagged",
        "skipped_lines", "cost_usd", "report", "latency",
    ]  # fmt: skip
    assert (found.earthquake, found.posts, found.media, found.fetched) == (EARTHQUAKE.id, 9, 17, 17)
    assert found.fetched - found.near_duplicates == found.scored + scored.errors == 6
    assert found.flagged == scored.flagged
