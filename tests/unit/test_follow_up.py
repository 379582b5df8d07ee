"""When a network is asked again, and that each poll asks only for what is new."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from harvest_world import EARTHQUAKE, NOW, ORIGIN, FakeSource, impatient, many_posts, new_store, params, post

from quakelens.errors import RateLimited, SourceRefused, SourceUnavailable
from quakelens.harvest import PagesResult, follow_up, harvest_pages
from quakelens.store import Store, polls

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def poll_at(store: Store, source: FakeSource, folder: Path, now: datetime, **section: object) -> polls.Poll:
    harvest = params(**section).harvest
    result: PagesResult = harvest_pages(
        store, source, EARTHQUAKE, harvest, folder / "pages", now, queries=("quake",), lookback_pages=0,
        patience=impatient(clock=lambda: now),
    )  # fmt: skip
    return follow_up.record(store, EARTHQUAKE, result, harvest, now)


def test_polls_widen_and_end_after_one_that_sees_the_whole_window(tmp_path: Path) -> None:
    store, source, now = new_store(tmp_path), FakeSource(many_posts()), ORIGIN + 5 * MINUTE
    gaps, last = [], now
    while True:
        poll = poll_at(store, source, tmp_path, now)
        if poll.next_at is None:
            break
        gaps.append(poll.next_at - now)
        last, now = now, poll.next_at
    assert gaps == sorted(gaps)
    assert (gaps[0], gaps[-1]) == (2 * MINUTE, 2 * HOUR)
    assert now - ORIGIN >= 76 * HOUR > last - ORIGIN
    assert sum(each["since_id"] is None for each in source.requests) < 40  # only until the first post came
    found = [each["next_token"] for each in source.requests if each["next_token"]]
    assert len(source.requests) < len(gaps) + 10, found


def test_poll_brings_only_what_is_new(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())
    poll_at(store, source, tmp_path, NOW)
    source.requests.clear()
    source.posts.append(post(900, 365))
    poll_at(store, source, tmp_path, NOW + 10 * MINUTE)
    assert [(each["since_id"], each["next_token"]) for each in source.requests] == [("000268", None)]


@pytest.mark.parametrize(
    ("failure", "state", "minutes"),
    [
        (RateLimited("limited", NOW + 14 * MINUTE), "limited", 14),
        (SourceRefused("no credits"), "refused", 2),
        (SourceUnavailable("down"), "down", 2),
    ],
)
def test_failure_decides_when_the_next_poll_is(tmp_path: Path, failure: Exception, state: str, minutes: int) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts())

    def fail(number: int) -> None:
        raise failure

    source.before_search = fail
    poll = poll_at(store, source, tmp_path, NOW)
    assert (poll.state, poll.next_at) == (state, NOW + minutes * MINUTE)
    assert str(failure) in str(poll.message)


def test_failures_in_a_row_wait_longer_but_never_for_more_than_an_hour(tmp_path: Path) -> None:
    store, source, now = new_store(tmp_path), FakeSource(many_posts()), NOW

    def fail(number: int) -> None:
        raise SourceRefused("no credits")

    source.before_search = fail
    gaps = []
    for _ in range(9):
        poll = poll_at(store, source, tmp_path, now)
        assert poll.next_at is not None
        gaps.append(poll.next_at - now)
        now = poll.next_at
    assert gaps == sorted(gaps)
    assert (gaps[0], gaps[-1]) == (2 * MINUTE, HOUR)
    source.before_search = lambda number: None
    poll = poll_at(store, source, tmp_path, now)
    assert (poll.state, poll.failures) == ("done", 0)
