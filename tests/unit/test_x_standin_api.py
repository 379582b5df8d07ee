"""The stand-in for X beyond recent search, held against the forms of X API v2."""

from __future__ import annotations

import io
import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from harvest_world import ORIGIN
from PIL import Image
from x_world import NOW, QUERY, TOKEN, api, clock, draw, get, stored

from quakelens.demo.servers import Fault, Faults

RECENT, ALL = "/2/tweets/search/recent", "/2/tweets/search/all"


def ids(response: httpx.Response) -> list[int]:
    assert response.status_code == 200, response.text
    return [int(post["id"]) - 1_700_000_000_000_000_000 for post in response.json().get("data", [])]


def test_full_archive_gives_large_pages_of_any_age_and_one_request_a_second(tmp_path: Path) -> None:
    old = [stored(number, minutes=-60 * 24 * 40 + number) for number in range(620)]
    with api(tmp_path, posts=[*old, stored(9_000)]) as server:
        page = get(server, ALL, query=QUERY, max_results=500, start_time="2026-03-01T00:00:00Z",
                   end_time="2026-04-29T00:00:00Z")  # fmt: skip
        assert (len(ids(page)), page.headers["x-rate-limit-limit"]) == (500, "300")
        at_once = get(server, ALL, query=QUERY)
        assert (at_once.status_code, at_once.headers["x-rate-limit-remaining"]) == (429, "299")
        server._limits["all"].last_at = 0
        assert ids(get(server, ALL, query=QUERY, since_id="1699999999999999999", end_time="2026-04-01T00:00:00Z",
                       until_id="1700000000000000002")) == [1, 0]  # fmt: skip
        server._limits["all"].last_at = 0
        assert ids(get(server, ALL, query=QUERY, end_time="2026-04-30T00:00:00Z")) == []  # 30 days, where none is said
        server._limits["all"].last_at = 0
        assert get(server, ALL, query=f"{'x' * 1000} has:media").status_code == 200
        assert get(server, RECENT, query=f"{'x' * 1000} has:media").status_code == 400
    with api(tmp_path, archive=False) as server:
        assert get(server, ALL, query=QUERY).json()["reason"] == "client-not-enrolled"


def test_recent_search_takes_no_mark_from_beyond_its_seven_days(tmp_path: Path) -> None:
    with api(tmp_path, posts=[stored(0, minutes=-60 * 24 * 7), stored(1)]) as server:
        refused = get(server, RECENT, query=QUERY, since_id=stored(0).id)
        assert "since_id" in refused.json()["errors"][0]["parameters"]


def test_counts_agree_with_the_search_and_cost_by_the_request(tmp_path: Path) -> None:
    with api(tmp_path, count=130, spelling="post") as server:
        body = get(server, "/2/tweets/counts/recent", query=QUERY, start_time="2026-05-01T12:30:00Z").json()
        assert body["meta"]["total_post_count"] == 100
        assert [bucket["post_count"] for bucket in body["data"]] == [30, 60, 10, 0, 0, 0]
        assert body["data"][0]["start"] == "2026-05-01T12:30:00.000Z"
        assert server.billed_usd == 0.005
        by_day = get(server, "/2/tweets/counts/all", query=QUERY, granularity="day", end_time="2026-05-02T00:00:00Z",
                     start_time="2026-01-01T00:00:00Z")  # fmt: skip
        assert by_day.status_code == 400  # the present is before the end
        server.now = NOW + timedelta(days=2)
        first = get(server, "/2/tweets/counts/all", query=QUERY, granularity="day", start_time="2026-01-01T00:00:00Z")
        assert (len(first.json()["data"]), first.json()["meta"]["total_post_count"]) == (32, 130)
        rest = get(server, "/2/tweets/counts/all", query=QUERY, granularity="day", start_time="2026-01-01T00:00:00Z",
                   next_token=first.json()["meta"]["next_token"])  # fmt: skip
        assert rest.json()["meta"]["total_post_count"] == 0
        assert server.billed == []
        assert get(server, "/2/tweets/counts/recent", query=QUERY, granularity="week").status_code == 400
        assert first.headers["x-rate-limit-limit"] == "300"


