"""Bluesky's stream, read from the stand-in by the real client."""

from __future__ import annotations

import json
import random
import time
import tracemalloc
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from bluesky_world import NOW, TOPIC, deleted, left, others, uri, wanted
from harvest_world import EARTHQUAKE, ORIGIN, impatient, new_store, params, rows

from quakelens.demo.servers.jetstream import JetstreamServer, StreamFault
from quakelens.demo.servers.jetstream_events import Event, did_of, identity
from quakelens.errors import RateLimited, SourceRefused, SourceUnavailable, UsageError
from quakelens.harvest import harvest_pages
from quakelens.harvest.pages import PagesResult
from quakelens.sources import Gone, Page, Source
from quakelens.sources.jetstream import JetstreamSource
from quakelens.sources.jetstream_page import KnownPosts, NothingKnown
from quakelens.sources.jetstream_reading import Pace
from quakelens.store import Store
from quakelens.store.known import Known

FORMS = pytest.mark.parametrize("second", [False, True], ids=["first-form", "second-form"])


def pace(now: datetime = NOW, **more: object) -> Pace:
    values = {"clock": now.timestamp, "silence_s": 0.3, "open_s": 2.0, "sleep": lambda _: None, **more}
    return Pace(**values)  # type: ignore[arg-type]


def source(*servers: JetstreamServer, second: bool = False, known: KnownPosts | None = None, **more: object) -> Source:
    urls = [server.second_url if second else server.url for server in servers]
    return JetstreamSource(urls, known=known or NothingKnown(), pace=pace(**more))


def ask(opened: Source, *, token: str | None = None, since: str | None = None, size: int = 100,
        start: datetime = ORIGIN, end: datetime | None = None) -> Page:  # fmt: skip
    return opened.search(
        opened.queries(TOPIC)[0], start_time=start, end_time=end, since_id=since, next_token=token, page_size=size
    )


def ids(opened: Source, *pages: Page) -> list[str]:
    return [post.id for page in pages for post in opened.parse(page.raw).posts]


@dataclass
class KnownIds:
    ids: set[str]
    asked: int = 0
    calls: list[int] = field(default_factory=list)

    def posts(self, ids: Collection[str]) -> set[str]:
        self.calls.append(len(ids))
        return self.ids & set(ids)

    def authors(self, ids: Collection[str]) -> set[str]:
        return {each.split("/")[2] for each in self.ids} & set(ids)


@FORMS
def test_a_page_holds_the_posts_that_matter_and_nothing_of_strangers(second: bool) -> None:
    found = [wanted(i, 10 * i) for i in range(1, 8)]
    with JetstreamServer([*others(400), *found], now=NOW) as server:
        opened = source(server, second=second)
        page = ask(opened)
        assert ids(opened, page) == [uri(each) for each in found]
        assert page.next_token is None
        assert page.newest_id is not None
        assert b"cat" not in page.raw
        assert b"they say" not in page.raw
        assert did_of("stranger1").encode() not in page.raw
        parsed = opened.parse(page.raw)
        assert parsed.problems == ()
        assert not parsed.gone
        first = parsed.posts[0]
        assert first.created_at == ORIGIN + timedelta(seconds=10)
        assert first.author_id == did_of("author1")
        assert first.url == f"https://bsky.app/profile/{first.author_id}/post/{first.id.rpartition('/')[2]}"
        (picture,) = first.media
        assert picture.url.startswith(f"https://cdn.bsky.app/img/feed_fullsize/plain/{first.author_id}/bafkrei")
        assert picture.url.endswith("@jpeg")
        assert (picture.alt_text, picture.width, picture.kind) == ("a wall", None, "photo")


@FORMS
def test_pages_go_on_where_the_last_one_ended_and_the_next_search_where_the_walk_did(second: bool) -> None:
    found = [wanted(i, 2 * i) for i in range(1, 26)]  # many within the overlap
    with JetstreamServer([*others(300), *found], now=NOW) as server:
        opened = source(server, second=second)
        pages = [ask(opened, size=10)]
        while pages[-1].next_token is not None:
            pages.append(ask(opened, token=pages[-1].next_token, size=10))
        assert ids(opened, *pages) == [uri(each) for each in found]
        server.move_to(NOW + timedelta(minutes=5))
        later = wanted(99, 6 * 3600 + 60)
        server.add(later)
        opened = source(server, second=second, now=NOW + timedelta(minutes=5))
        again = ask(opened, since=pages[-1].newest_id)
        assert ids(opened, again) == [uri(later)]
        assert server.cursors[-1] == int(str(pages[-1].newest_id).partition("~")[0]) - 5_000_000


