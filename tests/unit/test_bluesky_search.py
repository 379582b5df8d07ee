"""Bluesky's search and look-ups, asked of the stand-in by the real client."""

from __future__ import annotations

import io
import json
import stat
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from bluesky_world import TOPIC, deleted, left, others, uri, wanted
from harvest_world import EARTHQUAKE, ORIGIN, impatient, new_store, params
from PIL import Image

from quakelens.demo.servers.bluesky import BlueskyServer
from quakelens.demo.servers.faults import Fault, FaultKind, Faults
from quakelens.demo.servers.jetstream_events import Event, cid_of, commit, did_of, identity, images, post_record, tid_of
from quakelens.errors import RateLimited, SourceError, SourceRefused, SourceUnavailable, UsageError
from quakelens.harvest import harvest_pages
from quakelens.sources import Page, Source
from quakelens.sources.bluesky_presence import BlueskyPresence
from quakelens.sources.bluesky_record import Addresses
from quakelens.sources.bluesky_search import BlueskySearchSource
from quakelens.sources.bluesky_session import Session
from quakelens.sources.bluesky_xrpc import Xrpc
from quakelens.sources.presence import KnownPost

HANDLE, PASSWORD = "quakelens.example", "abcd-efgh-ijkl-mnop"
NOW = ORIGIN + timedelta(hours=6)
EVENTS = [
    *others(300),
    *(wanted(i, 20 * i) for i in range(1, 61)),
    wanted(70, -3600, "Earthquake of last year"),
    identity(did_of("author1"), ORIGIN, "mary.bsky.social"),
]


@pytest.fixture
def server() -> Iterator[BlueskyServer]:
    with BlueskyServer(EVENTS) as running:
        yield running


def source(server: BlueskyServer, file: Path | None = None, *, password: str = PASSWORD) -> BlueskySearchSource:
    return BlueskySearchSource(Session(Xrpc(server.url, "QUAKELENS_BLUESKY_SERVICE_URL"), HANDLE, password, file))


def ask(opened: Source, query: str = "earthquake", *, token: str | None = None, since: str | None = None,
        size: int = 25, start: datetime = ORIGIN, end: datetime | None = None) -> Page:  # fmt: skip
    return opened.search(query, start_time=start, end_time=end, since_id=since, next_token=token, page_size=size)


def test_a_search_is_walked_from_the_newest_post_to_the_oldest(server: BlueskyServer) -> None:
    opened, pages = source(server), []
    token = None
    while not pages or token is not None:
        pages.append(ask(opened, token=token))
        token = pages[-1].next_token
    found = [post for page in pages for post in opened.parse(page.raw).posts]
    assert [post.id for post in found] == [uri(wanted(i, 20 * i)) for i in range(60, 0, -1)]
    assert found[-1].author == "mary.bsky.social"
    assert found[0].author is None
    assert found[0].created_at == ORIGIN + timedelta(seconds=1200)
    assert found[0].source == "bluesky"  # one post, whichever way it was found
    assert found[0].media[0].url.startswith(f"https://cdn.bsky.app/img/feed_fullsize/plain/{found[0].author_id}/")
    assert pages[0].newest_id == "2026-05-01T12:20:00.000Z"
    assert server.logins == 1
    assert all(opened.parse(page.raw).problems == () for page in pages)


def test_a_mark_asks_for_what_is_new_and_a_little_more(server: BlueskyServer) -> None:
    opened = source(server)
    mark = ask(opened).newest_id
    late = wanted(80, 1190)  # it comes into the index after the newest one
    for event in (late, wanted(81, 1300)):
        server.posts.take(event)
    again = opened.parse(ask(opened, since=mark).raw).posts
    assert {uri(late), uri(wanted(81, 1300))} <= {post.id for post in again}
    assert len(again) < 10
    before = ask(opened, start=ORIGIN - timedelta(days=3), end=ORIGIN)
    assert [post.text for post in opened.parse(before.raw).posts] == ["Earthquake of last year"]


def test_each_word_is_a_query_and_the_most_telling_the_last(server: BlueskyServer) -> None:
    opened = source(server)
    topic = type(TOPIC)(words=("earthquake", "building collapsed", 'say "no"', "earthquake", "!"))
    assert opened.queries(topic) == ['"say no"', '"building collapsed"', "earthquake"]
    assert ask(opened, '"bakery collapsed"').newest_id is not None
    assert ask(opened, '"collapsed bakery"').newest_id is None
    with pytest.raises(UsageError):
        opened.queries(type(TOPIC)(words=()))


def test_a_harvest_by_search_finds_what_the_stream_finds(tmp_path: Path, server: BlueskyServer) -> None:
    store, opened = new_store(tmp_path), source(server)
    section = params(page_size=25)
    for expected in (60, 0):
        result = harvest_pages(
            store, opened, EARTHQUAKE, section.harvest, tmp_path / "pages", NOW, queries=opened.queries(TOPIC),
            patience=impatient(),
        )  # fmt: skip
        assert (result.new_posts, result.state, result.cost_usd) == (expected, "done", 0.0)
    assert server.logins == 1