def test_looks_posts_up_and_says_of_each_that_is_gone_why(tmp_path: Path) -> None:
    posts = [stored(number) for number in range(8)]
    posts.append(stored(20, earlier=(stored(18).id, stored(19).id)))
    with api(tmp_path, posts=posts) as server:
        server.remove(posts[0].id)
        server.remove(posts[1].id, reason="protected")
        server.remove(posts[2].id, reason="withheld")
        server.remove_author(posts[3].author_id)
        asked = [posts[number].id for number in range(5)]
        body = get(server, "/2/tweets", ids=",".join([*asked, "77", stored(18).id]), tweet__fields="withheld").json()
        assert [(item["id"], "withheld" in item) for item in body["data"]] == [
            (posts[2].id, True), (posts[4].id, False), (stored(18).id, False),
        ]  # fmt: skip
        assert body["data"][2]["edit_history_tweet_ids"] == [stored(18).id, stored(19).id, stored(20).id]
        kinds = {item["value"]: (item["title"], item["type"].rpartition("/")[2]) for item in body["errors"]}
        assert kinds == {
            posts[0].id: ("Not Found Error", "resource-not-found"),
            posts[1].id: ("Authorization Error", "not-authorized-for-resource"),
            posts[3].id: ("Forbidden", "resource-not-found"),
            "77": ("Not Found Error", "resource-not-found"),
        }
        assert server.billed_usd == 3 * 0.005  # what is gone costs nothing
        assert posts[0].id not in get(server, RECENT, query=QUERY, max_results=100).text
        assert get(server, "/2/tweets", ids=",".join(["1"] * 101)).status_code == 400
        assert get(server, "/2/tweets", ids="abc").status_code == 400
        gone = get(server, "/2/tweets", ids="77")
        assert (gone.status_code, "data" in gone.json()) == (200, False)


def test_finds_an_author_by_handle(tmp_path: Path) -> None:
    with api(tmp_path) as server:
        assert get(server, "/2/users/by/username/USER3").json()["data"]["id"] == "503"
        assert get(server, "/2/users/by/username/nobody").json()["errors"][0]["title"] == "Not Found Error"
        server.remove_author("504")
        assert get(server, "/2/users/by/username/user4").json()["errors"][0]["title"] == "Forbidden"
        assert server.billed_usd == 0.010


def test_charges_what_comes_again_on_a_day_once_and_on_the_next_day_anew(tmp_path: Path) -> None:
    now, move = clock()
    with api(tmp_path, count=20, now=now) as server:
        asks = {"query": QUERY, "max_results": 10, "expansions": "author_id"}
        get(server, RECENT, **asks)
        assert (server.billed_usd, server.billing.repeats) == (10 * 0.005 + 5 * 0.010, 0)
        get(server, RECENT, **asks)
        assert (server.billed_usd, server.billing.repeats) == (0.1, 15)
        assert len(server.billed) == 20
        move(timedelta(days=1))
        get(server, RECENT, **asks)
        assert server.billed_usd == 0.2
        usage = get(server, "/2/usage/tweets").json()["data"]
        assert (usage["project_usage"], usage["project_cap"]) == ("20", "3000000")
        assert [day["usage"] for day in usage["daily_project_usage"]["usage"]] == ["10", "10"]


def test_charges_for_answers_that_were_lost(tmp_path: Path) -> None:
    with api(tmp_path, faults=Faults({1: Fault("cut"), 2: Fault("reset")})) as server:
        for _ in range(2):
            with pytest.raises(httpx.HTTPError):
                get(server, RECENT, query=QUERY)
        assert (server.billed, server.billed_usd) == ([], 0.05)


@pytest.mark.parametrize(
    ("option", "status", "title"),
    [
        ({"credits_usd": 0.05}, 402, "CreditsDepleted"),
        ({"spending_limit_usd": 0.05}, 403, "SpendCapReached"),
        ({"cap": 10}, 429, "UsageCapExceeded"),
    ],
)
def test_an_account_that_may_not_spend_more_is_refused(
    tmp_path: Path, option: dict[str, Any], status: int, title: str
) -> None:
    with api(tmp_path, **option) as server:
        assert get(server, RECENT, query=QUERY).status_code == 200
        refused = get(server, RECENT, query=QUERY)
        assert (refused.status_code, refused.json()["title"]) == (status, title)
        assert get(server, "/2/usage/tweets").status_code == 200


