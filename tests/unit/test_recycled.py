"""Pictures that are older than the earthquake: found wherever the older post came from, and said so loudly."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from harvest_world import EARTHQUAKE, NOW, ORIGIN, FakeEngine, FakeSource, host, impatient, new_store, params, post
from report_views import read, table

from quakelens.earthquakes import Earthquake
from quakelens.harvest import fetch_pending, harvest_pages, score_pending
from quakelens.report.build import build_view
from quakelens.report.view import ReportView
from quakelens.report.write import write_report
from quakelens.sources.post import Post
from quakelens.store import Store

DAYS = 24 * 60.0
EARLIER = replace(
    EARTHQUAKE, id="us1", ids=("us1",), origin_time=ORIGIN - timedelta(days=5), magnitude=6.1, place="Elsewhere, Chile"
)
LATER = replace(EARTHQUAKE, id="us9", ids=("us9",), origin_time=ORIGIN + timedelta(days=5), place="Nowhere, Japan")


class All(FakeEngine):
    """Flags every picture."""

    def score(self, pictures, *, heatmaps=False):  # type: ignore[no-untyped-def]
        return [replace(each, probability=0.9, decision="damaged") for each in super().score(pictures)]


def harvest(store: Store, folder: Path, earthquake: Earthquake, *posts: Post, source: str = "x") -> None:
    posts = tuple(replace(each, source=source, url=f"https://{source}.example/{each.id}") for each in posts)
    harvest_pages(
        store, FakeSource(list(posts), name=source), earthquake, params().harvest, folder / "pages",
        earthquake.origin_time + timedelta(hours=6), queries=["quake"], lookback_pages=1, patience=impatient(),
    )  # fmt: skip
    fetch_pending(store, earthquake.id, folder / "media", params(), fetch=host(folder / "media"))
    score_pending(store, earthquake.id, All(), folder / "media", folder / "heatmaps", clock=lambda: NOW)


def view(store: Store, folder: Path, earthquake: Earthquake) -> ReportView:
    return build_view(
        store, earthquake.id, folder / "media", folder / "heatmaps", model_label="quakelens v3", model_version="3",
        model_note="measured", now=NOW,
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three earthquakes; the middle one's pictures repeat what two networks and the days before had."""
    store = new_store(tmp_path)
    harvest(
        store, tmp_path, EARLIER,
        post(11, -5 * DAYS + 9, pictures=[1], place="Valparaíso"), post(12, -5 * DAYS + 20, pictures=[5]),
    )  # fmt: skip
    harvest(store, tmp_path, EARLIER, post(21, -5 * DAYS + 30, pictures=[2]), source="bluesky")
    harvest(
        store, tmp_path, EARTHQUAKE,
        post(31, -600, pictures=[3]), post(32, -300, pictures=[103, 5]),  # of the look-back
        post(41, 5, pictures=[101]), post(42, 6, pictures=[202]), post(43, 7, pictures=[203]),
        post(44, 8, pictures=[4]), post(45, 9, pictures=[5]), post(46, 10, pictures=[104]),
    )  # fmt: skip
    harvest(store, tmp_path, LATER, post(51, 5 * DAYS + 5, pictures=[4]), post(52, 5 * DAYS + 6, pictures=[6]))
    return store


def test_the_older_post_is_found_in_other_harvests_look_backs_and_networks(store: Store, tmp_path: Path) -> None:
    found = view(store, tmp_path, EARTHQUAKE)
    told = {
        row.posts[-1].id: (
            row.earlier and (row.earlier.source, row.earlier.id),
            row.earlier_earthquake and row.earlier_earthquake.id,
        )
        for row in found.pictures
    }
    assert told == {
        "000041": (("x", "000011"), "us1"),  # smaller than the earlier one
        "000042": (("bluesky", "000021"), "us1"),  # mirrored
        "000043": (("x", "000031"), None),  # mirrored, and seen twice in the days before
        "000045": (("x", "000012"), "us1"),  # the older of two older posts
        "000046": (None, None),  # posted again for a later earthquake, which says nothing
    }
    assert found.counts.recycled == 4
    assert view(store, tmp_path, EARLIER).counts.recycled == 0
    (again,) = [row for row in view(store, tmp_path, LATER).pictures if row.recycled]
    assert (again.earlier and again.earlier.id, again.earlier_earthquake and again.earlier_earthquake.id) == (
        "000044",
        EARTHQUAKE.id,
    )


def test_all_posts_of_a_picture_are_kept_the_older_ones_too(store: Store, tmp_path: Path) -> None:
    posts = {row.posts[-1].id: [each.id for each in row.posts] for row in view(store, tmp_path, EARTHQUAKE).pictures}
    assert posts["000043"] == ["000031", "000032", "000043"]
    assert posts["000045"] == ["000012", "000032", "000045"]
    assert posts["000046"] == ["000044", "000046"]


def test_page_and_tables_say_when_where_and_link_to_the_earlier_post(store: Store, tmp_path: Path) -> None:
    files = write_report(view(store, tmp_path, EARTHQUAKE), tmp_path / "report")
    page = read(files)
    for words in (
        "RECYCLED first posted 26 Apr 2026, 12:09:00 UTC, 4 d 23 h before the earthquake, on X from Valparaíso, "
        "harvested for M 6.1, Elsewhere, Chile · Earlier post",
        "before the earthquake, on Bluesky, harvested for M 6.1, Elsewhere, Chile",
        "RECYCLED first posted 1 May 2026, 02:00:00 UTC, 10 h before the earthquake, on X · Earlier post",
    ):
        assert words in page.text, words
    links = {attrs.get("href") for attrs in page.all("a")}
    assert {f"https://x.example/{n}" for n in ("000011", "000031", "000012")} | {
        "https://bluesky.example/000021"
    } <= links
    assert len(page.all("article", "is-recycled")) == 4
    rows = table(files)
    told = {row["post_id"]: tuple(row[name] for name in ("recycled", "first_seen", *EARLIER_COLUMNS)) for row in rows}
    assert told["000042"] == ("true", "2026-04-26T12:30:00Z", "https://bluesky.example/000021", "bluesky", "us1")
    assert told["000043"] == ("true", "2026-05-01T02:00:00Z", "https://x.example/000031", "x", "")
    assert told["000046"] == ("false", "2026-05-01T12:08:00Z", "", "", "")
    features = json.loads(files.geojson.read_text(encoding="utf-8"))["features"]
    assert [f["properties"]["earlier_post"] or "" for f in features] == [row["earlier_post"] for row in rows]


EARLIER_COLUMNS = ("earlier_post", "earlier_source", "earlier_earthquake")


def test_an_earlier_post_whose_address_is_no_web_address_is_told_without_a_link(store: Store, tmp_path: Path) -> None:
    found = view(store, tmp_path, EARTHQUAKE)
    bad = tuple(
        replace(row, posts=tuple(replace(each, url="javascript:alert(1)") for each in row.posts))
        for row in found.pictures
    )
    files = write_report(replace(found, pictures=bad), tmp_path / "report")
    assert "Earlier post" not in read(files).text
    assert "RECYCLED first posted" in read(files).text
    assert {row["earlier_post"] for row in table(files)} == {""}
