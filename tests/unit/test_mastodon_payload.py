import json
from typing import Any

import pytest

from quakelens.errors import SourceUnavailable
from quakelens.sources import ParsedPage
from quakelens.sources.mastodon_payload import archived, parse_page, plain_text, redact_page

PICTURE = {
    "id": "9", "type": "image", "url": "https://files.example/o.jpg", "preview_url": "https://files.example/s.jpg",
    "remote_url": "https://home.example/o.jpg", "description": "a fallen wall",
    "meta": {"original": {"width": 1600, "height": 1200, "size": "1600x1200"}, "small": {"width": 400, "height": 300}},
}  # fmt: skip
STATUS: dict[str, Any] = {
    "id": "112233", "uri": "https://home.example/users/ayse/statuses/1", "url": "https://home.example/@ayse/1",
    "created_at": "2026-05-01T12:05:00.000Z", "language": "tr", "sensitive": False, "spoiler_text": "",
    "visibility": "public", "content": "<p>Hatay&#39;da <a href='#'>#<span>deprem</span></a><br/>ev</p><p>yok</p>",
    "account": {"id": "5", "acct": "ayse@home.example", "url": "https://home.example/@ayse",
                "uri": "https://home.example/users/ayse"},
    "media_attachments": [PICTURE], "reblog": None,
}  # fmt: skip


def page(*items: object, host: str = "seen.example") -> bytes:
    return archived(host, json.dumps(list(items)).encode())


def parse(*items: object) -> ParsedPage:
    return parse_page(page(*items))


def test_a_post_is_read_whole() -> None:
    (post,) = parse(STATUS).posts
    assert post.id == "https://home.example/users/ayse/statuses/1"
    assert post.url == "https://home.example/@ayse/1"
    assert post.lookup == "seen.example/112233"
    assert (post.author, post.author_id) == ("ayse@home.example", "https://home.example/users/ayse")
    assert post.text == "Hatay'da #deprem\nev\n\nyok"
    assert post.created_at.isoformat() == "2026-05-01T12:05:00+00:00"
    assert (post.lang, post.sensitive, post.latitude) == ("tr", False, None)
    (ref,) = post.media
    assert (ref.url, ref.kind, ref.width, ref.height) == ("https://files.example/o.jpg", "photo", 1600, 1200)
    assert ref.alt_text == "a fallen wall"


def test_one_post_on_two_servers_is_one_with_the_same_pictures() -> None:
    there = {**STATUS, "id": "77", "account": {**STATUS["account"], "acct": "ayse"}}
    there["media_attachments"] = [{**PICTURE, "id": "1234", "url": "https://home.example/o.jpg", "remote_url": None}]
    here, other = parse(STATUS).posts[0], parse_page(page(there, host="home.example")).posts[0]
    assert here.id == other.id and here.author == other.author
    assert [each.key for each in here.media] == [each.key for each in other.media]


@pytest.mark.parametrize(
    ("changes", "url", "kind"),
    [
        ({"type": "gifv"}, "https://files.example/s.jpg", "preview"),
        ({"type": "video"}, "https://files.example/s.jpg", "preview"),
        ({"type": "unknown", "url": None}, "https://home.example/o.jpg", "photo"),
        ({"url": None}, "https://home.example/o.jpg", "photo"),
    ],
)
def test_where_the_picture_is(changes: dict[str, Any], url: str, kind: str) -> None:
    (ref,) = parse({**STATUS, "media_attachments": [{**PICTURE, **changes}]}).posts[0].media
    assert (ref.url, ref.kind) == (url, kind)


def test_sound_is_no_picture_and_a_picture_without_address_is_a_problem() -> None:
    broken = [{**PICTURE, "type": "audio"}, {**PICTURE, "url": None, "remote_url": None}, "no object", PICTURE]
    found = parse({**STATUS, "media_attachments": broken})
    assert [each.key[-2:] for each in found.posts[0].media] == ["-4"]
    assert len(found.problems) == 1 and "picture 2 has no address" in found.problems[0]


@pytest.mark.parametrize("meta", [None, [], {"original": None}, {"original": {"width": -1, "height": "9"}}])
def test_sizes_may_be_missing_or_nonsense(meta: object) -> None:
    (ref,) = parse({**STATUS, "media_attachments": [{**PICTURE, "meta": meta}]}).posts[0].media
    assert (ref.width, ref.height) == (None, None)


