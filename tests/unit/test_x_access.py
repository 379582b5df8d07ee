"""X's full archive, counts and spellings through the real tweepy, against the stand-in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harvest_world import EARTHQUAKE, ORIGIN, impatient, new_store, params
from x_world import NOW, QUERY, TOKEN, api, stored

from quakelens.demo.servers import Fault, Faults, LocalServer, Reply, XApi
from quakelens.errors import RateLimited, SourceRefused, SourceUnavailable, UsageError
from quakelens.harvest import harvest_pages
from quakelens.settings import Settings
from quakelens.sources.available import open_source
from quakelens.sources.x import XSource


@contextmanager
def world(folder: Path, *, source: dict[str, Any] | None = None, **options: Any) -> Iterator[tuple[XApi, XSource]]:
    with api(folder, **options) as server:
        yield server, XSource(base_url=server.url, bearer_token=TOKEN, **(source or {}))


def test_counts_what_a_search_would_find(tmp_path: Path) -> None:
    for spelling in ("tweet", "post"):
        with world(tmp_path, spelling=spelling) as (server, source):
            assert source.count(QUERY, start_time=ORIGIN, end_time=None, since_id=None) == 35
            assert (
                source.count(QUERY, start_time=ORIGIN, end_time=datetime.now(UTC) + timedelta(days=9), since_id=None)
                == 35
            )
            assert source.count(QUERY, start_time=ORIGIN, end_time=None, since_id=stored(30).id) == 4
            assert source.count("nothing", start_time=ORIGIN, end_time=None, since_id=None) == 0
            assert [call for call, _ in server.calls] == ["counts_recent"] * 4
            assert server.billed_usd == pytest.approx(4 * source.traits.count_usd)


def test_a_count_without_a_number_passes_and_may_have_been_charged() -> None:
    with LocalServer(lambda _: Reply(200, b'{"meta": {"total_tweet_count": "many"}}')) as server:
        source = XSource(base_url=server.url, bearer_token=TOKEN)
        with pytest.raises(SourceUnavailable) as caught:
            source.count(QUERY, start_time=ORIGIN, end_time=None, since_id=None)
        assert caught.value.charged


def test_the_full_archive_is_asked_in_large_pages_a_second_apart(tmp_path: Path) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    old = [stored(number, minutes=number - 60 * 24 * 60) for number in range(520)]
    options = {"access": "all", "sleep": sleep}
    with world(tmp_path, posts=old, source=options) as (server, source):
        assert (source.traits.reach, source.traits.largest_page) == (None, 500)
        asked = {"start_time": ORIGIN - timedelta(days=61), "end_time": ORIGIN, "since_id": None, "page_size": 500}
        longer = f"({' OR '.join(['deprem', *(f'word{n:03}' for n in range(80))])}) has:media"
        assert 800 < len(longer) < 1024
        first = source.search(longer, next_token=None, **asked)
        rest = source.search(longer, next_token=first.next_token, **asked)
        assert [len(source.parse(page.raw).posts) for page in (first, rest)] == [500, 20]
        assert [call for call, _ in server.calls] == ["all", "all"]
        assert len(waits) == 1
        assert 0 < waits[0] <= 1.05
        assert source.count(QUERY, start_time=ORIGIN - timedelta(days=61), end_time=ORIGIN - timedelta(days=59),
                            since_id=None) == 520  # fmt: skip
        assert server.calls[-1][0] == "counts_all"


def test_a_request_too_soon_for_the_full_archive_does_not_wait_for_the_quarter_of_an_hour(tmp_path: Path) -> None:
    options = {"access": "all", "sleep": lambda _: None}
    with world(tmp_path, source=options) as (_, source):
        asked: dict[str, Any] = {
            "start_time": ORIGIN, "end_time": None, "since_id": None, "next_token": None, "page_size": 10,
        }  # fmt: skip
        source.search(QUERY, **asked)
        with pytest.raises(RateLimited, match="this second") as caught:
            source.search(QUERY, **asked)
        assert caught.value.reset_time is None


def test_an_account_without_the_full_archive_is_told_so(tmp_path: Path) -> None:
    with (
        world(tmp_path, archive=False, source={"access": "all"}) as (_, source),
        pytest.raises(SourceRefused, match="QUAKELENS_X_ACCESS"),
    ):
        source.search(QUERY, start_time=ORIGIN, end_time=None, since_id=None, next_token=None, page_size=10)


def test_settings_choose_the_archive_and_the_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUAKELENS_X_BEARER_TOKEN", TOKEN)
    monkeypatch.setenv("QUAKELENS_X_ACCESS", "all")
    monkeypatch.setenv("QUAKELENS_X_COUNT_USD", "0.25")
    source = open_source("x", Settings(), params().harvest)
    assert source.traits.reach is None
    assert source.traits.count_usd == 0.25
    monkeypatch.setenv("QUAKELENS_X_BEARER_TOKEN", "")
    with pytest.raises(UsageError, match="QUAKELENS_X_BEARER_TOKEN"):
        open_source("x", Settings(), params().harvest)


@pytest.mark.parametrize(
    ("fields", "accepts", "requests"),
    [
        ("auto", "both", ["tweet", "tweet"]),
        ("auto", "tweet", ["tweet", "tweet"]),
        ("auto", "post", ["tweet", "post", "post"]),  # once refused, never tried again
        ("post", "post", ["post", "post"]),
        ("post", "both", ["post", "post"]),
        ("tweet", "tweet", ["tweet", "tweet"]),
    ],
)
def test_x_is_asked_in_the_words_that_it_takes(
    tmp_path: Path, fields: str, accepts: str, requests: list[str]
) -> None:  # fmt: skip
    text = "deprem " + "uzun " * 80
    spelling = "tweet" if accepts == "tweet" else "post"
    posts = [*(stored(number) for number in range(15)), stored(15, text=text, reply_to=stored(1).id)]
    with world(tmp_path, posts=posts, accepts=accepts, spelling=spelling, source={"fields": fields}) as (
        server,
        source,
    ):
        asked: dict[str, Any] = {"start_time": ORIGIN, "end_time": None, "since_id": None, "page_size": 10}
        first = source.search(QUERY, next_token=None, **asked)
        source.search(QUERY, next_token=first.next_token, **asked)
        used = ["post" if "post.fields" in search else "tweet" for search in server.searches]
        assert used == requests
        assert source.parse(first.raw).posts[0].text.strip() == text.strip()  # the note was asked for in the right word
        assert server.billed_usd == pytest.approx(16 * 0.005)


@pytest.mark.parametrize(("fields", "accepts"), [("tweet", "post"), ("post", "tweet")])
def test_words_that_were_fixed_are_not_changed(tmp_path: Path, fields: str, accepts: str) -> None:
    with world(tmp_path, accepts=accepts, source={"fields": fields}) as (server, source):
        with pytest.raises(SourceRefused) as caught:
            source.search(QUERY, start_time=ORIGIN, end_time=None, since_id=None, next_token=None, page_size=10)
        assert server.requests == 1
        assert ("QUAKELENS_X_FIELDS" in str(caught.value)) == (fields == "tweet")


def test_a_query_about_tweets_that_x_refuses_is_not_taken_for_a_refusal_of_words(tmp_path: Path) -> None:
    with world(tmp_path) as (server, source):
        with pytest.raises(SourceRefused, match="invalid operator"):
            source.search("tweet.fields:note_tweet", start_time=ORIGIN, end_time=None, since_id=None, next_token=None,
                          page_size=10)  # fmt: skip
        assert server.requests == 1


def test_what_may_have_been_charged(tmp_path: Path) -> None:
    def charged(source: XSource) -> bool:
        with pytest.raises(SourceUnavailable) as caught:
            source.search(QUERY, start_time=ORIGIN, end_time=None, since_id=None, next_token=None, page_size=10)
        return caught.value.charged

    kinds = ("cut", "reset", "slow", "html", "503", "503-html", "409")
    faults = Faults({number: Fault(kind, 20) for number, kind in enumerate(kinds, 1)})  # type: ignore[arg-type]
    with world(tmp_path, faults=faults, source={"timeout_s": (2.0, 0.3)}) as (server, source):
        assert [charged(source) for _ in kinds] == [True, True, True, True, False, False, False]
        url = server.url
    assert not charged(XSource(base_url=url, bearer_token=TOKEN))  # nobody listens there any more


def test_an_earthquake_of_two_months_ago_is_harvested_from_the_full_archive(tmp_path: Path) -> None:
    later = NOW + timedelta(days=60)
    for access, found in (("recent", 0), ("all", 35)):
        with world(tmp_path, now=later, source={"access": access, "sleep": lambda _: None}) as (server, source):
            server._limits["all"].pause_s = 0
            folder = tmp_path / access
            folder.mkdir()
            result = harvest_pages(
                new_store(folder), source, EARTHQUAKE, params(page_size=500).harvest, folder / "pages", later,
                queries=(QUERY,), lookback_pages=0, patience=impatient(),
            )  # fmt: skip
            assert (result.posts, result.state) == (found, "done")
