from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from harvest_world import (
    EARTHQUAKE,
    NOW,
    ORIGIN,
    QUERIES,
    FakeSource,
    impatient,
    many_posts,
    new_store,
    params,
    post,
    rows,
)

from quakelens.errors import RateLimited, SourceRefused, SourceUnavailable
from quakelens.harvest import PagesResult, harvest_pages
from quakelens.harvest.archive import PageArchive, safe_name
from quakelens.harvest.asking import Patience
from quakelens.sources import Page, Traits
from quakelens.store import Store, charges

pytestmark = pytest.mark.usefixtures("any_store")

HOUR = timedelta(hours=1)


def harvest(
    store: Store, source: FakeSource, folder: Path, now: datetime = NOW, *, patience: Patience | None = None,
    lookback_pages: int = 0, queries: tuple[str, ...] = QUERIES, **section: object,
) -> PagesResult:  # fmt: skip
    return harvest_pages(
        store, source, EARTHQUAKE, params(**section).harvest, folder / "pages", now, queries=queries,
        lookback_pages=lookback_pages, patience=patience or impatient(),
    )  # fmt: skip


def test_every_post_of_the_window_comes_once_newest_page_first(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())
    result = harvest(store, source, tmp_path)
    assert (result.posts, result.new_posts, result.pages, result.requests) == (47, 47, 6, 6)
    assert result.stopped_because is None
    assert [each["next_token"] is None for each in source.requests] == [True, False, False, False, True, False]
    assert all(each["start_time"] == ORIGIN for each in source.requests)
    assert len(rows(store, "posts")["posts"]) == 47
    assert len(set(source.asked())) == len(source.requests)


def test_second_run_asks_only_for_what_is_newer(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())
    harvest(store, source, tmp_path)
    source.requests.clear()
    source.posts += [post(900 + i, 370 + i) for i in range(12)]
    result = harvest(store, source, tmp_path, NOW + 2 * HOUR)
    assert (result.new_posts, result.posts) == (12, 59)
    # since_id is that of the last walk's first page, fixed while walking.
    assert [each["since_id"] for each in source.requests] == ["000268", "000268", "000223"]
    third = harvest(store, source, tmp_path, NOW + 3 * HOUR)
    assert (third.new_posts, third.requests) == (0, 2)
    assert [each["since_id"] for each in source.requests[-2:]] == ["000911", "000223"]


def test_since_id_older_than_the_source_takes_becomes_a_time(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())
    week = {"window_h": 24.0 * 14}
    harvest(store, source, tmp_path, **week)
    source.requests.clear()
    later = NOW + timedelta(days=8)
    result = harvest(store, source, tmp_path, later, **week)
    assert [each["since_id"] for each in source.requests] == [None, None]
    start = source.requests[0]["start_time"]
    assert isinstance(start, datetime)
    assert later - timedelta(days=7) < start <= later - timedelta(days=6, hours=23)
    assert "does not reach" in result.problems[0]


def test_earthquake_out_of_reach_is_a_problem_and_no_request(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())
    result = harvest(store, source, tmp_path, ORIGIN + timedelta(days=30), lookback_pages=2)
    assert source.requests == []
    assert "does not reach back" in result.problems[0]
    archive = FakeSource(many_posts(), name="archive", traits=Traits())
    assert harvest(store, archive, tmp_path, ORIGIN + timedelta(days=30)).posts == 47


def test_nothing_is_asked_once_the_window_was_seen_whole(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())
    after = ORIGIN + 73 * HOUR
    assert harvest(store, source, tmp_path, after).new_posts == 47
    assert all(each["end_time"] == ORIGIN + 72 * HOUR for each in source.requests)
    source.requests.clear()
    again = harvest(store, source, tmp_path, after + HOUR)
    assert (again.requests, again.new_posts, again.posts) == (0, 0, 47)


def test_posts_after_the_window_are_left_out_and_earlier_ones_kept(tmp_path: Path) -> None:
    class Careless(FakeSource):
        def search(self, query: str, **asked: object) -> Page:
            everything = {**asked, "start_time": ORIGIN - timedelta(days=9), "end_time": None, "since_id": None}
            return super().search(query, **everything)  # type: ignore[arg-type]

    source = Careless([post(1, -90), post(2, 0), post(3, 72 * 60 - 1), post(4, 72 * 60), post(5, 9999)])
    store = new_store(tmp_path)
    assert harvest(store, source, tmp_path, queries=("quake",)).posts == 2  # the earlier one is of the look-back
    assert [row[1] for row in rows(store, "posts")["posts"]] == ["000001", "000002", "000003"]


