"""Watching and harvesting on real Prefect and tweepy, against servers that behave like X and the USGS."""

import csv
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL
from sqlalchemy import select, update

from flows.harvest_and_score import harvest_and_score
from flows.watch import watch
from quakelens.demo.sample import Sample
from quakelens.demo.sample_products import UNID
from quakelens.demo.servers import Fault, Faults, FeedServer, XApi, demo_faults, read_products
from quakelens.demo.servers.jetstream import JetstreamServer
from quakelens.demo.servers.jetstream_events import Event, cid_of, commit, did_of, images, post_record, tid_of
from quakelens.errors import FeedError, ImageError, SourceError, UsageError
from quakelens.images import decode
from quakelens.registry.registry import Registry
from quakelens.settings import Settings, Workspace, store_url_of
from quakelens.sources import jetstream
from quakelens.sources.jetstream_reading import Pace
from quakelens.store import open_store
from quakelens.store.tables import metadata

TOKEN = "a-token-that-must-not-be-seen"


@dataclass
class World:
    """The stand-ins, and the time at which it is."""

    workspace: Workspace
    sample: Sample
    feed: FeedServer
    x: XApi
    now: datetime

    def rows(self, table: str) -> list[tuple[object, ...]]:
        """All rows of a table of the store, in a stable order."""
        store = open_store(store_url_of(Settings(), self.workspace))
        with store.read() as connection:
            found = [tuple(row) for row in connection.execute(select(metadata.tables[table]))]
        store.close()
        return sorted(found, key=repr)

    @property
    def report(self) -> Path:
        """The live earthquake's report."""
        return self.workspace.reports.path / "sample7001"


