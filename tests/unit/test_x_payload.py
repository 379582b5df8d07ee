"""Reading X's pages, written by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quakelens.errors import SourceUnavailable
from quakelens.sources.x_payload import parse_page


def page_of(*data: Any, **more: Any) -> bytes:
    return json.dumps({"data": list(data), **more}).encode()


def a_post(number: int, **changes: Any) -> dict[str, Any]:
    return {"id": str(number), "text": f"post {number}", "created_at": "2023-02-06T01:17:35.000Z", **changes}


def test_videos_and_animations_give_their_still() -> None:
    keys = ["13_1", "16_2", "3_3", "3_3", "3_4", "3_5", "9_6"]
    media = [
        {
            "media_key": "16_2",
            "type": "animated_gif",
            "preview_image_url": "https://p/tweet_video_thumb/b.jpg",
        },
        {
            "media_key": "13_1",
            "type": "video",
            "preview_image_url": "https://p/a.jpg",
            "width": 0,
            "height": "9",
        },
        {
            "media_key": "3_3",
            "type": "photo",
            "url": "https://pbs.twimg.com/media/C_c-1.PNG",
            "alt_text": "ev",
        },
        {"media_key": "3_4", "type": "photo"},
        {"media_key": "9_6", "type": "model3d", "url": "https://p/x"},
        "broken",
    ]
    parsed = parse_page(page_of(a_post(1, attachments={"media_keys": keys}), includes={"media": media}))
    assert [(item.key, item.kind, item.url) for item in parsed.posts[0].media] == [
        ("13_1", "preview", "https://p/a.jpg"),
        ("16_2", "preview", "https://p/tweet_video_thumb/b.jpg"),
        ("3_3", "photo", "https://pbs.twimg.com/media/C_c-1?format=png&name=large"),
    ]
    assert (parsed.posts[0].media[0].width, parsed.posts[0].media[0].height) == (None, None)
    assert parsed.posts[0].media[2].alt_text == "ev"
    assert parsed.problems == (
        "post 1: its picture 3_4 has no address",
        "post 1: its picture 3_5 is not in the page",
    )


def test_edited_long_and_repeated_posts() -> None:
    parsed = parse_page(
        page_of(
            a_post(9, edit_history_tweet_ids=["5", "7", "9"], note_tweet={"text": "a long text"}),
            a_post(10, edit_history_post_ids=["10"], note_post={"text": "another &gt; one"}),
            a_post(
                11,
                referenced_posts=[{"type": "quoted", "id": "1"}, {"type": "retweeted", "id": "2"}],
                attachments={"media_keys": ["3_1"]},
            ),
        )
    )
    first, second, third = parsed.posts
    assert (first.id, first.text, first.url) == ("5", "a long text", "https://x.com/i/status/9")
    assert (second.id, second.text) == ("10", "another > one")
    assert (third.repost_of, third.media) == ("2", ())
    assert parsed.problems == ()


@pytest.mark.parametrize(
    ("bbox", "where"),
    [
        ([36.0, 36.5, 38.0, 37.5], (37.0, 37.0)),
        ([178.0, -20.0, -178.0, -16.0], (-18.0, -180.0)),
        ([178.0, -20.0, -176.0, -16.0], (-18.0, -179.0)),
    ],
)
def test_the_middle_of_a_place_also_across_the_date_line(bbox: list[float], where: tuple[float, float]) -> None:
    places = [{"id": "p", "full_name": "Somewhere", "geo": {"type": "Feature", "bbox": bbox}}]
    (found,) = parse_page(page_of(a_post(1, geo={"place_id": "p"}), includes={"places": places})).posts
    assert (found.latitude, found.longitude) == where


def test_one_malformed_post_is_a_problem_and_the_others_stay() -> None:
    bad = [
        "text", None, {}, {"id": 5, "created_at": "2023-02-06T01:17:35Z"}, a_post(2, created_at="yesterday"),
        {"id": "3", "text": "no time"},
    ]  # fmt: skip
    odd = [
        a_post(4, geo={"coordinates": {"type": "Point", "coordinates": [37.0, 99.0]}}),
        a_post(5, geo={"coordinates": {"coordinates": ["a", 1]}}, attachments=[], author_id=7),
        a_post(6, attachments={"media_keys": "3_1"}, referenced_tweets={}, lang=3, note_tweet="x"),
    ]
    parsed = parse_page(page_of(a_post(1), *bad, *odd, a_post(7), includes=[], errors=["?"]))
    assert [post.id for post in parsed.posts] == ["1", "4", "5", "6", "7"]
    assert all(post.latitude is None for post in parsed.posts)
    assert len(parsed.problems) == 1 + len(bad) + 2
    assert any("post 3 cannot be read: it has no created_at" in problem for problem in parsed.problems)


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_page_is_the_sources_fault(raw: bytes) -> None:
    with pytest.raises(SourceUnavailable):
        parse_page(raw)


def test_a_page_without_posts() -> None:
    assert parse_page(b'{"meta": {"result_count": 0}}').posts == ()
    assert parse_page(b"{}").posts == ()