def test_searches_find_no_reposts_and_media_come_only_with_posts_that_were_found(tmp_path: Path) -> None:
    posts = [
        stored(0), stored(1, repost_of=stored(0).id), stored(2, quote_of=stored(0).id, images=()),
        stored(3, text="something else", images=("b.jpg",)), stored(4, quote_of=stored(3).id),
        stored(5, media_type="video"),
    ]  # fmt: skip
    draw(tmp_path, "b.jpg")
    asks = {"query": "deprem", "expansions": "referenced_tweets.id,attachments.media_keys",
            "media__fields": "url,preview_image_url", "tweet__fields": "attachments"}  # fmt: skip
    with api(tmp_path, posts=posts) as server:
        body = get(server, RECENT, **asks).json()
        assert [int(post["id"][-1]) for post in body["data"]] == [5, 4, 2, 0]
        assert {post["id"] for post in body["includes"]["tweets"]} == {posts[0].id, posts[3].id}
        named = {key for post in body["includes"]["tweets"] for key in post["attachments"]["media_keys"]}
        given = {item["media_key"] for item in body["includes"]["media"]}
        assert len(named - given) == 1  # the picture of the quoted post that was not found itself
        video = next(item for item in body["includes"]["media"] if item["type"] == "video")
        assert httpx.get(video["preview_image_url"]).status_code == 200
        assert "url" not in video
        assert server.billed_usd == 5 * 0.005  # posts that are sent along cost as well, each once
    with api(tmp_path, posts=posts, reposts_found=True) as server:
        assert len(ids(get(server, RECENT, **asks))) == 5


def test_long_posts_are_cut_and_whole_in_their_note(tmp_path: Path) -> None:
    text = "deprem " + "a" * 400
    for spelling in ("tweet", "post"):
        with api(tmp_path, posts=[stored(0, text=text)], spelling=spelling) as server:
            post = get(server, RECENT, query="deprem", tweet__fields=f"note_{spelling}").json()["data"][0]
            assert len(post["text"]) <= 280
            assert post[f"note_{spelling}"]["text"] == text
            assert "note_tweet" not in get(server, RECENT, query="deprem").json()["data"][0]


@pytest.mark.parametrize(("accepts", "refused"), [("post", "tweet.fields"), ("tweet", "post.fields")])
def test_one_spelling_of_the_parameters_can_be_refused(tmp_path: Path, accepts: str, refused: str) -> None:
    with api(tmp_path, accepts=accepts) as server:
        answer = get(server, RECENT, **{"query": QUERY, refused: "created_at"})
        assert answer.status_code == 400
        assert refused in answer.json()["errors"][0]["parameters"]
        assert get(server, RECENT, **{"query": QUERY, f"{accepts}.fields": "created_at"}).status_code == 200
        old = get(
            server, RECENT, query=QUERY, **{f"{accepts}.fields": "note_tweet" if accepts == "post" else "note_post"}
        )
        assert old.status_code == 400


def test_each_endpoint_has_its_own_rate(tmp_path: Path) -> None:
    with api(tmp_path, rate_limit=1, rate_limits={"lookup": 1}) as server:
        assert [get(server, RECENT, query=QUERY).status_code for _ in range(2)] == [200, 429]
        assert [get(server, "/2/tweets", ids="1").status_code for _ in range(2)] == [200, 429]
        counted = get(server, "/2/tweets/counts/recent", query=QUERY)
        assert (counted.status_code, counted.headers["x-rate-limit-remaining"]) == (200, "299")


def test_an_empty_page_can_lead_on(tmp_path: Path) -> None:
    with api(tmp_path, faults=Faults({1: Fault("empty")})) as server:
        empty = get(server, RECENT, query=QUERY).json()
        assert "data" not in empty
        assert ids(get(server, RECENT, query=QUERY, next_token=empty["meta"]["next_token"])) == list(range(34, 24, -1))