def test_tiny_pages_within_the_overlap_bring_each_post_once() -> None:
    found = [wanted(i, 30 + i / 10) for i in range(40)]
    with JetstreamServer(found, now=NOW) as server:
        opened, pages, token = source(server), [], None
        for _ in range(60):
            pages.append(ask(opened, token=token, size=1))
            token = pages[-1].next_token
            if token is None:
                break
        assert ids(opened, *pages) == [uri(each) for each in found]


def test_the_window_has_an_end() -> None:
    found = [wanted(i, 60 * i) for i in range(1, 10)]
    with JetstreamServer(found, now=NOW) as server:
        opened = source(server)
        page = ask(opened, end=ORIGIN + timedelta(seconds=301))
        assert len(ids(opened, page)) == 5
        assert page.next_token is None
        connections = len(server.cursors)
        done = ask(opened, since=page.newest_id, end=ORIGIN + timedelta(seconds=301))
        assert done.next_token is None
        assert len(server.cursors) == connections


def test_deletions_of_what_is_known_are_told_and_strangers_are_not() -> None:
    old, new, kept, gone_author = wanted(1, 10), wanted(2, 20), wanted(3, 30), wanted(4, 40)
    elsewhere = wanted(7, -500)
    edited = {**wanted(5, 50), "time_us": wanted(5, 90)["time_us"]}
    edited["commit"] = {**edited["commit"], "operation": "update", "record": {"text": "nothing to see", "langs": []}}
    events = [
        *others(200), new, kept, gone_author, wanted(5, 50), deleted(old, 60), deleted(new, 61),
        left(gone_author, 62), left(kept, 63, "throttled"), edited, left(elsewhere, 64, "takendown"),
        identity(kept["did"], ORIGIN + timedelta(seconds=70), "mary.bsky.social"),
    ]  # fmt: skip
    with JetstreamServer(events, now=NOW) as server:
        known = KnownIds({uri(old), uri(elsewhere)})
        opened = source(server, known=known)
        parsed = opened.parse(ask(opened).raw)
        assert [(post.id, post.author) for post in parsed.posts] == [(uri(kept), "mary.bsky.social")]
        assert parsed.gone == Gone(
            frozenset({uri(old), uri(new), uri(edited)}), frozenset({gone_author["did"], elsewhere["did"]})
        )
        assert len(known.calls) == 1  # all at once


def test_an_account_that_came_back_is_there() -> None:
    found = wanted(1, 10)
    with JetstreamServer([found, left(found, 20, "deactivated"), left(found, 30, None)], now=NOW) as server:
        opened = source(server)
        parsed = opened.parse(ask(opened).raw)
        assert [post.id for post in parsed.posts] == [uri(found)]
        assert not parsed.gone


def test_without_a_picture_or_a_word_a_post_is_left_where_it_is() -> None:
    texts = ["EARTHQUAKE", "depremde", "#izmirdeprem", "大地震だ", "Dépremi", "nothing", "earth quake", "seadeprem"]
    found = [wanted(i, 10 * i, text) for i, text in enumerate(texts, start=1)]
    described = wanted(20, 200, "look")
    described["commit"]["record"]["embed"]["images"][0]["alt"] = "damage of the earthquake"
    with JetstreamServer([*found, described], now=NOW) as server:
        opened = source(server)
        assert [post.text for post in opened.parse(ask(opened).raw).posts] == [*texts[:5], "look"]


@pytest.mark.parametrize("faults", [{1: StreamFault(cut_after=60), 2: StreamFault(cut_after=150)}])
@FORMS
def test_a_connection_that_is_cut_is_taken_up_where_it_was(faults: dict[int, StreamFault], second: bool) -> None:
    found = [wanted(i, 5 * i) for i in range(1, 31)]
    with JetstreamServer([*others(800), *found], now=NOW, faults=faults) as server:
        opened = source(server, second=second)
        page = ask(opened)
        assert ids(opened, page) == [uri(each) for each in found]
        assert len(server.cursors) == 3
        assert opened.parse(page.raw).problems == ()


def test_a_connection_that_is_taken_up_does_not_bring_what_was_before_the_start() -> None:
    found = [wanted(i, i - 3) for i in range(1, 9)]  # two of them before it
    with JetstreamServer(found, now=NOW, faults={1: StreamFault(cut_after=3)}) as server:
        opened = source(server)
        assert ids(opened, ask(opened)) == [uri(each) for each in found[2:]]
        assert server.cursors[1] is not None
        assert server.cursors[1] < ORIGIN.timestamp() * 1e6


