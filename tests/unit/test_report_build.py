from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from harvest_world import EARTHQUAKE, NOW, ORIGIN, FakeEngine, FakeSource, host, impatient, new_store, params, post

from quakelens.engine.engine import Verdict
from quakelens.errors import UsageError
from quakelens.harvest import fetch_pending, harvest_pages, score_pending
from quakelens.report.build import build_view
from quakelens.report.view import ReportView
from quakelens.report.write import write_report
from quakelens.sources.post import Post
from quakelens.store import Store

HEATMAP = np.full((7, 7), 200, np.uint8)
SCORED = NOW + timedelta(minutes=1)


class Flagging(FakeEngine):
    """Flags everything, the first picture with 0.95, the next with 0.90, and so on."""

    def score(self, pictures, *, heatmaps=False):  # type: ignore[no-untyped-def]
        verdicts = super().score(pictures, heatmaps=True)
        return [
            verdict
            if verdict.error
            else Verdict(0.95 - 0.05 * at, "damaged" if at < 2 else "unsure", HEATMAP, (0, 0, 1, 1))
            for at, verdict in enumerate(verdicts)
        ]


def harvest(store: Store, folder: Path, posts: list[Post], earthquake=EARTHQUAKE, engine=None):  # type: ignore[no-untyped-def]
    harvest_pages(
        store, FakeSource(posts), earthquake, params().harvest, folder / "pages", NOW, queries=["quake"],
        lookback_pages=1, patience=impatient(),
    )  # fmt: skip
    fetch_pending(store, earthquake.id, folder / "media", params(), fetch=host(folder / "media"))
    score_pending(
        store, earthquake.id, engine or Flagging(), folder / "media", folder / "heatmaps", clock=lambda: SCORED
    )


def view(store: Store, folder: Path, earthquake_id: str = EARTHQUAKE.id, version: str = "3") -> ReportView:
    return build_view(
        store, earthquake_id, folder / "media", folder / "heatmaps", model_label="quakelens v3",
        model_version=version, model_note="measured", now=NOW, notice="drawn",
        window_end=ORIGIN + timedelta(hours=72),
    )  # fmt: skip


def test_pictures_come_most_probable_first_with_all_their_posts_oldest_first(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    posts = [post(1, 10, pictures=[1]), post(2, 4, pictures=[2]), post(3, 2, pictures=[101, 3]), post(4, 30)]
    harvest(store, tmp_path, posts)
    found = view(store, tmp_path)
    assert [row.probability for row in found.pictures] == pytest.approx([0.95, 0.90, 0.85])
    assert [row.decision for row in found.pictures] == ["damaged", "damaged", "unsure"]
    (both,) = [row for row in found.pictures if len(row.posts) == 2]
    assert [each.id for each in both.posts] == ["000003", "000001"]
    assert (both.copies, both.first_seen, both.recycled) == (2, ORIGIN + timedelta(minutes=2), False)
    for row in found.pictures:
        assert row.file.is_file()
        assert row.heatmap is not None
        assert row.heatmap.is_file()
    assert (found.model, found.model_note, found.notice) == ("quakelens v3", "measured", "drawn")


def test_counts_add_up_and_reasons_are_counted(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    posts = [post(i, i, pictures=[i], latitude=37.0, longitude=37.0) for i in (1, 2)]
    posts += [post(3, 3, pictures=[1, 50]), post(4, 4)]
    gone = replace(post(5, 5, pictures=[9]).media[0], url="https://host.example/gone")
    posts.append(replace(post(5, 5), media=(gone,)))
    harvest(store, tmp_path, posts)
    counts = view(store, tmp_path).counts
    assert (counts.posts, counts.posts_located) == (5, 2)
    assert (counts.pictures, counts.fetched, counts.failed, counts.near_duplicates) == (5, 4, 1, 1)
    assert (counts.scored, counts.damaged, counts.unsure, counts.not_damaged) == (2, 2, 0, 0)
    assert view(store, tmp_path).failures == (("gone", 1), ("not_an_image", 1))


def test_picture_seen_before_the_origin_time_is_recycled(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    posts = [post(1, -600, pictures=[101]), post(2, 5, pictures=[1]), post(3, 6, pictures=[2])]
    harvest(store, tmp_path, posts)
    found = view(store, tmp_path)
    assert found.counts.recycled == 1
    (old,) = [row for row in found.pictures if row.recycled]
    assert [each.id for each in old.posts] == ["000001", "000002"]
    assert old.first_seen == ORIGIN - timedelta(minutes=600)
    assert found.counts.posts == 2


def test_picture_of_an_earlier_earthquake_is_recycled_in_the_later_only(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    month = timedelta(days=3)
    earlier = replace(EARTHQUAKE, id="us1", ids=("us1",), origin_time=ORIGIN - month, place="Elsewhere, Chile")
    first = [post(1, -3 * 24 * 60 + 5, pictures=[1])]
    harvest(store, tmp_path, first, earlier)
    harvest(store, tmp_path, [post(2, 5, pictures=[1]), post(3, 9, pictures=[3])])
    later = view(store, tmp_path)
    assert [(row.recycled, len(row.posts)) for row in later.pictures if row.posts[-1].id == "000002"] == [(True, 2)]
    before = view(store, tmp_path, "us1")
    assert [[each.id for each in row.posts] for row in before.pictures] == [["000001"]]
    assert before.counts.recycled == 0


def test_latency_is_from_the_first_post_to_the_flag(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    minutes = (301, 311, 331, 361)
    posts = [post(i, at, pictures=[i]) for i, at in enumerate(minutes, start=1)]
    posts += [post(20, 360.5, pictures=[1]), post(0, -60, pictures=[4])]  # a later copy, and a recycled one
    harvest(store, tmp_path, posts)
    latency = view(store, tmp_path).latency_s
    assert latency is not None
    assert latency[0] == 50 * 60
    assert latency[1] == pytest.approx(59 * 60)


def test_scores_of_another_version_are_not_shown(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    harvest(store, tmp_path, [post(1, 1, pictures=[1]), post(2, 2, pictures=[2])])
    other = view(store, tmp_path, version="4")
    assert (other.pictures, other.counts.scored, other.latency_s) == ((), 0, None)


def test_view_of_a_harvest_is_written_as_a_report(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    harvest(store, tmp_path, [post(i, i, pictures=[i], latitude=37.0, longitude=37.1) for i in range(1, 5)])
    files = write_report(view(store, tmp_path), tmp_path / "report")
    assert len(files.csv.read_text(encoding="utf-8").splitlines()) == 5


def test_unknown_earthquake_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="us0"):
        view(new_store(tmp_path), tmp_path, "us0")