def test_no_page_gives_a_file_of_this_machine() -> None:
    hostile = {**PICTURE, "type": "file", "kind": "file", "url": "file:///etc/passwd"}
    also = {**PICTURE, "kind": "file", "url": "file:///etc/passwd"}
    media = parse({**STATUS, "kind": "file", "media_attachments": [hostile, also]}).posts[0].media
    assert [each.kind for each in media] == ["photo"]


def test_a_warning_is_part_of_the_text_and_marks_the_post() -> None:
    (post,) = parse({**STATUS, "spoiler_text": "Tote", "sensitive": False}).posts
    assert post.text.startswith("Tote\n\nHatay") and post.sensitive


def test_a_reblog_is_the_post_that_it_repeats() -> None:
    outer = {**STATUS, "id": "5", "uri": "https://b.example/announce", "content": "", "reblog": STATUS,
             "account": {"acct": "b"}}  # fmt: skip
    assert parse(outer).posts == parse(STATUS).posts


@pytest.mark.parametrize(
    "broken",
    [
        None, 7, "text", {}, {**STATUS, "id": 5}, {**STATUS, "uri": None, "url": None},
        {**STATUS, "created_at": "yesterday"}, {**STATUS, "created_at": None}, {**STATUS, "visibility": "private"},
        {**STATUS, "visibility": "direct"},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_problem_and_the_others_are_whole(broken: object) -> None:
    found = parse(broken, STATUS)
    assert len(found.posts) == 1 and len(found.problems) == 1


@pytest.mark.parametrize("strange", [None, 5, "text", [], {"acct": 3, "url": []}])
def test_strange_values_do_not_lose_a_post(strange: object) -> None:
    item = dict.fromkeys(("account", "content", "spoiler_text", "language", "media_attachments", "quote"), strange)
    assert parse({**STATUS, **item}).posts[0].id == STATUS["uri"]


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}\n[]", b'{"instance": "a"}\n{}', b'{"instance": "a"}\n<html>', b"\xff"]
)
def test_what_is_no_page_is_said_so(raw: bytes) -> None:
    with pytest.raises(SourceUnavailable):
        parse_page(raw)
    assert b"html" not in redact_page(raw, posts=[], authors=[])


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><p>b<br>c</p>", "a\n\nb\nc"),
        ("<script>alert(1)</script><style>x{}</style>ok", "ok"),
        ("&lt;script&gt; &amp;amp; 5 < 6", "<script> &amp; 5 < 6"),
        ('<a href="https://x.example"><span class="invisible">https://</span>x.example</a>', "https://x.example"),
        ("<p>open <b>never closed", "open never closed"),
        ("<" * 5000, "<" * 5000),
        ("<!-- <p>hidden</p> -->seen", "seen"),
        ("", ""),
    ],
)
def test_html_becomes_plain_text(html: str, text: str) -> None:
    assert plain_text(html) == text


def test_redaction_leaves_nothing_of_a_post_or_an_author() -> None:
    def other(number: int, words: str, author: str = "can", **more: object) -> dict[str, Any]:
        account = {"acct": author, "uri": f"https://c.example/users/{author}"}
        uri = f"https://c.example/{number}"
        return {**STATUS, "uri": uri, "url": uri, "content": words, "account": account, **more}

    raw = page(
        STATUS,
        other(2, "stays"),
        other(3, "gone-by-author", "eve"),
        other(4, "outer", reblog=STATUS),
        other(5, "quoting", quote={"state": "accepted", "quoted_status": STATUS}),
        other(6, "forked", quote=STATUS),
    )
    clean = redact_page(raw, posts={STATUS["uri"]}, authors={"https://c.example/users/eve"})
    texts = [post.text for post in parse_page(clean).posts]
    assert texts == ["stays", "quoting", "forked"]
    assert b"Hatay" not in clean and b"gone-by-author" not in clean and b"eve" not in clean and b"outer" not in clean
    assert parse_page(clean).posts[0].lookup == "seen.example/112233"
    assert redact_page(clean, posts={STATUS["uri"]}, authors=()) == clean


def test_redaction_of_posts_within_posts_without_end() -> None:
    item: dict[str, Any] = STATUS
    for _ in range(60):
        item = {**STATUS, "uri": "https://c.example/9", "quote": item}
    clean = redact_page(page(item), posts={STATUS["uri"]}, authors=())
    assert STATUS["uri"].encode() not in clean