def test_the_next_host_is_asked_where_one_fails() -> None:
    found = [wanted(i, 10 * i) for i in range(1, 5)]
    broken = {n: StreamFault(status=503) for n in range(1, 9)}
    with JetstreamServer(found, now=NOW, faults=broken) as bad, JetstreamServer(found, now=NOW) as good:
        opened = source(bad, good)
        assert len(ids(opened, ask(opened))) == 4
        assert len(bad.cursors) == 1
        ask(opened)
        assert len(bad.cursors) == 1  # it goes on with the one that answered


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (StreamFault(status=503), SourceUnavailable),
        (StreamFault(status=429), RateLimited),
        (StreamFault(status=403), SourceRefused),
        (StreamFault(silent=True), SourceUnavailable),
        (StreamFault(cut_after=0), SourceUnavailable),
    ],
)
def test_a_source_that_gives_nothing_says_why(fault: StreamFault, error: type[Exception]) -> None:
    with JetstreamServer(now=NOW, faults=dict.fromkeys(range(1, 20), fault)) as server:
        opened = source(server)
        with pytest.raises(error):
            ask(opened)
        assert len(server.cursors) == 4


def test_what_came_before_the_host_went_away_is_kept() -> None:
    found = [wanted(i, 10 * i) for i in range(1, 20)]
    faults = {1: StreamFault(cut_after=8), **dict.fromkeys(range(2, 20), StreamFault(status=502))}
    with JetstreamServer(found, now=NOW, faults=faults) as server:
        opened = source(server)
        page = ask(opened)
        assert ids(opened, page) == [uri(each) for each in found[:7]]
        assert page.next_token is not None
        server.faults = {}
        assert ids(opened, ask(opened, token=page.next_token)) == [uri(each) for each in found[7:]]


def test_a_host_that_nobody_listens_at_is_unavailable() -> None:
    with JetstreamServer(now=NOW) as server:
        opened = source(server)
    with pytest.raises(SourceUnavailable):
        ask(opened)


def test_hosts_whose_clocks_differ_lose_and_double_nothing() -> None:
    found = [wanted(i, 10 + i / 2) for i in range(60)]
    behind = [{**event, "time_us": event["time_us"] - 3_000_000} for event in found]
    ahead = [{**event, "time_us": event["time_us"] + 2_000_000} for event in found]
    cuts = {n: StreamFault(cut_after=25) for n in range(1, 3)}
    with (
        JetstreamServer(found, now=NOW, faults=cuts) as first,
        JetstreamServer(behind, now=NOW, faults=cuts) as second,
        JetstreamServer(ahead, now=NOW) as third,
    ):
        opened = source(first, second, third)
        assert ids(opened, ask(opened)) == [uri(each) for each in found]
        assert len(third.cursors) == 1


def test_garbage_among_the_frames_is_counted() -> None:
    found = [wanted(i, 10 * i) for i in range(1, 10)]
    future = {**found[0], "time_us": found[0]["time_us"] * 2}
    with JetstreamServer([*found, future], now=NOW, faults={1: StreamFault(garbage_every=4)}) as server:
        opened = source(server)
        page = ask(opened)
        assert ids(opened, page) == [uri(each) for each in found]
        (problem,) = opened.parse(page.raw).problems
        assert problem.endswith("frames of Bluesky's stream could not be read")
        assert page.newest_id is not None
        assert int(page.newest_id.partition("~")[0]) <= NOW.timestamp() * 1e6


@FORMS
def test_a_frame_beyond_all_measure_does_not_stop_the_stream(second: bool) -> None:
    found = [wanted(i, 10 * i) for i in range(1, 6)]
    found[2]["commit"]["record"]["alt"] = "x" * 5_000_000
    with JetstreamServer(found, now=NOW) as server:
        opened = source(server, second=second)
        assert ids(opened, ask(opened)) == [uri(each) for each in (*found[:2], *found[3:])]
        assert len(server.cursors) == 1


@FORMS
def test_a_memory_that_does_not_reach_back_is_said(second: bool) -> None:
    found = [wanted(i, 1000 * i) for i in range(1, 20)]
    with JetstreamServer(found, now=NOW, reach=timedelta(hours=3)) as server:
        opened = source(server, second=second)
        page = ask(opened)
        problems = " ".join(opened.parse(page.raw).problems)
        assert "keeps nothing between 2026-05-01 12:00 and 2026-05-01 15:00 UTC" in problems
        assert "180 minutes were not reached" in problems
        assert ("OutdatedCursor" in problems) is second
        assert ids(opened, page) == [uri(each) for each in found[10:]]


