"""Whether X's posts are still there: by look-up and by batch compliance, through tweepy, against the stand-in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from x_world import NOW, TOKEN, api, clock, stored

from quakelens.demo.servers import Fault, Faults, LocalServer, Reply, Request, XApi
from quakelens.demo.servers.faults import FaultKind
from quakelens.demo.servers.x_posts import StoredPost
from quakelens.errors import RateLimited, SourceError, SourceRefused, SourceUnavailable, UsageError
from quakelens.settings import Settings
from quakelens.sources.post import Gone
from quakelens.sources.presence import KnownPost
from quakelens.sources.x_client import XClient
from quakelens.sources.x_compliance import XCompliance
from quakelens.sources.x_presence import XLookup, find_author, open_presence


def known(post: StoredPost, **changes: Any) -> KnownPost:
    values = {"id": (*post.earlier, post.id)[0], "author_id": post.author_id, "url": "https://x.example/1",
              "lookup": post.id if post.earlier else None}  # fmt: skip
    return KnownPost(**{**values, **changes})


def client_of(server: LocalServer, **options: Any) -> XClient:
    return XClient(base_url=server.url, bearer_token=TOKEN, **options)


@contextmanager
def world(folder: Path, **options: Any) -> Iterator[tuple[XApi, XClient]]:
    with api(folder, **options) as server:
        yield server, client_of(server)


@pytest.mark.parametrize("accepts", ["tweet", "post"])
def test_a_look_up_tells_what_is_gone_and_is_charged_by_what_is_there(tmp_path: Path, accepts: Any) -> None:
    posts = [stored(number) for number in range(98)]
    posts.append(stored(300, earlier=(stored(298).id, stored(299).id)))
    with world(tmp_path, posts=posts, accepts=accepts, spelling=accepts) as (server, client):
        for number, reason in ((10, "deleted"), (11, "protected"), (12, "withheld"), (13, "deactivated")):
            server.remove(posts[number].id, reason=reason)
        server.remove_author("504")
        lookup = XLookup(client)
        checked = lookup.check([known(post) for post in posts])
        suspended = {post.id for post in posts if post.author_id == "504"}
        assert checked.gone == Gone(frozenset({posts[number].id for number in (10, 11, 12, 13)} | suspended))
        assert checked.unknown == frozenset()
        assert server.billed_usd == checked.usd  # a withheld post is sent, so it costs
        assert checked.usd < lookup.most_usd(99)
        assert [call for call, _ in server.calls] == ["lookup"] * len({"tweet", accepts})
        assert "expansions" not in server.calls[-1][1]
        server.remove(stored(300).id)
        assert lookup.check([known(posts[-1])]).gone.posts == {stored(298).id}


def test_a_post_of_which_x_says_nothing_is_unknown() -> None:
    def problem(number: str, kind: str, parameter: str = "ids") -> dict[str, str]:
        return {"resource_id": number, "value": number, "parameter": parameter,
                "type": f"https://api.x.com/2/problems/{kind}"}  # fmt: skip

    body = {
        "data": [{"id": "1", "text": "a"}, {"id": "2", "text": "b", "withheld": {"country_codes": ["FR"]}}, None],
        "errors": [
            problem("3", "resource-unavailable"), problem("4", "resource-not-found", "entities.mentions.username"),
            problem("5", "not-authorized-for-resource"), problem("1", "resource-not-found"), "what", None,
        ],
    }  # fmt: skip
    with LocalServer(lambda _: Reply(200, json.dumps(body).encode())) as server:
        posts = [KnownPost(str(number), None, None, "") for number in range(1, 7)]
        checked = XLookup(client_of(server)).check(posts)
    assert checked.gone.posts == {"2", "5"}
    assert checked.unknown == {"3", "4", "6"}
    assert checked.usd == pytest.approx(2 * 0.005)


@pytest.mark.parametrize(
    ("kind", "error"),
    [("503", SourceUnavailable), ("cut", SourceUnavailable), ("html", SourceUnavailable), ("429", RateLimited),
     ("401", SourceRefused), ("402", SourceRefused), ("reset", SourceUnavailable)],
)  # fmt: skip
def test_a_look_up_that_fails_concludes_nothing(tmp_path: Path, kind: FaultKind, error: type[SourceError]) -> None:
    with world(tmp_path, faults_at={"lookup": Faults({1: Fault(kind)})}) as (_, client):
        with pytest.raises(error):
            XLookup(client).check([known(stored(1))])
        assert not XLookup(client).check([known(stored(1))]).gone
        assert XLookup(client).check([]).usd == 0


def compliance(client: XClient, **options: Any) -> XCompliance:
    return XCompliance(client, sleep=lambda _: None, **options)


def test_batch_compliance_tells_what_is_gone_and_costs_nothing(tmp_path: Path) -> None:
    posts = [stored(number) for number in range(1_500)]
    posts.append(stored(3_000, earlier=(stored(2_999).id,)))
    with world(tmp_path, posts=posts) as (server, client):
        server.compliance.polls = 3
        server.remove(posts[7].id)
        server.remove(posts[8].id, reason="scrub_geo")
        server.remove(posts[-1].id)
        server.remove_author("504", reason="protected")
        checked = compliance(client).check([known(post) for post in posts])
        assert checked.gone.authors == {"504"}
        of_author = {post.id for post in posts if post.author_id == "504"}
        assert checked.gone.posts - of_author == {posts[7].id, posts[8].id, stored(2_999).id}
        assert checked.unknown == frozenset()
        assert (checked.usd, server.billed_usd) == (0, 0)
        assert sorted(len(ids) for ids in server.compliance.uploads) == [5, 1_502]
        assert not compliance(client).check([known(posts[1])]).gone


def test_ids_that_are_none_of_x_are_unknown(tmp_path: Path) -> None:
    with world(tmp_path) as (server, client):
        posts = [known(stored(1)), known(stored(2), id="abc", author_id="none")]
        assert compliance(client).check(posts).unknown == {"abc"}
        assert compliance(client).check(posts[1:]).unknown == {"abc"}
        assert len(server.compliance.uploads) == 2


@pytest.mark.parametrize("ending", ["failed", "expired"])
def test_a_job_that_fails_concludes_nothing(tmp_path: Path, ending: Any) -> None:
    with world(tmp_path) as (server, client):
        server.compliance.ending = ending
        with pytest.raises(SourceUnavailable, match=ending):
            compliance(client).check([known(stored(1))])


def test_a_job_is_waited_for_through_failures_but_not_for_ever(tmp_path: Path) -> None:
    faults = {"compliance": Faults({2: Fault("503"), 3: Fault("cut")})}
    with world(tmp_path, faults_at=faults) as (server, client):
        server.remove(stored(1).id)
        assert compliance(client).check([known(stored(1))]).gone.posts == {stored(1).id}
        server.compliance.polls = 1_000
        with pytest.raises(SourceUnavailable, match="not done"):
            compliance(client, max_wait_s=100.0).check([known(stored(1))])


def test_an_account_without_batch_compliance_is_told_of_the_look_up(tmp_path: Path) -> None:
    with (
        world(tmp_path, faults_at={"compliance": Faults(always=Fault("403"))}) as (_, client),
        pytest.raises(SourceRefused, match=r"client-not-enrolled.*QUAKELENS_X_RECHECK"),
    ):
        compliance(client).check([known(stored(1))])


@pytest.mark.parametrize(
    ("result", "gone", "unknown"),
    [
        (b'\n\n{"id": "1", "action": "delete", "reason": "deleted"}\n\n\n', {"1"}, set()),
        (b'{"id": "1", "action": "delete"}\n{"id": "2", "acti', {"1"}, {"2", "3"}),
        (b'[]\n{"id": 1}\n', {"1"}, {"2", "3"}),
        (b"", set(), set()),
    ],
)
def test_a_result_that_is_damaged_concludes_nothing_of_what_it_does_not_name(
    result: bytes, gone: set[str], unknown: set[str]
) -> None:
    def answer(request: Request) -> Reply:
        if request.method == "PUT" or request.path == "/result":
            assert "authorization" not in request.headers  # the token stays with X
            return Reply(200, b"" if request.method == "PUT" else result)
        job = {
            "id": "7",
            "status": "complete",
            "upload_url": server.url + "/up",
            "download_url": server.url + "/result",
        }
        return Reply(200, json.dumps({"data": job}).encode())

    with LocalServer(answer) as server:
        checked = compliance(client_of(server)).check([KnownPost(each, None, None, "") for each in "123"])
    assert (checked.gone.posts, checked.unknown) == (gone, unknown)


@pytest.mark.parametrize("url", ["http://10.0.0.1/up", "file:///etc/passwd", "", "http://127.0.0.1:1/up"])
def test_ids_are_sent_only_to_safe_addresses(url: str) -> None:
    job = {"data": {"id": "7", "status": "created", "upload_url": url}}
    with (
        LocalServer(lambda _: Reply(200, json.dumps(job).encode())) as server,
        pytest.raises(SourceUnavailable, match="not https"),
    ):
        compliance(client_of(server)).check([KnownPost("1", None, None, "")])


def test_storage_that_sends_elsewhere_is_not_followed() -> None:
    def answer(request: Request) -> Reply:
        if request.method == "PUT":
            return Reply(302, headers={"Location": "http://127.0.0.1:1/"})
        return Reply(200, json.dumps({"data": {"id": "7", "status": "created", "upload_url": server.url}}).encode())

    with LocalServer(answer) as server, pytest.raises(SourceUnavailable, match="302"):
        compliance(client_of(server)).check([KnownPost("1", None, None, "")])


def test_finds_an_author_by_handle_and_says_what_that_cost(tmp_path: Path) -> None:
    with world(tmp_path) as (server, client):
        found = find_author(client, "@User3")
        assert (found.id, found.usd) == ("503", server.billed_usd)
        assert find_author(client, "nobody").id is None
        server.remove_author("504")
        assert find_author(client, "user4") == find_author(client, "nobody")
        assert server.billed_usd == 0.010
        for bad in ("", "a" * 16, "../tweets", "user 3"):
            with pytest.raises(UsageError, match="handle"):
                find_author(client, bad)
        assert len(server.calls) == 4


def test_the_settings_choose_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUAKELENS_X_BEARER_TOKEN", TOKEN)
    assert isinstance(open_presence(Settings()), XLookup)
    monkeypatch.setenv("QUAKELENS_X_RECHECK", "compliance")
    assert isinstance(open_presence(Settings()), XCompliance)
    monkeypatch.setenv("QUAKELENS_X_BEARER_TOKEN", "")
    with pytest.raises(UsageError, match="QUAKELENS_X_BEARER_TOKEN"):
        open_presence(Settings())


def test_a_look_up_on_another_day_is_charged_anew(tmp_path: Path) -> None:
    now, move = clock(NOW)
    with world(tmp_path, now=now) as (server, client):
        usd = 0.0
        for _ in range(2):
            usd += XLookup(client).check([known(stored(number)) for number in range(5)]).usd
            move(timedelta(days=1))
        assert server.billed_usd == pytest.approx(usd)