def test_a_session_is_kept_for_the_next_process_and_renewed(tmp_path: Path, server: BlueskyServer) -> None:
    file = tmp_path / "cache" / "session.json"
    ask(source(server, file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD not in file.read_text(encoding="utf-8")
    ask(source(server, file))
    assert server.logins == 1
    server.expire("access")
    first, second = source(server, file), source(server, file)
    ask(first)
    ask(second)
    assert server.asked.count("com.atproto.server.refreshSession") == 1
    assert server.logins == 1
    for kind in ("access", "refresh"):
        server.expire(kind)
    ask(first)
    assert server.logins == 2
    file.write_text("{", encoding="utf-8")
    ask(source(server, file))
    assert server.logins == 3
    other = Session(Xrpc(server.url, "S"), "somebody.else", PASSWORD, file)
    with pytest.raises(SourceRefused):  # the file is not that account's
        ask(BlueskySearchSource(other))


def test_a_session_that_expires_at_once_is_no_endless_loop(server: BlueskyServer) -> None:
    opened = source(server)
    ask(opened)
    session = server._session
    server._session = lambda request: (session(request), server.expire("access"))[0]  # type: ignore[method-assign]
    server.expire("access")
    with pytest.raises(SourceUnavailable):
        ask(opened)
    assert server.asked.count("com.atproto.server.refreshSession") == 1


def test_logins_are_limited(server: BlueskyServer) -> None:
    with BlueskyServer(EVENTS, sessions=3) as few:
        for _ in range(3):
            ask(source(few))
        with pytest.raises(RateLimited) as caught:
            ask(source(few))
        assert caught.value.reset_time is not None
        assert caught.value.reset_time.timestamp() > time.time()
    assert server.logins == 0


def test_the_last_answer_for_now_is_the_last_question(server: BlueskyServer) -> None:
    with BlueskyServer(EVENTS, requests=3) as few:
        opened = source(few)
        ask(opened)
        ask(opened)
        with pytest.raises(RateLimited) as caught:
            ask(opened)
        assert caught.value.reset_time is not None
        assert len(few.asked) == 3


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        ("503", SourceUnavailable, "503"),
        ("503-html", SourceUnavailable, "503"),
        ("html", SourceUnavailable, "something else than an object"),
        ("cut", SourceUnavailable, "try again"),
        ("401", SourceRefused, "QUAKELENS_BLUESKY_APP_PASSWORD"),
        ("403", SourceRefused, "without a login"),
        ("429", RateLimited, "wait some minutes"),
        ("429-reset", RateLimited, "UTC"),
    ],
)
def test_each_failure_is_told_apart(kind: FaultKind, error: type[SourceError], says: str) -> None:
    with BlueskyServer(EVENTS, faults=Faults({2: Fault(kind, 60.0)})) as server:
        with pytest.raises(error, match=says) as caught:
            ask(source(server))
        assert PASSWORD not in str(caught.value)
        if isinstance(caught.value, RateLimited):
            assert (caught.value.reset_time is None) is (kind == "429")


def test_a_wrong_password_and_a_wrong_address_are_said(server: BlueskyServer) -> None:
    with pytest.raises(SourceRefused, match="Invalid identifier or password"):
        ask(source(server, password="wrong"))
    with pytest.raises(SourceRefused, match="limit can not be greater"):
        ask(source(server), size=1000)
    with pytest.raises(SourceRefused, match="no mark"):
        ask(source(server), since="1600000000000000001")
    for url in ("bsky.social", "ftp://bsky.social", "https://", "https://me:secret@bsky.social"):
        with pytest.raises(UsageError, match="SETTING"):
            Xrpc(url, "SETTING")
    with BlueskyServer() as gone:
        opened = source(gone)
    with pytest.raises(SourceUnavailable, match="try again"):
        ask(opened)
    assert PASSWORD not in repr(opened)


def test_hidden_posts_and_those_for_members_are_left_out_and_marked_ones_marked(server: BlueskyServer) -> None:
    server.posts.labels = {
        uri(wanted(60, 1200)): ["!hide"],
        did_of("author9"): ["!no-unauthenticated"],
        uri(wanted(58, 1160)): ["graphic-media"],
    }
    opened = source(server)
    parsed = opened.parse(ask(opened).raw)
    assert len(parsed.posts) == 23
    assert [post.id for post in parsed.posts if post.sensitive] == [uri(wanted(58, 1160))]
    (problem,) = parsed.problems
    assert problem.startswith("2 posts were left out")