def test_a_cursor_that_is_refused_as_too_old_is_moved_to_where_the_memory_starts() -> None:
    found = [wanted(i, 3600 * i) for i in range(1, 5)]
    with JetstreamServer(found, now=NOW) as server:
        opened = source(server, second=True)
        page = ask(opened, start=datetime(1990, 1, 1, tzinfo=ORIGIN.tzinfo))
        assert ids(opened, page) == [uri(each) for each in found]
        problems = " ".join(opened.parse(page.raw).problems)
        assert "from 1990-01-01 00:00 UTC any more: posts until 2026-04-30 06:01 UTC were not reached" in problems


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_wrong_does_not_read_for_ever(hours: int) -> None:
    found = [wanted(i, 600 * i) for i in range(1, 20)]
    with JetstreamServer(found, now=NOW) as server:
        opened = source(server, now=NOW + timedelta(hours=hours), page_s=0.2)
        pages = [ask(opened)]
        while pages[-1].next_token is not None:
            pages.append(ask(opened, token=pages[-1].next_token))
        assert len(pages) < 4
        assert ids(opened, *pages) == [uri(each) for each in found]


def test_marks_and_addresses_of_something_else_are_refused() -> None:
    with JetstreamServer(now=NOW) as server, pytest.raises(SourceRefused):
        ask(source(server), token="b26v89c19zqg8o3fr5h2")
    for url in ("https://jetstream.example/subscribe", "jetstream.example", "wss://", "wss://a@b/subscribe"):
        with pytest.raises(UsageError):
            JetstreamSource([url])
    with pytest.raises(UsageError):
        JetstreamSource(["wss://x.example"]).queries(type(TOPIC)(words=()))
    with pytest.raises(SourceRefused):
        JetstreamSource(["wss://x.example"]).count("", start_time=NOW, end_time=None, since_id=None)


def test_nothing_of_a_post_that_is_redacted_is_left() -> None:
    found = [wanted(i, 10 * i) for i in range(1, 6)]
    quote = wanted(9, 80)
    embed = quote["commit"]["record"]["embed"]
    quote["commit"]["record"]["embed"] = {
        "$type": "app.bsky.embed.recordWithMedia",
        "media": embed,
        "record": {"record": {"uri": uri(found[0]), "cid": "bafyrei"}},
    }
    with JetstreamServer([*found, quote, identity(found[1]["did"], ORIGIN, "x.example")], now=NOW) as server:
        opened = source(server)
        raw = ask(opened).raw
    less = opened.redact(raw, posts={uri(found[0])}, authors={found[1]["did"]})
    assert uri(found[0]).encode() in raw
    for trace in (uri(found[0]), found[1]["did"], found[0]["commit"]["rkey"]):
        assert trace.encode() not in less
    assert [post.id for post in opened.parse(less).posts] == [uri(each) for each in [*found[2:], quote]]
    assert opened.redact(b"no page", posts={"a"}, authors=()) == b""


def harvest(
    store: Store, folder: Path, opened: Source, now: datetime = NOW, on_gone: Callable[[str, Gone], None] | None = None
) -> PagesResult:
    section = params(page_size=10)
    return harvest_pages(
        store, opened, EARTHQUAKE, section.harvest, folder / "pages", now, queries=opened.queries(TOPIC),
        patience=impatient(), on_gone=on_gone,
    )  # fmt: skip


def test_a_harvest_over_cuts_and_kills_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    found = [wanted(i, 3 * i) for i in range(1, 120)]
    events = [*others(2000), *found]
    wanted_rows = None
    for trial in range(6):
        folder = tmp_path / str(trial)
        folder.mkdir()
        store = new_store(folder)
        chance = random.Random(trial)
        faults = {n: StreamFault(cut_after=chance.randrange(5, 400)) for n in range(1, 60)} if trial else {}
        with JetstreamServer(events, now=NOW, faults=faults) as server:
            for _ in range(40):
                opened = Dying(source(server, known=Known(store, "bluesky")), chance.randrange(1, 4) if trial else 99)
                try:
                    result = harvest(store, folder, opened)
                except Killed:
                    continue
                if result.state == "done":
                    break
            assert result.state == "done"
        found_rows = rows(store, "posts", "earthquake_posts", "media", "post_media")
        assert len(found_rows["posts"]) == len(found)
        with store.read() as connection:
            from quakelens.store.tables import pages

            assert sum(connection.scalars(pages.select().with_only_columns(pages.c.posts))) == len(found)
        wanted_rows = wanted_rows or found_rows
        assert found_rows == wanted_rows


