"""What a Mastodon server may answer that mastodon_mock does not: limits, refusals, cut and hostile answers."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from harvest_world import params

from quakelens.demo.servers.local import LocalServer, Reply, Request, html_reply, json_reply
from quakelens.errors import RateLimited, SourceRefused, SourceUnavailable, UsageError
from quakelens.settings import Settings, mastodon_tokens
from quakelens.sources import Page, Topic
from quakelens.sources.available import chosen, open_source
from quakelens.sources.mastodon import MastodonSource
from quakelens.sources.mastodon_client import _WHOLE_S
from quakelens.sources.mastodon_presence import MastodonPresence
from quakelens.sources.presence import KnownPost

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
TOKEN = "secret-of-an-account"


class Server(LocalServer):
    """Answers with `reply`, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.reply: Reply = json_reply(200, [])
        self.asked: list[Request] = []

    def _answer(self, request: Request) -> Reply:
        self.asked.append(request)
        return self.reply


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def ask(server: Server, tag: str = "quake", *, token: str | None = None, **more: Any) -> Page:
    tokens = {server.address: token} if token else None
    source = MastodonSource([server.address], tokens=tokens, allow=frozenset({server.address}))
    wanted = {"start_time": START, "end_time": None, "since_id": None, "next_token": None, "page_size": 40}
    return source.search(f"{server.address}#{tag}", **{**wanted, **more})


def status(number: int, minutes: float = 5, **more: Any) -> dict[str, Any]:
    time = (START + timedelta(minutes=minutes)).isoformat()
    return {"id": str(number), "uri": f"https://home.example/{number}", "created_at": time, "content": "x", **more}


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 422])
def test_a_closed_timeline_is_a_refusal_that_says_what_to_do(server: Server, code: int) -> None:
    server.reply = json_reply(code, {"error": "This method requires an authenticated user"})
    with pytest.raises(SourceRefused, match=rf"{server.address}.*status {code}.*QUAKELENS_MASTODON_TOKENS"):
        ask(server)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [
        json_reply(500, {"error": "Remote data could not be fetched"}),
        json_reply(503, {"error": "busy"}),
        html_reply(502),
        html_reply(503),
        html_reply(200),
        json_reply(200, {"error": "this is no list"}),
        json_reply(206, []),
        Reply(200, b""),
        Reply(200, b"[" * 100_000),
        Reply(200, json.dumps([status(1)]).encode(), cut_after=30),
        Reply(503, b"x" * 100, cut_after=10),
    ],
)
def test_a_failure_passes_by_itself(server: Server, reply: Reply) -> None:
    server.reply = reply
    with pytest.raises(SourceUnavailable, match=server.address):
        ask(server)
    assert len(server.asked) == 1, "nothing asks again by itself"


def test_an_empty_timeline_is_a_page(server: Server) -> None:
    page = ask(server)
    assert (page.next_token, page.newest_id) == (None, None)
    assert page.raw == json.dumps({"instance": server.address}).encode() + b"\n[]"


def test_the_rate_limit_is_renewed_when_the_server_says(server: Server) -> None:
    reset = datetime(2030, 1, 2, 3, 5, 0, 123456, tzinfo=UTC)
    server.reply = json_reply(429, {"error": "Throttled"}, {"X-RateLimit-Reset": "2030-01-02T03:05:00.123456Z"})
    began = time.monotonic()
    with pytest.raises(RateLimited, match="03:05:00") as raised:
        ask(server)
    assert raised.value.reset_time == reset
    assert time.monotonic() - began < 5, "nothing sleeps"


@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Reset": "soon"}, {"X-RateLimit-Reset": "99999999999999"}])
def test_a_rate_limit_without_a_time_has_none(server: Server, headers: dict[str, str]) -> None:
    server.reply = json_reply(429, {"error": "Throttled"}, headers)
    with pytest.raises(RateLimited, match="some minutes") as raised:
        ask(server)
    assert raised.value.reset_time is None


def test_a_proxy_gives_the_wait_in_seconds(server: Server) -> None:
    server.reply = Reply(429, b"<html>", headers={"Retry-After": "90"})
    with pytest.raises(RateLimited) as raised:
        ask(server)
    assert raised.value.reset_time is not None
    assert timedelta(seconds=80) < raised.value.reset_time - datetime.now(UTC) <= timedelta(seconds=90)