def test_what_cannot_be_read_is_a_problem_and_the_rest_is_whole(server: BlueskyServer) -> None:
    opened = source(server)
    body = json.loads(ask(opened, size=5).raw)
    body["posts"][1]["uri"] = "at://did:plc:x/app.bsky.feed.like/1"
    body["posts"][2]["record"] = None
    body["posts"][3]["indexedAt"] = "yesterday"
    parsed = opened.parse(json.dumps({**body, "posts": [*body["posts"], 7]}).encode())
    assert len(parsed.posts) == 2
    assert len(parsed.problems) == 3
    for raw in (b"", b"[]", b"<html>", b"{}", b'{"posts": 3}'):
        with pytest.raises(SourceUnavailable):
            opened.parse(raw)


def test_nothing_of_what_is_redacted_is_left(server: BlueskyServer) -> None:
    first, second, third = (wanted(i, 20 * i) for i in (60, 59, 58))
    opened = source(server)
    body = json.loads(ask(opened, size=5).raw)
    body["posts"][3]["embed"] = {
        "record": {"record": {"uri": uri(first), "author": {"did": first["did"]}, "value": "words"}}
    }
    raw = json.dumps(body).encode()
    less = opened.redact(raw, posts={uri(first)}, authors={second["did"]})
    for trace in (uri(first), second["did"], "words"):
        assert trace.encode() in raw
        assert trace.encode() not in less
    assert opened.parse(less).posts[0].id == uri(third)
    assert len(opened.parse(less).posts) == 3
    assert opened.redact(b"no page", posts=(), authors=()) == b"{}"


def known(event: Event) -> KnownPost:
    return KnownPost(id=uri(event), author_id=event["did"], lookup=None, url="")


@pytest.fixture
def presence(server: BlueskyServer) -> BlueskyPresence:
    return BlueskyPresence(Xrpc(server.url, "QUAKELENS_BLUESKY_APPVIEW_URL"))


def test_posts_that_are_gone_are_told(server: BlueskyServer, presence: BlueskyPresence) -> None:
    found = [wanted(i, 20 * i) for i in range(1, 26)]
    assert not presence.check([known(each) for each in found]).gone
    assert server.asked == ["app.bsky.feed.getPosts"]
    for event in (deleted(found[2], 9000), left(found[5], 9001, "takendown")):
        server.posts.take(event)
    server.posts.labels = {found[9]["did"]: ["!no-unauthenticated"]}
    checked = presence.check([*(known(each) for each in found[:24]), KnownPost("x/1", None, None, "")])
    assert checked.gone.posts == {uri(found[i]) for i in (2, 5, 9)}
    assert checked.unknown == {"x/1"}
    assert server.logins == 0
    assert presence.most_usd(25) == 0
    assert not presence.check([]).gone


@pytest.mark.parametrize("kind", ["503", "html", "cut", "429"])
def test_nothing_is_concluded_from_a_failure(kind: FaultKind) -> None:
    with BlueskyServer(EVENTS, faults=Faults({1: Fault(kind)})) as server:
        presence = BlueskyPresence(Xrpc(server.url, "S"))
        with pytest.raises((SourceUnavailable, RateLimited)):
            presence.check([known(wanted(1, 20))])


def test_what_is_left_out_once_is_asked_for_again(
    server: BlueskyServer, presence: BlueskyPresence, monkeypatch: pytest.MonkeyPatch
) -> None:
    views: Callable[[list[str]], list[dict[str, object]]] = server.posts.views
    asked = 0

    def forgetful(uris: list[str]) -> list[dict[str, object]]:
        nonlocal asked
        asked += 1
        return views(uris)[: 1 if asked == 1 else None]

    monkeypatch.setattr(server.posts, "views", forgetful)
    assert not presence.check([known(wanted(i, 20 * i)) for i in (1, 2, 3)]).gone
    assert len(server.asked) == 2


def test_a_handle_leads_to_its_author(presence: BlueskyPresence) -> None:
    assert presence.find_author("@Mary.bsky.social") == did_of("author1")
    assert presence.find_author("nobody.example") is None
    assert presence.find_author("did:plc:abc") == "did:plc:abc"


def test_pictures_come_as_jpeg_until_their_post_is_gone() -> None:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "grey").save(out, "JPEG")
    cid, time_ = cid_of(b"p"), ORIGIN
    event = commit(did_of("a"), time_, "create", tid_of(time_), post_record("earthquake", time_, embed=images([cid])))
    with BlueskyServer([event], pictures={cid: out.getvalue()}) as server:
        server.public = True
        address = Addresses(cdn=server.url, video=server.url)
        session = Session(Xrpc(server.url, "S"), HANDLE, PASSWORD)
        opened = BlueskySearchSource(session, addresses=address)
        (post,) = opened.parse(ask(opened).raw).posts
        with httpx.Client() as client:
            answer = client.get(post.media[0].url)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
            assert Image.open(io.BytesIO(answer.content)).format == "JPEG"
            plain = client.get(post.media[0].url.removesuffix("@jpeg"))
            assert Image.open(io.BytesIO(plain.content)).format == "WEBP"
            server.posts.take(deleted(event, 60))
            assert client.get(post.media[0].url).status_code == 404