def test_a_walk_whose_start_is_out_of_reach_by_now_goes_on_where_it_was(tmp_path: Path) -> None:
    found = [wanted(i, 3600 * i) for i in range(1, 37)]
    store, late = new_store(tmp_path), ORIGIN + timedelta(hours=40)
    with JetstreamServer(found, now=ORIGIN + timedelta(hours=35)) as server:
        opened = Dying(source(server, now=ORIGIN + timedelta(hours=35)), 3)
        with pytest.raises(Killed):
            harvest(store, tmp_path, opened, ORIGIN + timedelta(hours=35))
        server.move_to(late)
        result = harvest(store, tmp_path, source(server, now=late), late)
        assert result.posts == 36
        assert server.cursors[-1] > (ORIGIN + timedelta(hours=19)).timestamp() * 1e6
        assert result.problems == ()


class Killed(BaseException):
    pass


class Dying:
    """A source that is killed at its n-th page, after the stream was read and before anything is kept."""

    def __init__(self, inner: Source, pages: int) -> None:
        self._inner, self._left = inner, pages

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def search(self, query: str, **more: object) -> Page:
        page = self._inner.search(query, **more)  # type: ignore[arg-type]
        self._left -= 1
        if self._left == 0:
            raise Killed
        return page


def test_a_harvest_passes_deletions_on_and_polls_for_what_is_new(tmp_path: Path) -> None:
    found = [wanted(i, 3 * i) for i in range(1, 30)]
    store, told = new_store(tmp_path), []
    with JetstreamServer([*others(500), *found], now=NOW) as server:
        known = Known(store, "bluesky")
        first = harvest(store, tmp_path, source(server, known=known), on_gone=lambda name, gone: told.append(gone))
        assert (first.new_posts, first.state, told) == (29, "done", [])
        later = NOW + timedelta(minutes=10)
        server.move_to(later)
        seconds = 6 * 3600 + 60
        server.add(deleted(found[3], seconds), left(found[7], seconds + 1, "suspended"), wanted(200, seconds + 2))
        server.add(*others(80, start=seconds))
        second = harvest(
            store, tmp_path, source(server, known=known, now=later), later,
            lambda name, gone: told.append((name, gone)),
        )  # fmt: skip
        assert second.new_posts == 1
        assert told == [("bluesky", Gone(frozenset({uri(found[3])}), frozenset({found[7]["did"]})))]


def test_a_host_that_restarts_in_the_middle_is_waited_for() -> None:
    found = [wanted(i, 10 * i) for i in range(1, 30)]
    with JetstreamServer([*others(500), *found], now=NOW, faults={1: StreamFault(cut_after=100)}) as server:
        opened = JetstreamSource([server.url], pace=pace(sleep=lambda _: (server.stop(), server.start())[0]))
        assert ids(opened, ask(opened)) == [uri(each) for each in found]
        assert len(server.cursors) == 2


def test_a_long_stream_is_read_fast_and_in_little_memory() -> None:
    found = [wanted(i, i * 20) for i in range(1, 201)]
    with JetstreamServer([*others(19_800, every=0.5), *found], now=NOW) as server:
        opened, token, pages = source(server, known=KnownIds(set())), None, []
        tracemalloc.start()
        begun = time.monotonic()
        while True:
            page = ask(opened, token=token)
            pages.append(page)
            token = page.next_token
            if token is None:
                break
        took = time.monotonic() - begun
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert ids(opened, *pages) == [uri(each) for each in found]
        assert took < 40
        assert peak < 30e6


FIXTURE = Path(__file__).parents[2].parent / "shared" / "fixtures" / "bluesky" / "jetstream_golden_v1.jsonl"


@pytest.mark.skipif(not FIXTURE.is_file(), reason="the real frames are not here")
def test_real_frames_are_understood() -> None:
    events: list[Event] = [json.loads(line) for line in FIXTURE.read_text(encoding="utf-8").splitlines()]
    start = datetime.fromtimestamp(1779719000, ORIGIN.tzinfo)
    now = start + timedelta(minutes=1)
    with JetstreamServer(events, now=now) as server:
        opened = source(server, now=now)
        page = ask(opened, start=start)
        parsed = opened.parse(page.raw)
        assert (parsed.posts, parsed.problems, bool(parsed.gone)) == ((), (), False)
        assert page.next_token is None
    whole = JetstreamSource(["wss://x.example"]).parse(FIXTURE.read_bytes())
    assert whole.problems == ()
    from quakelens.sources.bluesky_record import Addresses
    from quakelens.sources.jetstream_payload import parse_page

    (post,) = parse_page(FIXTURE.read_bytes(), Addresses(), pictures_only=False).posts
    assert (post.text, post.lang) == ("Try RSV for a good time !!", "en")