@pytest.mark.parametrize("name", ["X-RateLimit-Reset", "X-RateLimit-Remaining", "Date", "Link", "Deprecation"])
def test_headers_that_mastodon_py_cannot_read_do_not_lose_the_page(server: Server, name: str) -> None:
    headers = {"X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "2030-01-01T00:00:00Z", name: "<]nonsense[>; rel"}
    server.reply = json_reply(200, [status(7)], headers)
    assert ask(server).newest_id == "7"


def test_a_redirect_is_not_followed_and_no_token_goes_with_it(server: Server) -> None:
    with Server() as other:
        server.reply = Reply(302, headers={"Location": f"{other.url}/api/v1/timelines/tag/quake"})
        with pytest.raises(SourceRefused, match="elsewhere"):
            ask(server, token=TOKEN)
        assert other.asked == []


def test_a_server_without_answer_passes_by_itself() -> None:
    with Server() as gone:
        address = gone.address
    source = MastodonSource([address], allow=frozenset({address}))
    with pytest.raises(SourceUnavailable, match=address):
        source.search(
            f"{address}#quake", start_time=START, end_time=None, since_id=None, next_token=None, page_size=40
        )  # fmt: skip


def test_a_slow_server_is_not_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quakelens.sources.mastodon_client._READ_S", 0.2)
    server.reply = Reply(200, b"[]", delay_s=20)
    began = time.monotonic()
    with pytest.raises(SourceUnavailable, match="timed out"):
        ask(server)
    assert time.monotonic() - began < 10 < _WHOLE_S


def test_an_answer_without_end_is_cut(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quakelens.sources.mastodon_client._MAX_BYTES", 300_000)
    server.reply = Reply(200, body=(b" " * 10_000 for _ in range(10**9)))
    with pytest.raises(SourceUnavailable, match="larger than"):
        ask(server)


def test_the_token_goes_to_its_server_only_and_into_no_message(server: Server) -> None:
    ask(server)
    ask(server, token=TOKEN)
    assert [each.headers.get("authorization") for each in server.asked] == [None, f"Bearer {TOKEN}"]
    server.reply = Reply(200, b"[]", cut_after=1)
    with pytest.raises(SourceUnavailable) as raised:
        ask(server, token=TOKEN)
    assert TOKEN not in f"{raised.value!r} {raised.value.__cause__!r}"


def test_what_is_asked(server: Server) -> None:
    ask(server, "地震", page_size=25, since_id="12", next_token="99")
    request = server.asked[-1]
    assert request.path.startswith("/api/v1/timelines/tag/%E5%9C%B0%E9%9C%87")
    assert dict(request.query) == {"limit": "25", "since_id": "12", "max_id": "99"}
    assert len(server.asked) == 1, "the server is not asked first whether it has timelines"


def test_ids_begin_with_the_time(server: Server) -> None:
    end = START + timedelta(days=1)
    ask(server, end_time=end)
    assert dict(server.asked[-1].query)["max_id"] == str(int(end.timestamp() * 1000) << 16)
    mark = (int(START.timestamp() * 1000) << 16) + 77
    ask(server, since_id=str(mark))
    since = int(dict(server.asked[-1].query)["since_id"])
    assert (mark >> 16) - (since >> 16) == 180_000, "posts that arrive late are among the newer ones"


@pytest.mark.parametrize(
    ("minutes", "more", "next_token"),
    [
        ([9, 5], {}, "2"),
        ([9, 0], {}, "2"),  # the start itself belongs to the window
        ([9, -1], {}, None),
        ([-1, 5], {}, "2"),  # only the oldest counts
        ([9, -1], {"since_id": "1"}, "2"),
        ([9, 5], {"next_token": "2"}, None),  # a server that does not move on is left
    ],
)
def test_where_the_walk_goes_on(
    server: Server, minutes: list[float], more: dict[str, str], next_token: str | None
) -> None:
    server.reply = json_reply(200, [status(3 - i, each) for i, each in enumerate(minutes, start=0) if i < 2])
    page = ask(server, **more)
    assert (page.newest_id, page.next_token) == ("3", next_token)


def test_queries_are_few_tags_on_each_server() -> None:
    source = MastodonSource(["a.example", "b.example"])
    topic = Topic(
        words=("earthquake", "building collapsed", "Earthquake", "#Deprem", "हिमाल", "123", "a/b?c", "w1", "w2", "w3"),
        towns=("San Francisco", "Antakya", "antakya", "Adana", "Hatay"),
    )
    queries = list(source.queries(topic))
    assert queries[:4] == ["a.example#sanfrancisco", "b.example#sanfrancisco", "a.example#antakya", "b.example#antakya"]
    assert [each for each in queries[6:] if each.startswith("a")] == [
        "a.example#earthquake", "a.example#deprem", "a.example#हिमाल", "a.example#abc", "a.example#w1"
    ]  # fmt: skip
    assert len(queries) == len(set(queries)) == 16
    assert source.queries(Topic(words=("two words",))) == []


@pytest.mark.parametrize("host", ["", "localhost", "https://a.example", "a.example/x", "a.example#", "u@a.example"])
def test_servers_are_host_names(host: str) -> None:
    with pytest.raises(UsageError, match="host name"):
        MastodonSource([host])


def test_only_allowed_servers_are_asked_without_tls(server: Server) -> None:
    source = MastodonSource([server.address])
    with pytest.raises(SourceUnavailable):
        source.search(
            f"{server.address}#quake", start_time=START, end_time=None, since_id=None, next_token=None, page_size=40
        )  # fmt: skip
    assert server.asked == []


def test_settings_give_servers_and_tokens() -> None:
    written = params().harvest
    settings = Settings(mastodon_tokens="Mastodon.social=abc=, mstdn.jp = def", x_bearer_token=None)
    assert mastodon_tokens(settings) == {"mastodon.social": "abc=", "mstdn.jp": "def"}
    assert "abc" not in repr(settings)
    assert open_source("mastodon", settings, written).name == "mastodon"
    assert "mastodon" in chosen(settings) and "x" not in chosen(settings)
    with pytest.raises(UsageError, match="entry 2"):
        mastodon_tokens(Settings(mastodon_tokens="a.example=1,geheim"))
    with pytest.raises(UsageError, match=r"other\.example is not among"):
        open_source("mastodon", Settings(mastodon_tokens="other.example=1"), written)


def known(server: Server, local_id: str = "1", uri: str = "https://home.example/1") -> KnownPost:
    return KnownPost(uri, None, f"{server.address}/{local_id}", uri)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (json_reply(200, status(1)), "there"),
        (json_reply(200, {**status(9), "reblog": status(1)}), "unknown"),
        (json_reply(200, status(2)), "unknown"),
        (json_reply(404, {"error": "Record not found"}), "gone"),
        (json_reply(410, {"error": "Gone"}), "gone"),
        (html_reply(404), "unknown"),  # a parked domain answers so
        (html_reply(410), "unknown"),
        (html_reply(200), "unknown"),
        (json_reply(401, {"error": "This API requires an authenticated user"}), "unknown"),
        (json_reply(403, {"error": "no"}), "unknown"),
        (json_reply(500, {"error": "no"}), "unknown"),
        (html_reply(503), "unknown"),
        (Reply(302, headers={"Location": "https://elsewhere.example/"}), "unknown"),
        (Reply(404, b'{"error": "Record not found"}', cut_after=5), "unknown"),
    ],
)
def test_only_mastodon_itself_says_that_a_post_is_gone(server: Server, reply: Reply, outcome: str) -> None:
    server.reply = reply
    post = known(server)
    checked = MastodonPresence(allow=frozenset({server.address})).check([post])
    found = "gone" if checked.gone.posts else "unknown" if checked.unknown else "there"
    assert found == outcome
    assert server.asked[-1].path == "/api/v1/statuses/1"