def test_pictures_come_in_the_size_that_is_asked_for(tmp_path: Path) -> None:
    draw(tmp_path, "big.jpg", (3000, 1500))
    with api(tmp_path, posts=[stored(0, images=("big.jpg",)), stored(1, images=("big.jpg",))]) as server:
        page = get(server, RECENT, query=QUERY, expansions="attachments.media_keys", media__fields="url,width,height")
        (media,) = page.json()["includes"]["media"]
        assert (media["width"], media["height"]) == (3000, 1500)

        def size(url: str) -> tuple[int, int]:
            return Image.open(io.BytesIO(httpx.get(url).content)).size

        stem = media["url"].removesuffix(".jpg")
        assert size(media["url"]) == (1200, 600)
        sizes = {name: size(f"{stem}?format=jpg&name={name}") for name in ("thumb", "small", "large", "orig")}
        assert sizes == {"thumb": (150, 150), "small": (680, 340), "large": (2048, 1024), "orig": (3000, 1500)}
        assert httpx.get(f"{stem}?format=png&name=large").status_code == 404
        server.remove(stored(0).id)
        assert httpx.get(media["url"]).status_code == 200  # another post has it
        server.remove(stored(1).id)
        assert httpx.get(media["url"]).status_code == 404


def test_batch_compliance_takes_ids_and_lists_only_what_is_gone(tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with api(tmp_path) as server, httpx.Client(headers=headers, base_url=server.url) as client:
        server.remove(stored(1).id)
        server.remove(stored(2).id, reason="scrub_geo")
        job = client.post("/2/compliance/jobs", json={"type": "tweets", "name": "check"}).json()["data"]
        assert (job["status"], job["name"]) == ("created", "check")
        assert httpx.get(job["download_url"]).status_code == 404
        body = "\n".join(stored(number).id for number in range(4))
        assert httpx.put(job["upload_url"].replace("sig=", "sig=x"), content=body).status_code == 403
        assert httpx.put(job["upload_url"], content=body).status_code == 400  # no text/plain
        assert httpx.put(job["upload_url"], content=body, headers={"Content-Type": "text/plain"}).status_code == 200
        states = [client.get(f"/2/compliance/jobs/{job['id']}").json()["data"]["status"] for _ in range(2)]
        assert states == ["in_progress", "complete"]
        lines = httpx.get(job["download_url"]).text.split("\n")
        assert "" in lines[:-1]
        hits = [json.loads(line) for line in lines if line]
        assert [(hit["id"], hit["reason"]) for hit in hits] == [(stored(1).id, "deleted"), (stored(2).id, "scrub_geo")]
        assert server.billed_usd == 0
        assert len(client.get("/2/compliance/jobs", params={"type": "tweets"}).json()["data"]) == 1
        assert client.post("/2/compliance/jobs", json={"type": "pictures"}).status_code == 400
        assert httpx.post(server.url + "/2/compliance/jobs", json={"type": "users"}).status_code == 401


def test_posts_that_are_appended_are_found_at_once_and_quickly_among_many(tmp_path: Path) -> None:
    now, move = clock(ORIGIN + timedelta(minutes=1))
    count = 60_000
    posts = (stored(number, minutes=number / 16_000) for number in range(count))
    with api(tmp_path, posts=[], now=now, fresh_s=0) as server:
        server.append(posts)
        move(timedelta(minutes=5))
        first = get(server, RECENT, query=QUERY, max_results=100)
        assert ids(first)[:2] == [count - 1, count - 2]
        server.append([stored(count, minutes=count / 16_000)])
        started = time.monotonic()
        latest = get(server, RECENT, query=QUERY, since_id=stored(count - 50).id, max_results=100)
        took = time.monotonic() - started
        assert ids(latest) == list(range(count, count - 50, -1))
        assert took < 0.5  # a walk through all the posts would take seconds
        assert get(server, "/2/tweets/counts/recent", query=QUERY).json()["meta"]["total_tweet_count"] == count + 1


def test_posts_may_arrive_in_any_order(tmp_path: Path) -> None:
    with api(tmp_path, posts=[stored(5), stored(1)]) as server:
        assert ids(get(server, RECENT, query=QUERY)) == [5, 1]
        server.append([stored(3), stored(7), stored(0)])
        assert ids(get(server, RECENT, query=QUERY)) == [7, 5, 3, 1, 0]


def test_the_present_may_be_a_function(tmp_path: Path) -> None:
    now, move = clock(ORIGIN + timedelta(minutes=3, seconds=40))
    with api(tmp_path, now=now) as server:
        assert ids(get(server, RECENT, query=QUERY)) == [3, 2, 1, 0]
        move(timedelta(minutes=1))
        assert ids(get(server, RECENT, query=QUERY))[0] == 4
        assert isinstance(server.now, datetime)
