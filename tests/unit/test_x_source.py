"""X through the real tweepy, against the stand-in."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from quakelens.demo.servers import Fault, Faults, LocalServer, Reply, Request, XApi
from quakelens.demo.servers.faults import FaultKind
from quakelens.errors import RateLimited, SourceError, SourceRefused, SourceUnavailable, UsageError
from quakelens.sources import Page, Source
from quakelens.sources.x import XSource

TOKEN = "AAAAAAAAAAAAAAAAAAAAAsecret%2Btoken"
NOW = datetime(2023, 2, 8, 12, tzinfo=UTC)
ORIGIN = NOW - timedelta(days=2)
QUERY = "(deprem) has:media -is:nullcast"


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (40, 30), "grey").save(tmp_path / "images" / "a.jpg")
    rows = [
        {
            "id": str(1_600_000_000_000_000_000 + number),
            "created_at": (NOW - timedelta(minutes=25 - number)).isoformat(),
            "author": f"user{number % 3}",
            "author_id": str(number % 3),
            "text": f"deprem & enkaz <{number}>",
            "lang": "tr",
            "coordinates": [37.1, 37.2] if number == 1 else None,
            "place": PLACE if number in (1, 2) else None,
            "repost_of": "1600000000000000001" if number == 3 else None,
            "sensitive": number == 4,
            "images": [] if number == 3 else ["images/a.jpg"],
        }
        for number in range(25)
    ]
    file = tmp_path / "posts.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


PLACE = {
    "id": "p1", "full_name": "Gaziantep, Türkiye", "country_code": "TR", "place_type": "city",
    "bbox": [36.0, 36.5, 38.0, 37.5],
}  # fmt: skip

MakeApi = Callable[..., XApi]


@pytest.fixture
def make_api(posts: Path) -> Iterator[MakeApi]:
    opened = []

    def make(**options: Any) -> XApi:
        server = XApi(posts, token=TOKEN, now=NOW, images_root=posts.parent, **options)
        opened.append(server)
        return server.__enter__()

    yield make
    for server in opened:
        server.__exit__(None, None, None)


def source_of(server: LocalServer, timeout_s: tuple[float, float] = (2.0, 5.0)) -> XSource:
    return XSource(base_url=server.url, bearer_token=TOKEN, timeout_s=timeout_s)


def ask(source: Source, **changes: Any) -> Page:
    asked: dict[str, Any] = {
        "query": QUERY, "start_time": ORIGIN, "end_time": NOW - timedelta(minutes=1), "since_id": None,
        "next_token": None, "page_size": 10,
    }  # fmt: skip
    return source.search(**{**asked, **changes})


def test_walks_through_pages_and_reads_each_post_once(make_api: MakeApi) -> None:
    server = make_api(reposts_found=True)
    source = source_of(server)
    pages = [ask(source)]
    while pages[-1].next_token:
        pages.append(ask(source, next_token=pages[-1].next_token))
    parsed = [source.parse(page.raw) for page in pages]
    found = [post for page in parsed for post in page.posts]
    assert [len(page.posts) for page in parsed] == [10, 10, 4]
    assert [post.id for post in found] == server.billed == [str(1600000000000000023 - n) for n in range(24)]
    assert pages[0].newest_id == "1600000000000000023"
    assert pages[0].fetched_at.tzinfo is UTC
    assert [page.problems for page in parsed] == [(), (), ()]
    by_number = {int(post.id[-2:]): post for post in found}
    assert by_number[5].text == "deprem & enkaz <5>"
    assert by_number[5].created_at == NOW - timedelta(minutes=20)
    assert by_number[5].author is None  # authors cost twice what posts do, so they are not expanded
    assert by_number[5].author_id
    assert by_number[5].url == "https://x.com/i/status/1600000000000000005"
    first, *_ = by_number[5].media
    assert first.url.startswith(f"{server.url}/media/a-")
    assert first.url.endswith("?format=jpg&name=large")
    assert (first.width, first.height, first.kind) == (40, 30, "photo")
    assert (by_number[1].latitude, by_number[1].longitude, by_number[1].location_kind) == (
        37.2,
        37.1,
        "point",
    )
    assert (by_number[2].latitude, by_number[2].longitude, by_number[2].location_kind) == (
        37.0,
        37.0,
        "place",
    )
    assert by_number[1].place == by_number[2].place == "Gaziantep, Türkiye"
    assert by_number[6].location_kind is None
    assert (by_number[3].repost_of, by_number[3].media) == ("1600000000000000001", ())
    assert [number for number, post in by_number.items() if post.sensitive] == [4]


def test_both_spellings_read_the_same(make_api: MakeApi) -> None:
    def read(spelling: str) -> Any:
        server = make_api(spelling=spelling)
        source = source_of(server)
        raw = ask(source, page_size=100).raw
        assert (b"edit_history_post_ids" in raw) == (spelling == "post")
        return source.parse(raw.replace(server.url.encode(), b"http://x"))

    assert read("tweet") == read("post")


def test_since_id_takes_the_place_of_start_time(make_api: MakeApi) -> None:
    server = make_api()
    page = ask(source_of(server), since_id="1600000000000000021")
    assert "start_time" not in server.searches[0]
    assert len(source_of(server).parse(page.raw).posts) == 2
    empty = ask(source_of(server), since_id="1600000000000000023")
    assert (empty.next_token, empty.newest_id) == (None, None)
    assert source_of(server).parse(empty.raw).posts == ()


def test_an_end_time_that_x_would_find_too_recent_is_left_out(make_api: MakeApi) -> None:
    server = make_api()
    ask(source_of(server), end_time=datetime.now(UTC) - timedelta(seconds=20))
    ask(source_of(server), end_time=datetime.now(UTC) + timedelta(hours=20))
    ask(source_of(server), end_time=None)
    ask(source_of(server), end_time=NOW - timedelta(minutes=5))
    assert [search.get("end_time") for search in server.searches] == [
        None,
        None,
        None,
        "2023-02-08T11:55:00Z",
    ]


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("400", SourceRefused, "params.yaml"),
        ("403-spend", SourceRefused, "spending limit"),
        ("409", SourceUnavailable, "409"),
        ("409-rules", SourceRefused, "409"),
        ("429-old", RateLimited, "Rate limit exceeded"),
        ("429-connections", RateLimited, "open connections"),
        ("reset", SourceUnavailable, "connection"),
        ("503", SourceUnavailable, "503"),
        ("503-html", SourceUnavailable, "503"),
        ("html", SourceUnavailable, "something else than a page"),
        ("cut", SourceUnavailable, "connection"),
        ("401", SourceRefused, "QUAKELENS_X_BEARER_TOKEN"),
        ("402", SourceRefused, "buy credits"),
        ("403", SourceRefused, "client-not-enrolled"),
        ("429", RateLimited, "rate limit"),
        ("usage-cap", SourceRefused, "monthly cap"),
    ],
)
def test_each_failure_has_its_error_and_the_next_request_works(
    make_api: MakeApi, kind: FaultKind, error: type[SourceError], words: str
) -> None:
    server = make_api(faults=Faults({1: Fault(kind)}))
    source = source_of(server)
    with pytest.raises(error, match=words) as caught:
        ask(source)
    assert TOKEN not in str(caught.value)
    assert server.requests == 1  # nothing is tried again behind the caller's back
    if isinstance(caught.value, RateLimited):
        assert caught.value.reset_time is None
    assert len(source.parse(ask(source).raw).posts) == 10
    assert len(server.billed) == 10


def test_a_spent_rate_limit_says_when_it_is_renewed_and_does_not_sleep(make_api: MakeApi) -> None:
    source = source_of(make_api(faults=Faults({1: Fault("429-reset", 900)})))
    before = time.monotonic()
    with pytest.raises(RateLimited) as caught:
        ask(source)
    assert time.monotonic() - before < 3
    assert caught.value.reset_time is not None
    assert 890 < (caught.value.reset_time - datetime.now(UTC)).total_seconds() < 903


def test_a_slow_answer_is_a_timeout(make_api: MakeApi) -> None:
    source = source_of(make_api(faults=Faults({1: Fault("slow", 20)})), timeout_s=(1.0, 0.3))
    with pytest.raises(SourceUnavailable, match="in time"):
        ask(source)


def test_a_refused_query_says_every_message(make_api: MakeApi) -> None:
    with pytest.raises(SourceRefused) as caught:
        ask(source_of(make_api()), query="has:media", page_size=5)
    assert "standalone" in str(caught.value)
    assert "[5] is not between 10 and 100" in str(caught.value)
    assert "params.yaml" in str(caught.value)


def test_what_x_leaves_out_is_a_problem_and_the_posts_are_whole(make_api: MakeApi) -> None:
    source = source_of(make_api(faults=Faults({1: Fault("partial")})))
    parsed = source.parse(ask(source).raw)
    assert len(parsed.posts) == 10
    assert parsed.problems == ("X left out user somebody: User has been suspended: [somebody].",)


def test_nobody_listens() -> None:
    with LocalServer(lambda _: Reply(200)) as server:
        source = source_of(server)
    with pytest.raises(SourceUnavailable, match="connection"):
        ask(source)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(503, b"[]"), SourceUnavailable),
        (Reply(200, b"[]"), SourceUnavailable),
        (Reply(200, b'{"data": [{"id"'), SourceUnavailable),
        (Reply(429, b"null", headers={"x-rate-limit-reset": "soon"}), RateLimited),
        (Reply(429, b"[" * 100_000), RateLimited),
        (Reply(429, b"{}", headers={"x-rate-limit-reset": "9" * 30}), RateLimited),
        (Reply(200, b"[" * 100_000), SourceUnavailable),
        (Reply(401, b"[]"), SourceRefused),
        (Reply(403, b'{"errors": [null], "detail": 3}'), SourceRefused),
        (Reply(503, b'{"errors": 5}'), SourceUnavailable),
        (Reply(400, b'{"errors": null}'), SourceRefused),
        (Reply(401, f'{{"detail": "bad token {TOKEN}"}}'.encode()), SourceRefused),
        (Reply(404, b""), SourceRefused),
        (Reply(302, headers={"Location": "http://127.0.0.1:1/"}), SourceRefused),
    ],
)
def test_answers_of_unknown_form_are_errors_of_the_source(reply: Reply, error: type[SourceError]) -> None:
    with LocalServer(lambda _: reply) as server, pytest.raises(error) as caught:
        ask(source_of(server))
    assert TOKEN not in str(caught.value)


def test_the_token_is_sent_and_appears_nowhere_else(
    make_api: MakeApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    caplog.set_level(logging.DEBUG)
    source = source_of(make_api())
    page = ask(source)
    assert source.parse(page.raw).posts
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(source) + str(source) + repr(page)
    for bad in (f"{TOKEN}\nX-Other: 1", "", "ключ"):
        with pytest.raises(UsageError) as caught:
            XSource(base_url="https://api.x.com", bearer_token=bad)
        assert not bad or bad not in str(caught.value)
    with pytest.raises(UsageError, match="QUAKELENS_X_BASE_URL"):
        XSource(base_url="api.x.com", bearer_token=TOKEN)


def test_a_base_url_may_have_a_path() -> None:
    seen = []

    def answer(request: Request) -> Reply:
        seen.append((request.path, request.headers["authorization"]))
        return Reply(200, b'{"meta": {"result_count": 0}}')

    with LocalServer(answer) as server:
        ask(XSource(base_url=server.url + "/proxy/", bearer_token=f" {TOKEN}\n"))
    assert seen == [("/proxy/2/tweets/search/recent", f"Bearer {TOKEN}")]