@pytest.fixture
def world(workspace: Workspace, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    now = datetime.fromisoformat(json.loads(sample.about.read_text(encoding="utf-8"))["now"])
    with (
        FeedServer(
            sample.feed, emsc=sample.emsc, products=read_products(json.loads(sample.products.read_bytes()))
        ) as feed,
        XApi(sample.posts, token=TOKEN, now=now, images_root=sample.live, faults=demo_faults()) as x,
    ):
        monkeypatch.setenv("QUAKELENS_USGS_FEED_URL", f"{feed.url}/feed.geojson")
        monkeypatch.setenv("QUAKELENS_USGS_EVENT_URL", f"{feed.url}/fdsnws/event/1/query")
        monkeypatch.setenv("QUAKELENS_SOURCES", "x")
        monkeypatch.setenv("QUAKELENS_EMSC_FEED_URL", f"{feed.url}/emsc/query")
        monkeypatch.setenv("QUAKELENS_X_BASE_URL", x.url)
        monkeypatch.setenv("QUAKELENS_X_BEARER_TOKEN", TOKEN)
        monkeypatch.setenv("QUAKELENS_MEDIA_ALLOW", x.address)
        yield World(workspace, sample, feed, x, now)


def start_harvest(world: World) -> "subprocess.Popen[str]":
    """Start the live earthquake's harvest in a process of its own, on the tests' Prefect server."""
    code = (
        "from datetime import datetime\n"
        "from quakelens.orchestration import load_flow, speak\n"
        "from quakelens.settings import read_settings, workspace_of\n"
        "speak(); flow = load_flow('harvest_and_score', workspace_of(read_settings()))\n"
        f"flow('sample7001', now=datetime.fromisoformat('{world.now.isoformat()}'))"
    )
    environment = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def test_an_earthquake_is_harvested_once_also_when_it_is_revised(world: World) -> None:
    (summary,) = watch(now=world.now)
    assert summary.earthquake == "sample7001"
    assert summary.posts == summary.new_posts == len(set(world.x.billed)) - 2  # two are of the look-back
    assert summary.media == summary.fetched + summary.failed
    assert summary.failed == 3  # cut off, a page, not there
    assert summary.near_duplicates > 5
    assert 0 < summary.flagged <= summary.scored
    assert len(world.x.billed) == len(set(world.x.billed))
    reasons = {row for row in world.rows("media") if "failed" in row}
    assert len(reasons) == 3

    before = {table: world.rows(table) for table in ("posts", "pictures", "scores", "media")}
    assert watch(now=world.now) == []
    world.feed.set(world.sample.feed_revised)
    assert watch(now=world.now) == []
    (revised,) = [row for row in world.rows("earthquakes") if row[0] == "sample7001"]
    assert "samplegr2026jrkx" in revised
    assert 6.5 in revised
    # By hand and by its new id: it is the same earthquake, and there is nothing new.
    again = harvest_and_score("samplegr2026jrkx", now=world.now)
    assert (again.new_posts, again.posts, again.cost_usd) == (0, summary.posts, 0)
    assert {table: world.rows(table) for table in before} == before
    assert len(world.x.billed) == len(set(world.x.billed))


def test_what_comes_out(world: World) -> None:
    champion = Registry(world.workspace, Settings()).champion()
    harvest_and_score("sample7001", now=world.now, notice="This is a drawn sample.")
    page = (world.report / "index.html").read_text(encoding="utf-8")
    assert "This is a drawn sample." in page
    assert f"quakelens v{champion}" in page
    assert "recycled" in page.lower()
    with (world.report / "posts.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["decision"] for row in rows} <= {"damaged", "unsure"}
    assert any(row["recycled"] == "true" for row in rows)
    assert any(int(row["near_duplicates"]) > 0 for row in rows)
    features = json.loads((world.report / "posts.geojson").read_text(encoding="utf-8"))["features"]
    assert len(features) == len(rows)
    heatmaps = list(world.workspace.heatmaps.path.rglob("*.png"))
    assert heatmaps
    assert {path.parts[-3] for path in heatmaps} == {champion}
    # Raw pages as they came; no token anywhere.
    assert list(world.workspace.pages.path.rglob("*.gz"))
    for path in world.workspace.root.rglob("*"):
        if path.is_file() and "dvc" not in path.parts[-3:]:
            assert TOKEN.encode() not in path.read_bytes(), path


def test_the_next_run_uses_the_new_champion(world: World) -> None:
    first = harvest_and_score("sample7001", model="starter", now=world.now)
    second = harvest_and_score("sample7001", now=world.now)
    assert second.new_posts == 0
    models = {row[1] for row in world.rows("scores")}
    assert models == {"starter", "1"}
    assert first.scored == second.scored


@pytest.mark.parametrize("after", [r" x: \d+ posts, ", r" pictures: \d+, \d+ fetched", r": \d+ scored, "])
def test_killed_in_the_middle_and_run_again_it_completes(world: World, after: str) -> None:
    # `after`: what the run says of a step that has just ended; no answer of X is under way then, so none is sold twice.
    process = start_harvest(world)
    assert process.stderr is not None
    for line in process.stderr:
        if re.search(after, line):
            break
    else:
        pytest.fail("it ended before it could be killed")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()
    summary = harvest_and_score("sample7001", now=world.now)
    assert summary.posts == len({row[:2] for row in world.rows("posts")}) - 2
    assert summary.fetched + summary.failed == summary.media
    assert summary.failed == 3
    assert len(world.x.billed) == len(set(world.x.billed))
    assert len(world.rows("scores")) == len({row[:2] for row in world.rows("scores")}) == summary.scored
    assert (world.report / "index.html").is_file()
    assert not [path for path in world.workspace.root.rglob(".*-*") if path.is_file() and "media" in path.parts]


def test_killed_again_and_again_while_pictures_come_it_completes(world: World) -> None:
    fetched: list[int] = []
    for pictures in (4, 15, 30):
        process = start_harvest(world)
        while len(world.x.pictures_sent) < pictures and process.poll() is None:
            time.sleep(0.01)
        assert process.poll() is None, "it ended before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        fetched.append(len([row for row in world.rows("media") if "fetched" in row]))
    assert fetched == sorted(fetched)
    assert fetched[-1] > 0
    summary = harvest_and_score("sample7001", now=world.now)
    assert summary.fetched + summary.failed == summary.media
    assert summary.failed == 3
    assert len(world.rows("scores")) == len({row[:2] for row in world.rows("scores")})
    assert [row[2] for row in sorted(world.rows("runs"), key=lambda row: str(row[8]))] == ["lost"] * 3 + ["done"]
    assert not [path for path in world.workspace.root.rglob(".*-*") if path.is_file() and "media" in path.parts]


def archived_ids(world: World) -> set[str]:
    """Posts of the pages that are in the archive: one line about the request, then the response as it came."""
    pages = (gzip.decompress(path.read_bytes()) for path in world.workspace.pages.path.rglob("*.gz"))
    return {post["id"] for page in pages for post in json.loads(page.partition(b"\n")[2]).get("data", [])}


def test_killed_while_pages_come_it_pays_for_no_page_twice(world: World) -> None:
    text = world.workspace.params.read_text(encoding="utf-8").replace("  page_size: 100", "  page_size: 20")
    world.workspace.params.write_text(text, encoding="utf-8")
    world.x.faults = Faults({3: Fault("slow", 3.0)})
    process = start_harvest(world)
    deadline = time.monotonic() + 120
    while len(world.x.searches) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert len(world.x.searches) == 3
    archived = archived_ids(world)
    assert len(archived) > 20
    time.sleep(4)  # the answer that was on its way when the process died is lost, though X bills it
    lost = len(world.x.billed)
    summary = harvest_and_score("sample7001", now=world.now)
    assert summary.posts == len({row[:2] for row in world.rows("posts")}) - 2
    afterwards = world.x.billed[lost:]
    assert len(afterwards) == len(set(afterwards))
    assert not archived & set(afterwards)


def test_a_source_that_refuses_fails_the_run_but_keeps_what_came(world: World) -> None:
    world.x.faults = Faults({1: Fault("402")})
    with pytest.raises(SourceError, match="credits"):
        harvest_and_score("sample7001", now=world.now)
    assert (world.report / "index.html").is_file()
    (poll,) = world.rows("polls")
    assert "refused" in poll
    world.x.faults = Faults()
    assert harvest_and_score("sample7001", now=world.now).new_posts > 30
    assert [row for row in world.rows("runs") if "done" in row]


def test_bad_feeds_are_an_error_and_lose_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUAKELENS_EMSC_FEED_URL", "")
    world.feed.set(world.sample.feed.read_bytes()[:500])
    with pytest.raises(FeedError, match="cut off"):
        watch(now=world.now)
    world.feed.set(b'{"type": "FeatureCollection", "metadata": {}, "features": []}')
    assert watch(now=world.now) == []
    assert world.x.searches == []


def test_the_emsc_alone_starts_a_harvest_which_the_usgs_joins_later(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    empty = b'{"type": "FeatureCollection", "metadata": {}, "features": []}'
    world.feed.set(empty)
    (summary,) = watch(now=world.now)
    assert summary.earthquake == UNID
    assert summary.new_posts > 30
    world.feed.set(world.sample.feed)
    assert watch(now=world.now) == []
    (row,) = [row for row in world.rows("earthquakes") if row[0] == UNID]
    assert "sample7001" in row  # the key stays, the values are the USGS's
    assert "orange" in row  # from the detail: the feed has no alert yet
    # The EMSC is down: the USGS's feed is read all the same, and nothing is started twice.
    monkeypatch.setenv("QUAKELENS_EMSC_FEED_URL", f"{world.feed.url}/nothing-here")
    assert watch(now=world.now) == []
    assert "EMSC" in caplog.text
    again = harvest_and_score(UNID, now=world.now)
    assert (again.earthquake, again.new_posts, again.posts) == ("sample7001", 0, summary.posts)


def test_x_without_a_token_says_what_to_set(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUAKELENS_X_BEARER_TOKEN")
    with pytest.raises(UsageError, match="QUAKELENS_X_BEARER_TOKEN"):
        harvest_and_score("sample7001", now=world.now)


def is_whole(path: Path) -> bool:
    """Whether a picture is none of those that the sample breaks on purpose."""
    try:
        decode(path.read_bytes())
    except ImageError:
        return False
    return True


def test_an_archive_is_scored_and_reported_like_any_network_without_asking_one(world: World, tmp_path: Path) -> None:
    pictures = [path for path in sorted(world.sample.live.rglob("*.jpg")) if is_whole(path)][:6]
    assert len(pictures) == 6
    lines = ["tweet_id\timage_id\ttweet_text\timage_path"]
    for number, path in enumerate(pictures):
        post = ((int(world.now.timestamp() * 1000) - 1_288_834_974_657) << 22) + number  # X's ids hold the time
        lines.append(f"{post}\t{post}_0\twords {number}\tdata_image/{number}.jpg")
        (tmp_path / "set" / "data_image").mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / "data_image" / f"{number}.jpg").write_bytes(path.read_bytes())
    (tmp_path / "set" / "table.tsv").write_text("\n".join([*lines, "a broken row"]), encoding="utf-8")
    source = f"archive:{tmp_path / 'set'}"
    summary = harvest_and_score("sample7001", sources=[source], now=world.now)
    assert (summary.new_posts, summary.media, summary.failed, summary.skipped_lines) == (6, 6, 0, 1)
    assert summary.scored > 0 and summary.cost_usd == 0
    assert (world.report / "index.html").is_file()
    assert world.x.searches == []
    again = harvest_and_score("sample7001", sources=[source], now=world.now)
    assert (again.new_posts, again.posts, again.skipped_lines) == (0, summary.posts, 1)
    assert "archive" not in {str(row[1]).partition(":")[0] for row in world.rows("posts")}


def with_a_second_earthquake(feed: bytes) -> bytes:
    """The feed with an earthquake of the same hour on the other side of the world."""
    document = json.loads(feed)
    (first,) = [each for each in document["features"] if each["id"] == "sample7001"]
    other = json.loads(json.dumps(first))
    other["id"] = "sample7999"
    other["properties"] |= {
        "ids": ",sample7999,",
        "code": "7999",
        "detail": None,
        "place": "offshore Chile",
        "mag": 6.9,
    }
    other["geometry"]["coordinates"] = [-72.0, -33.0, 20.0]
    document["features"].append(other)
    return json.dumps(document).encode()


def test_each_network_of_each_earthquake_is_followed_up_when_its_own_poll_is_due(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def posted(number: int, at: datetime) -> Event:
        record = post_record("Earthquake! A wall came down", at, embed=images([cid_of(b"%d" % number)]))
        return commit(did_of(f"author{number}"), at, "create", tid_of(at, number), record)

    monkeypatch.setenv("QUAKELENS_EMSC_FEED_URL", "")
    world.feed.set(with_a_second_earthquake(world.sample.feed.read_bytes()))
    world.x.faults = Faults({1: Fault("429-reset", 900.0)})  # longer than a run waits, and for all that follow
    earlier = [posted(number, world.now - timedelta(minutes=10 + number)) for number in range(3)]
    at = [world.now]

    def present() -> float:
        return at[0].timestamp()

    # The stream is read up to its present, which here lies months back.
    monkeypatch.setattr(jetstream, "Pace", partial(Pace, clock=present))
    with JetstreamServer(earlier, now=at[0]) as bluesky:
        monkeypatch.setenv("QUAKELENS_SOURCES", "x,bluesky")
        monkeypatch.setenv("QUAKELENS_BLUESKY_JETSTREAM_URLS", bluesky.url)
        monkeypatch.setenv("QUAKELENS_BLUESKY_CDN_URL", world.x.url)

        # X is limited: that stops neither Bluesky nor the other earthquake.
        both = watch(now=world.now)
        assert {each.earthquake for each in both} == {"sample7001", "sample7999"}
        assert [each.new_posts for each in both] == [3, 3]
        assert len(world.x.searches) == 2
        polls = {(row[0], row[1]): row for row in world.rows("polls")}
        assert {key: row[4] for key, row in polls.items()} == {
            ("sample7001", "bluesky"): "done", ("sample7001", "x"): "limited",
            ("sample7999", "bluesky"): "done", ("sample7999", "x"): "limited",
        }  # fmt: skip
        for row in (row for key, row in polls.items() if key[1] == "bluesky"):
            assert timedelta(minutes=10) <= row[3] - world.now < timedelta(minutes=13)  # the clock goes on
        resets = [row[3] - datetime.now(UTC) for key, row in polls.items() if key[1] == "x"]
        assert all(timedelta(minutes=10) < each < timedelta(minutes=16) for each in resets)

        # Nothing is due before its time.
        assert watch(now=world.now + timedelta(minutes=9)) == []

        # Then only Bluesky is, and it gives only what is new.
        later = world.now + timedelta(minutes=14)
        bluesky.add(posted(7, world.now + timedelta(minutes=5)))
        at[0] = later
        bluesky.move_to(later)
        assert [each.new_posts for each in watch(now=later)] == [1, 1]
        assert len(world.x.searches) == 2

        # X's time has come for one of the earthquakes (the clock of its limits is the real one).
        store = open_store(store_url_of(Settings(), world.workspace))
        with store.write() as connection:
            table = metadata.tables["polls"]
            which = (table.c.earthquake == "sample7001") & (table.c.source == "x")
            connection.execute(update(table).where(which).values(next_at=later + timedelta(minutes=1)))
        store.close()
        asked = len(bluesky.cursors)
        (summary,) = watch(now=later + timedelta(minutes=1))
        assert summary.earthquake == "sample7001"
        assert (len(world.x.searches), len(bluesky.cursors)) == (3, asked)
