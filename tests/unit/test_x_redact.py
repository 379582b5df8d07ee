"""Taking posts out of X's pages: nothing of them stays, and nothing else goes."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quakelens.sources.x_redact import redact_page

POSTS, AUTHORS = 12, 4


def post_id(number: int) -> str:
    return f"17{number:017d}"


def author_id(number: int) -> str:
    return f"9{number:08d}"


@st.composite
def pages(draw: st.DrawFn) -> tuple[dict[str, Any], set[int], set[int]]:
    """A page in either spelling, and the numbers of the posts and authors to take out.

    Every string that belongs to a post or an author holds a mark of its own: `<post 3>` or `<author 1>`.
    """
    word = draw(st.sampled_from(["tweet", "post"]))
    number = st.integers(0, POSTS - 1)

    def post(n: int) -> dict[str, Any]:
        author = draw(st.integers(0, AUTHORS - 1))
        item: dict[str, Any] = {
            "id": post_id(n), "text": f"<post {n}> é 日本", "author_id": author_id(author),
            "created_at": "2026-05-01T12:00:00.000Z", f"edit_history_{word}_ids": [f"88{n:017d}", post_id(n)],
        }  # fmt: skip
        if draw(st.booleans()):
            item["attachments"] = {"media_keys": [f"3_{n}", f"3_{n % 3}00"], "poll_ids": [f"5{n:06d}"]}
        if draw(st.booleans()):
            item["geo"] = {"place_id": f"place{n % 5}"}
        if draw(st.booleans()):
            item[f"note_{word}"] = {"text": f"<post {n}> long"}
        other = draw(st.none() | number)
        if other is not None and other != n:
            kind = draw(st.sampled_from(["retweeted", "quoted", "replied_to"]))
            item[f"referenced_{word}s"] = [{"type": kind, "id": post_id(other)}]
            if kind == "retweeted":
                item["text"] += f" <post {other}>"
            else:
                item["entities"] = {"urls": [{"url": "https://t.co/1", "expanded_url":
                                              f"https://x.com/a/status/{post_id(other)}/photo/1"}],
                                    "hashtags": [{"tag": "deprem"}]}  # fmt: skip
                item["conversation_id"] = post_id(other)
        return item

    found = draw(st.lists(number, unique=True, max_size=8))
    along = draw(st.lists(number.filter(lambda n: n not in found), unique=True, max_size=4))
    body: dict[str, Any] = {"data": [post(n) for n in found]} if found else {}
    items = body.get("data", [])
    sent = [post(n) for n in along]
    includes: dict[str, Any] = {}
    keys = {key for item in items for key in item.get("attachments", {}).get("media_keys", [])}
    includes["media"] = [{"media_key": key, "type": "photo", "alt_text": f"<media {key}>"} for key in sorted(keys)]
    polls = {key for item in items for key in item.get("attachments", {}).get("poll_ids", [])}
    includes["polls"] = [{"id": key, "options": [f"<poll {key}>"]} for key in sorted(polls)]
    places = {item["geo"]["place_id"] for item in items if "geo" in item}
    includes["places"] = [{"id": key, "full_name": f"<{key}>"} for key in sorted(places)]
    users = {item["author_id"] for item in items + sent}
    includes["users"] = [{"id": key, "username": f"<author {key}>"} for key in sorted(users)]
    referenced = {each["id"] for item in items for each in item.get(f"referenced_{word}s", [])}
    includes[f"{word}s"] = [item for item in sent if item["id"] in referenced]
    body["includes"] = {name: values for name, values in includes.items() if values}
    if not body["includes"]:
        del body["includes"]
    if draw(st.booleans()):
        body["errors"] = [{"value": post_id(n), "detail": f"Could not find [{post_id(n)}]"} for n in found[:2]]
    body["meta"] = {"result_count": len(found), "next_token": "b26v89c"}
    if found:
        body["meta"] |= {"newest_id": max(item["id"] for item in items), "oldest_id": min(i["id"] for i in items)}
    gone = draw(st.sets(number, max_size=4))
    return body, gone, draw(st.sets(st.integers(0, AUTHORS - 1), max_size=1))


def refers(item: dict[str, Any], kind: str | None = None) -> list[str]:
    references = item.get("referenced_tweets") or item.get("referenced_posts") or []
    return [each["id"] for each in references if kind in (None, each["type"])]


@given(pages())
@settings(max_examples=400, deadline=None)
def test_nothing_of_what_goes_is_left_and_the_rest_is_as_it_was(
    case: tuple[dict[str, Any], set[int], set[int]]
) -> None:  # fmt: skip
    body, numbers, author_numbers = case
    raw = json.dumps(body).encode()
    authors = {author_id(number) for number in author_numbers}
    clean = redact_page(raw, posts={post_id(number) for number in numbers}, authors=authors)
    includes = body.get("includes", {})
    everything = [*body.get("data", []), *includes.get("tweets", []), *includes.get("posts", [])]
    gone = {post_id(number) for number in numbers} | {i["id"] for i in everything if i["author_id"] in authors}
    text = json.dumps(json.loads(clean), ensure_ascii=False)  # with every escape undone
    for number in gone:
        n = int(number[2:])
        assert number not in text
        assert f"88{n:017d}" not in text
        assert f"<post {n}>" not in text
        assert f"5{n:06d}" not in text
        assert f'"3_{n}"' not in text
        assert f"<media 3_{n}>" not in text
    for author in authors:
        assert author not in text
    after = json.loads(clean)
    stay = [
        item
        for item in body.get("data", [])
        if item["id"] not in gone and not gone.intersection(refers(item, "retweeted"))
    ]
    assert [item["id"] for item in after.get("data", [])] == [item["id"] for item in stay]
    for before, now in zip(stay, after.get("data", []), strict=True):
        if not gone.intersection(refers(before)):
            assert now == before
        assert now["text"] == before["text"]
    for name, key in (("media", "media_key"), ("places", "id"), ("polls", "id")):
        along = after.get("includes", {})
        used = json.dumps([*stay, *along.get("tweets", []), *along.get("posts", [])])
        wanted = [item for item in includes.get(name, []) if f'"{item[key]}"' in used]
        assert after.get("includes", {}).get(name, []) == wanted
    writers = {item["author_id"] for item in stay} - authors
    assert writers <= {user["id"] for user in after.get("includes", {}).get("users", [])}
    assert after["meta"]["next_token"] == "b26v89c"
    assert after["meta"]["result_count"] == len(stay)
    assert redact_page(clean, posts=gone, authors=authors) == clean


@given(pages())
@settings(max_examples=100, deadline=None)
def test_a_page_without_them_stays_byte_for_byte(case: tuple[dict[str, Any], set[int], set[int]]) -> None:
    raw = json.dumps(case[0], indent=1).encode()
    assert redact_page(raw, posts={"1699999999999999999"}, authors={"77"}) == raw
    assert redact_page(raw, posts=(), authors=()) == raw


_NAMES = st.sampled_from(
    ["id", "data", "includes", "meta", "errors", "media", "tweets", "users", "type", "referenced_tweets", "entities",
     "urls", "author_id"]
)  # fmt: skip
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(_NAMES, inner),
    max_leaves=25,
)


@given(_ANYTHING)
@settings(max_examples=300, deadline=None)
def test_any_page_at_all_can_be_redacted(value: Any) -> None:
    body = {"data": value, "includes": value, "meta": value, "errors": value}
    clean = redact_page(json.dumps(body).encode(), posts={"1"}, authors={"0"})
    assert isinstance(json.loads(clean), dict)


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'{"data": [{"id": "1"', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_page_is_emptied(raw: bytes) -> None:
    assert redact_page(raw, posts={"1"}, authors=()) == b"{}"


def test_half_a_pair_of_surrogates_does_no_harm() -> None:
    raw = b'{"data": [{"id": "1", "text": "a"}, {"id": "2", "text": "cut \\ud83d"}]}'
    assert json.loads(redact_page(raw, posts={"1"}, authors=()))["data"] == [{"id": "2", "text": "cut \ud83d"}]


def test_a_single_post_and_a_repost_of_an_author_known_by_the_mention() -> None:
    body = {
        "data": {
            "id": "2", "author_id": "8", "text": "RT @somebody: words",
            "referenced_tweets": [{"type": "retweeted", "id": "1"}],
            "entities": {"mentions": [{"start": 3, "end": 12, "id": "9", "username": "somebody"}]},
        }
    }  # fmt: skip
    original = copy.deepcopy(body)
    assert json.loads(redact_page(json.dumps(body).encode(), posts=(), authors={"9"})) == {}
    assert json.loads(redact_page(json.dumps(body).encode(), posts={"1"}, authors=())) == {}
    assert json.loads(redact_page(json.dumps(body).encode(), posts={"5"}, authors=())) == original


def test_all_versions_of_an_edited_post_go() -> None:
    body = {
        "data": [
            {"id": "12", "edit_history_tweet_ids": ["11", "12"], "text": "a"},
            {"id": "13", "text": "b", "referenced_tweets": [{"type": "quoted", "id": "12"}]},
        ]
    }
    clean = redact_page(json.dumps(body).encode(), posts={"11"}, authors=())
    assert json.loads(clean) == {"data": [{"id": "13", "text": "b"}]}