def test_limit_of_posts_holds_over_all_runs_and_for_each_source(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())
    result = harvest(store, source, tmp_path, max_posts=25)
    assert [each["page_size"] for each in source.requests] == [10, 10]  # 5 more would be no whole page
    assert "25" in str(result.stopped_because)
    assert (result.posts, result.state, result.failed) == (20, "budget", False)
    assert harvest(store, source, tmp_path, max_posts=25).requests == 0
    other = harvest(store, FakeSource(many_posts(), name="other"), tmp_path, max_posts=25)
    assert other.requests == 2
    raised = harvest(store, source, tmp_path, max_posts=36)
    assert [each["page_size"] for each in source.requests] == [10, 10, 10]
    assert raised.new_posts == 10
    assert harvest(store, source, tmp_path).posts == 47
    assert len(set(source.asked())) == len(source.requests)


def test_cost_is_of_this_run_and_booked(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    source = FakeSource([post(1, 1), post(2, 2), post(8, 3)], price=0.005)
    assert harvest(store, source, tmp_path, queries=("quake",)).cost_usd == pytest.approx(3 * 0.005)
    assert harvest(store, source, tmp_path, queries=("quake",)).cost_usd == 0
    assert charges.spent_usd(store, [EARTHQUAKE.id]) == pytest.approx(0.015)
    free = FakeSource([post(1, 1)], name="archive")
    assert harvest(store, free, tmp_path, queries=("quake",)).cost_usd == 0


def test_look_back_finds_older_posts_once_and_does_not_count_them(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())
    result = harvest(store, source, tmp_path, lookback_pages=2)
    assert (result.posts, result.new_posts, result.requests) == (47, 47, 8)
    asked = source.requests[-2:]
    assert [each["end_time"] for each in asked] == [ORIGIN, ORIGIN]
    assert asked[0]["start_time"] == ORIGIN - timedelta(days=3)
    assert len(rows(store, "posts")["posts"]) == 47 + 20
    assert harvest(store, source, tmp_path, NOW + HOUR, lookback_pages=2).requests == 2


def fail_at(source: FakeSource, *failures: Exception | None) -> None:
    """The first requests fail in turn; None succeeds."""

    def before(number: int) -> None:
        if number <= len(failures) and failures[number - 1] is not None:
            raise failures[number - 1]  # type: ignore[misc]

    source.before_search = before


def test_failures_that_pass_are_waited_for_with_growing_pauses(tmp_path: Path) -> None:
    store, source, slept = new_store(tmp_path), FakeSource(many_posts()), []
    fail_at(source, SourceUnavailable("503"), SourceUnavailable("503"), SourceUnavailable("cut"))
    result = harvest(store, source, tmp_path, patience=impatient(sleep=slept.append))
    assert (result.posts, result.stopped_because) == (47, None)
    assert slept == [1.0, 2.0, 4.0]
    assert result.requests == 6 + 3


def test_source_that_stays_down_stops_and_keeps_what_came(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())
    fail_at(source, None, None, *[SourceUnavailable("X is down")] * 4)
    result = harvest(store, source, tmp_path)
    assert (result.posts, result.requests, result.state) == (20, 6, "down")
    assert "X is down" in str(result.stopped_because)
    source.before_search = lambda number: None
    assert harvest(store, source, tmp_path).posts == 47
    assert source.requests[6]["next_token"] == source.requests[2]["next_token"]


@pytest.mark.parametrize(("wait_s", "stops"), [(20.0, False), (900.0, True)])
def test_rate_limit_is_waited_for_if_it_is_short(tmp_path: Path, wait_s: float, stops: bool) -> None:
    store, source, slept = new_store(tmp_path), FakeSource(many_posts()), []
    fail_at(source, None, RateLimited("too many requests", NOW + timedelta(seconds=wait_s)))
    result = harvest(store, source, tmp_path, patience=impatient(sleep=slept.append, clock=lambda: NOW))
    if stops:
        assert (result.posts, slept) == (10, [])
        assert "900 s" in str(result.stopped_because)
    else:
        assert (result.posts, slept) == (47, [20.0])


def test_rate_limit_without_a_time_is_not_asked_again_for_ever(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())
    fail_at(source, *[RateLimited("too many requests")] * 50)
    result = harvest(store, source, tmp_path)
    assert (result.posts, result.requests) == (0, 4)


def test_refusal_stops_at_once_and_asks_for_a_person(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())
    fail_at(source, None, SourceRefused("no credits left"))
    result = harvest(store, source, tmp_path)
    assert (result.posts, result.requests, result.state) == (10, 2, "refused")
    assert result.stopped_because == "no credits left"


def test_search_starts_anew_where_its_token_is_refused(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())
    fail_at(source, None, SourceRefused("no credits left"), SourceRefused("invalid next_token"))
    harvest(store, source, tmp_path)
    assert harvest(store, source, tmp_path).posts == 47
    assert source.requests[3]["next_token"] is None


def test_page_that_is_no_page_is_a_problem_and_kept(tmp_path: Path) -> None:
    class Broken(FakeSource):
        def search(self, query: str, **asked: object) -> Page:
            page = super().search(query, **asked)  # type: ignore[arg-type]
            return replace(page, raw=b"<html>") if len(self.requests) == 2 else page

    store, source = new_store(tmp_path), Broken([*many_posts(), post(300, 50, "quake")])
    source.posts.append(replace(post(301, 51), text="quake"))
    result = harvest(store, source, tmp_path, queries=("quake",))
    assert result.posts == 27
    assert "no page" in result.problems[0]
    archived = list((tmp_path / "pages").rglob("*.gz"))
    assert len(archived) == 4
    again = harvest(store, source, tmp_path, queries=("quake",))
    assert (again.requests, again.pages) == (1, 1)


def test_unreadable_post_is_a_problem_and_the_others_are_stored(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    source = FakeSource([post(1, 1, "unreadable"), post(2, 2, "unreadable quake"), post(3, 3, "unreadable")])
    result = harvest(store, source, tmp_path, queries=("unreadable",))
    assert (result.posts, len(result.problems)) == (1, 2)


def test_page_is_archived_as_it_came_with_what_was_asked(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())
    harvest(store, source, tmp_path, queries=("quake",))
    archive = PageArchive(tmp_path / "pages", EARTHQUAKE.id, "x")
    pages = [archive.read(path) for path in archive.paths()]
    assert [page.request.token for page in pages] == [None, *(page.next_token for page in pages[:-1])]
    assert {(page.request.query, page.request.start_time, page.request.asked_at) for page in pages} == {
        ("quake", ORIGIN, NOW)
    }
    assert [len(source.parse(page.raw).posts) for page in pages] == [10, 10, 10, 5]


def test_damaged_page_is_asked_for_again(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())
    fail_at(source, None, None, SourceRefused("stop"))
    harvest(store, source, tmp_path, queries=("quake",))
    last = sorted((tmp_path / "pages").rglob("*.gz"))[-1]
    last.write_bytes(last.read_bytes()[:-20])
    fresh = new_store(tmp_path / "another")
    result = harvest(fresh, source, tmp_path, queries=("quake",))
    assert result.posts == 35
    assert "damaged" in result.problems[0]


def test_lost_store_is_filled_from_the_archive_without_a_request(tmp_path: Path) -> None:
    source = FakeSource(many_posts())
    first = new_store(tmp_path)
    harvest(first, source, tmp_path, ORIGIN + 73 * HOUR, lookback_pages=2)
    second = new_store(tmp_path / "another")
    result = harvest(second, source, tmp_path, ORIGIN + 74 * HOUR, lookback_pages=2)
    assert result.requests == 0
    assert rows(second) == rows(first)


@pytest.mark.parametrize("name", ["../../etc", "a/b", "..", "", "x" * 300, "us7000abcd/..", "Ä ö"])
def test_no_id_leaves_the_archive_or_meets_another(name: str) -> None:
    safe = safe_name(name)
    assert safe not in ("", ".", "..")
    assert "/" not in safe
    assert safe != safe_name(name + "_")
    assert len(safe) < 100


def test_plain_ids_stay_readable() -> None:
    assert safe_name("us7000abcd") == "us7000abcd"