def test_presence_waits_for_a_short_limit_and_not_for_a_dead_server(server: Server) -> None:
    presence = MastodonPresence(allow=frozenset({server.address}))
    soon = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
    server.reply = json_reply(429, {"error": "Throttled"}, {"X-RateLimit-Reset": soon})
    with pytest.raises(RateLimited, match="wait until"):
        presence.check([known(server)])
    server.reply = Reply(200, b"{", cut_after=0)
    assert len(presence.check([known(server), known(server, "2", "https://home.example/2")]).unknown) == 2
    assert len(server.asked) == 2


@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Reset": "2040-01-02T03:05:00.000Z"}])
def test_a_server_that_is_limited_for_long_does_not_keep_the_others_waiting(
    server: Server, headers: dict[str, str]
) -> None:
    with Server() as other:
        presence = MastodonPresence(allow=frozenset({server.address, other.address}))
        server.reply, other.reply = json_reply(429, {"error": "Throttled"}, headers), json_reply(404, {"error": "gone"})
        posts = [
            known(server),
            known(server, "2", "https://home.example/2"),
            known(other, "3", "https://home.example/3"),
        ]
        checked = presence.check(posts)
        assert (checked.unknown, checked.gone.posts) == ({posts[0].id, posts[1].id}, {posts[2].id})
        assert len(server.asked) == 1


@pytest.mark.parametrize("lookup", [None, "", "a.example", "a.example/1/../2", "a.example/1?x", "http://a.example/1"])
def test_a_post_that_cannot_be_looked_up_is_unknown(lookup: str | None) -> None:
    post = KnownPost("https://home.example/1", None, lookup, "")
    assert MastodonPresence().check([post]).unknown == {post.id}
