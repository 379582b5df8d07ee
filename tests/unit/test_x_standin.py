"""The stand-ins: they must behave as X and the USGS do, or tests against them prove nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from quakelens.demo.servers import Fault, Faults, FeedServer, XApi, demo_faults
from quakelens.demo.servers.x_query import QueryError, Searchable, compile_query

NOW = datetime(2023, 2, 8, 12, tzinfo=UTC)
SEARCH = "/2/tweets/search/recent"


def write_posts(folder: Path, count: int = 25) -> Path:
    (folder / "images").mkdir()
    Image.new("RGB", (40, 30), "grey").save(folder / "images" / "a.jpg")
    rows: list[dict[str, Any]] = []
    for number in range(count):
        rows.append(
            {
                "id": str(1000 + number),
                "created_at": (NOW - timedelta(minutes=10 * (count - number))).isoformat(),
                "author": f"user{number % 3}",
                "author_id": str(number % 3),
                "text": f"deprem & yıkım {number}" if number % 5 else f"quake {number} http://example.org/deprem",
                "lang": "tr" if number % 2 else "en",
                "coordinates": [37.1, 37.2] if number == 1 else None,
                "place": PLACE if number == 2 else None,
                "repost_of": "1001" if number == 3 else ("1" if number == 4 else None),
                "sensitive": number == 1,
                "images": ["images/a.jpg", "images/gone.jpg"] if number % 2 else [],
            }
        )
    file = folder / "posts.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


PLACE = {
    "id": "p1",
    "full_name": "Gaziantep, Türkiye",
    "country_code": "TR",
    "place_type": "city",
    "bbox": [36.0, 36.5, 38.0, 37.5],
}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[XApi]:
    file = write_posts(tmp_path)
    with XApi(file, token="secret", now=NOW, images_root=tmp_path, reposts_found=True) as server:
        yield server


def ask(server: XApi, token: str = "secret", **parameters: str | int) -> httpx.Response:
    named = {name.replace("__", "."): value for name, value in parameters.items()}
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(server.url + SEARCH, params=named, headers=headers, trust_env=False)


def ids(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [post["id"] for post in response.json().get("data", [])]


def test_pages_newest_first_until_there_is_no_token_and_bills_each_post_once(api: XApi) -> None:
    found, token = [], None
    while True:
        page = ask(api, query="deprem", max_results=10, **({"next_token": token} if token else {}))
        found += ids(page)
        token = page.json()["meta"].get("next_token")
        if token is None:
            break
    wanted = [str(1000 + number) for number in range(24, -1, -1) if number % 5]
    assert found == wanted
    assert api.billed == wanted
    assert api.requests == 2
    assert int(page.headers["x-rate-limit-remaining"]) == 448


def test_gives_only_what_is_asked_for(api: XApi) -> None:
    bare = ask(api, query="deprem", max_results=100).json()
    assert set(bare) == {"data", "meta"}
    assert all(set(post) == {"id", "text", "edit_history_tweet_ids"} for post in bare["data"])
    assert bare["data"][0]["text"] == "deprem &amp; yıkım 24"
    full = ask(
        api,
        query="deprem",
        max_results=100,
        expansions="author_id,attachments.media_keys,geo.place_id,referenced_tweets.id",
        tweet__fields="created_at,geo,referenced_tweets,possibly_sensitive",
        media__fields="url,width,height",
        place__fields="geo",
    ).json()
    posts = {post["id"]: post for post in full["data"]}
    assert posts["1001"]["geo"] == {"coordinates": {"type": "Point", "coordinates": [37.1, 37.2]}}
    assert posts["1001"]["possibly_sensitive"] is True
    assert posts["1002"]["geo"] == {"place_id": "p1"}
    assert full["includes"]["places"][0]["geo"]["bbox"] == PLACE["bbox"]
    assert posts["1003"]["referenced_tweets"] == [{"type": "retweeted", "id": "1001"}]
    assert [post["id"] for post in full["includes"]["tweets"]] == ["1001"]
    assert full["errors"][0]["resource_id"] == "1"
    there, gone = sorted(full["includes"]["media"], key=lambda item: "width" not in item)
    assert (there["width"], there["height"]) == (40, 30)
    assert httpx.get(there["url"]).headers["content-type"] == "image/jpeg"
    large = there["url"].removesuffix(".jpg") + "?format=jpg&name=large"
    assert httpx.get(large).status_code == 200
    assert httpx.get(large.replace("large", "huge")).status_code == 404
    assert httpx.get(gone["url"]).status_code == 404


def test_bounds_of_time_and_ids(api: XApi) -> None:
    fields = {"query": "deprem OR quake", "max_results": 100}
    at = NOW - timedelta(minutes=50)  # of post 1020
    stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ids(ask(api, start_time=stamp, **fields))[-1] == "1020"  # inclusive
    assert ids(ask(api, end_time=stamp, **fields))[0] == "1019"  # exclusive
    assert ids(ask(api, since_id="1022", start_time="2001-01-01T00:00:00Z", **fields)) == ["1024", "1023"]
    assert ids(ask(api, until_id="1002", **fields)) == ["1001", "1000"]
    empty = ask(api, since_id="1024", **fields).json()
    assert empty == {"meta": {"result_count": 0}}
    api.now = NOW - timedelta(minutes=10) + timedelta(seconds=20)  # the newest is younger than 30 s
    assert ids(ask(api, **fields))[0] == "1023"


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"max_results": 9}, {"max_results"}),
        ({"max_results": 101, "start_time": "2023-02-01"}, {"max_results", "start_time"}),
        ({"start_time": "2023-01-31T00:00:00Z"}, {"start_time"}),
        ({"end_time": "2023-02-08T11:59:55Z"}, {"end_time"}),
        ({"next_token": "abc"}, {"next_token"}),
        ({"since_id": "x"}, {"since_id"}),
        ({"tweet_fields": "id"}, {"tweet_fields"}),
        ({"tweet__fields": "id,colour"}, {"tweet.fields"}),
        ({"query": "x" * 513}, {"query"}),
        ({"query": "has:media"}, {"query"}),
        ({"query": " "}, {"query"}),
    ],
)
def test_refuses_wrong_parameters_all_at_once(api: XApi, parameters: dict[str, Any], names: set[str]) -> None:
    response = ask(api, **{"query": "deprem", **parameters})
    assert response.status_code == 400
    body = response.json()
    assert body["title"] == "Invalid Request"
    assert {name for error in body["errors"] for name in error["parameters"]} == names
    assert all(error["message"] for error in body["errors"])
    assert api.billed == []


def test_a_token_belongs_to_its_query(api: XApi) -> None:
    token = ask(api, query="deprem").json()["meta"]["next_token"]
    assert ask(api, query="quake", next_token=token).status_code == 400


def test_needs_the_token(api: XApi) -> None:
    assert ask(api, token="wrong", query="deprem").status_code == 401


def test_the_demo_meets_a_503_and_a_rate_limit_that_ends_within_two_seconds(tmp_path: Path) -> None:
    faults = demo_faults()
    with XApi(write_posts(tmp_path), token="secret", now=NOW, images_root=tmp_path, faults=faults) as api:
        answers = [ask(api, query="deprem") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 503, 200, 429, 429]
        reset = int(answers[3].headers["x-rate-limit-reset"])
        assert 0 < reset - datetime.now(UTC).timestamp() <= 2
        assert answers[3].headers["x-rate-limit-remaining"] == "0"


def test_spends_the_rate(tmp_path: Path) -> None:
    with XApi(write_posts(tmp_path), token="secret", now=NOW, images_root=tmp_path, rate_limit=2) as api:
        assert [ask(api, query="deprem").status_code for _ in range(3)] == [200, 200, 429]


POSTS = [
    Searchable("Büyük DEPREM oldu, bina yıkıldı #Nurdağı", "tr", "ali", "TR", True, has_geo=True, is_retweet=False),
    Searchable("RT @ali: deprem", "tr", "veli", None, True, has_geo=False, is_retweet=True),
    Searchable("the building has collapsed", "en", "ann", None, False, has_geo=False, is_retweet=False),
]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("deprem", [0, 1]),
        ("deprem -is:retweet", [0]),
        ("buyuk deprem", [0]),
        ("dep", []),
        ("deprem OR collapsed has:media", [0, 1]),
        ("(deprem OR collapsed) -has:media", [2]),
        ('"building collapsed" OR "has collapsed"', [2]),
        ("#nurdagi", [0]),
        ("nurdağı lang:tr", [0]),
        ("from:ann OR place_country:tr", [0, 2]),
        ("(deprem (bina OR #x)) -is:nullcast", [0]),
    ],
)
def test_evaluates_queries(query: str, found: list[int]) -> None:
    matches = compile_query(query)
    assert [number for number, post in enumerate(POSTS) if matches(post)] == found


@pytest.mark.parametrize(
    "query",
    [
        "has:media -is:retweet", "lang:tr", "-deprem", "deprem OR has:media", "-(a b)", "(a", "a)", "()",
        "a OR", "is:nullcast a", "a min_faves:10", "a and b", '"open', "OR",
    ],
)  # fmt: skip
def test_refuses_queries_that_x_refuses(query: str) -> None:
    with pytest.raises(QueryError):
        compile_query(query)


FEED = json.dumps(
    {
        "type": "FeatureCollection",
        "metadata": {"status": 200},
        "features": [
            {"id": "us1", "type": "Feature", "properties": {"ids": ",us1,at1,"}, "geometry": None},
            {"id": "us2", "type": "Feature", "properties": {"ids": ",us2,"}, "geometry": None},
        ],
    }
).encode()


def test_the_feed_is_sent_again_only_when_it_changed() -> None:
    with FeedServer(FEED) as feed:
        first = httpx.get(feed.url + "/feed.geojson")
        assert first.content == FEED
        tag = {"If-None-Match": first.headers["etag"]}
        date = {"If-Modified-Since": first.headers["last-modified"]}
        for headers in (tag, date):
            again = httpx.get(feed.url + "/feed.geojson", headers=headers)
            assert (again.status_code, again.content) == (304, b"")
        feed.set(FEED.replace(b"us2", b"us3"))
        changed = httpx.get(feed.url + "/feed.geojson", headers=tag)
        assert changed.status_code == 200
        assert b"us3" in changed.content
        assert (feed.requests, feed.not_modified) == (4, 2)


def test_the_event_service_knows_every_id_of_an_earthquake(tmp_path: Path) -> None:
    file = tmp_path / "feed.geojson"
    file.write_bytes(FEED)
    with FeedServer(file) as feed:
        for asked, found in (("us1", "us1"), ("at1", "us1"), ("us2", "us2")):
            url = f"{feed.url}/fdsnws/event/1/query?eventid={asked}&format=geojson"
            assert httpx.get(url).json()["id"] == found
        assert httpx.get(f"{feed.url}/fdsnws/event/1/query?eventid=us9&format=geojson").status_code == 404
        assert httpx.get(f"{feed.url}/fdsnws/event/1/query?eventid=us1").status_code == 400
        assert httpx.get(f"{feed.url}/other").status_code == 404


def test_the_feed_fails_as_told() -> None:
    faults = Faults({1: Fault("503"), 2: Fault("cut"), 3: Fault("html"), 4: Fault("slow", 5)})
    with FeedServer(FEED, faults=faults) as feed:
        assert httpx.get(feed.url + "/feed.geojson").status_code == 503
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(feed.url + "/feed.geojson")
        assert b"<html>" in httpx.get(feed.url + "/feed.geojson").content
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(feed.url + "/feed.geojson", timeout=0.2)
        assert httpx.get(feed.url + "/feed.geojson").content == FEED
