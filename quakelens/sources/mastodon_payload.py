"""Reading Mastodon's pages: posts and pictures in one form, and a sentence for what is not readable.

An archived page is one line of JSON that names the server, which the posts themselves don't tell, and below it
the response as it came.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from quakelens.errors import SourceUnavailable
from quakelens.sources.post import MediaRef, ParsedPage, Post

_KINDS = {"image": "photo", "unknown": "photo", "gifv": "preview", "video": "preview"}
_SHOWN = ("public", "unlisted")
_MAX_NESTED = 10  # posts within posts
_MAX_HTML = 200_000  # characters of one post; servers allow 500 to some 10,000


class _MalformedError(Exception):
    """One value of a post is not what it should be."""


def archived(host: str, body: bytes) -> bytes:
    """A raw page out of a server's name and its response."""
    return json.dumps({"instance": host}).encode() + b"\n" + body


def parse_page(raw: bytes) -> ParsedPage:
    """Read one raw page.

    A repeated post (reblog) is read as the post that it repeats. Posts that are not for everyone are left out.

    Raises:
        SourceUnavailable: It is no page.
    """
    host, items = _read(raw)
    posts: list[Post] = []
    problems: list[str] = []
    for item in items:
        try:
            posts.append(_post(host, _repeated(item), problems))
        except _MalformedError as error:
            problems.append(f"{_label(item)} cannot be read: {error}")
    return ParsedPage(tuple(posts), tuple(problems))


def redact_page(raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
    """A raw page without some posts, by `Post.id`, and some authors' posts, quoted and repeated ones too."""
    try:
        host, items = _read(raw)
    except SourceUnavailable:
        return b'{"instance": ""}\n[]'
    kept = [clean for clean in (_without(item, posts, authors) for item in items) if clean is not None]
    return archived(host, json.dumps(kept).encode())


def created_at(item: object) -> datetime | None:
    """When a post of a page was written, UTC; None if that cannot be read."""
    try:
        return _time(item.get("created_at")) if isinstance(item, Mapping) else None
    except _MalformedError:
        return None


def uri_of(item: object) -> str | None:
    """The id by which a post is known on all servers."""
    return (_string(item.get("uri")) or _string(item.get("url"))) if isinstance(item, Mapping) else None


def _read(raw: bytes) -> tuple[str, list[Any]]:
    head, _, body = raw.partition(b"\n")
    try:
        named, items = json.loads(head), json.loads(body)
        host = named["instance"]
    except (ValueError, RecursionError, KeyError, TypeError):
        host = items = None
    if not isinstance(host, str) or not isinstance(items, list):
        raise SourceUnavailable("this is no page of Mastodon: delete it, and its posts are asked for again")
    return host, items


def _repeated(item: object) -> object:
    return item["reblog"] if isinstance(item, Mapping) and isinstance(item.get("reblog"), Mapping) else item


def _post(host: str, item: object, problems: list[str]) -> Post:
    if not isinstance(item, Mapping):
        raise _MalformedError("it is not an object")
    uri, local_id = uri_of(item), _string(item.get("id"))
    if uri is None or local_id is None:
        raise _MalformedError("it has no id")
    if item.get("visibility", "public") not in _SHOWN:
        raise _MalformedError("it is not for everyone")
    account = item.get("account")
    account = account if isinstance(account, Mapping) else {}
    acct = _string(account.get("acct"))
    spoiler = _string(item.get("spoiler_text"))
    text = plain_text(_string(item.get("content")) or "")
    return Post(
        source="mastodon",
        id=uri,
        created_at=_time(item.get("created_at")),
        text=f"{spoiler}\n\n{text}" if spoiler else text,
        url=_string(item.get("url")) or uri,
        author=acct if acct is None or "@" in acct else f"{acct}@{host}",
        author_id=_author_id(account),
        lookup=f"{host}/{local_id}",
        lang=_string(item.get("language")),
        sensitive=item.get("sensitive") is True or spoiler is not None,
        media=tuple(_pictures(item, uri, problems)),
    )


def _pictures(item: Mapping[str, Any], uri: str, problems: list[str]) -> Iterator[MediaRef]:
    attachments = item.get("media_attachments")
    # Each server gives its copies ids of its own; the place in the post is the same everywhere.
    digest = hashlib.sha256(uri.encode("utf-8", "replace")).hexdigest()[:32]
    for number, found in enumerate(attachments if isinstance(attachments, list) else (), start=1):
        kind = _KINDS.get(str(found.get("type"))) if isinstance(found, Mapping) else None
        if kind is None:
            continue
        url = _address(found, kind)
        if url is None:
            problems.append(f"{_label(item)}: its picture {number} has no address")
            continue
        width, height = _pixels(found, "original" if kind == "photo" else "small")
        yield MediaRef(
            key=f"{digest}-{number}", url=url, kind=kind, width=width, height=height,
            alt_text=_string(found.get("description")),
        )  # fmt: skip


def _address(found: Mapping[str, Any], kind: str) -> str | None:
    """Where the picture is; a server that keeps no copy (`unknown`) only says where the author's has it."""
    names = ("preview_url",) if kind == "preview" else ("url", "remote_url")
    if found.get("type") == "unknown":
        names = ("remote_url", "url")
    return next((url for url in (_string(found.get(name)) for name in names) if url), None)


def _pixels(found: Mapping[str, Any], form: str) -> tuple[int | None, int | None]:
    meta = found.get("meta")
    original = meta.get(form) if isinstance(meta, Mapping) else None
    if not isinstance(original, Mapping):
        return None, None
    width, height = original.get("width"), original.get("height")
    return _whole(width), _whole(height)


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1_000_000:
        return None
    return value


def _without(item: object, posts: Collection[str], authors: Collection[str], depth: int = 0) -> dict[str, Any] | None:
    """A post without what must go; None if it must go itself. Nested posts: what it repeats, what it quotes."""
    if not isinstance(item, Mapping) or depth > _MAX_NESTED:
        return None
    account = item.get("account")
    author = _author_id(account) if isinstance(account, Mapping) else None
    if uri_of(item) in posts or author in authors:
        return None
    kept = dict(item)
    if isinstance(item.get("reblog"), Mapping):
        kept["reblog"] = _without(item["reblog"], posts, authors, depth + 1)
        if kept["reblog"] is None:
            return None
    quote = item.get("quote")
    if isinstance(quote, Mapping):
        # Mastodon wraps the quoted post, its forks do not.
        wrapped = isinstance(quote.get("quoted_status"), Mapping)
        inner = _without(quote["quoted_status"] if wrapped else quote, posts, authors, depth + 1)
        kept["quote"] = {**quote, "quoted_status": inner} if wrapped else inner
    return kept


def _author_id(account: Mapping[str, Any]) -> str | None:
    return _string(account.get("uri")) or _string(account.get("url"))


def _time(value: object) -> datetime:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        if time is not None:
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    raise _MalformedError(f"created_at is {value!r}")


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _label(item: object) -> str:
    return f"post {uri_of(item)}" if uri_of(item) else "a post"


def plain_text(html: str) -> str:
    """The text of a post's HTML: paragraphs and line breaks kept, tags, scripts and styles dropped."""
    reader = _Text()
    reader.feed(html[:_MAX_HTML])
    reader.close()
    return "".join(reader.parts).strip()


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._hidden += 1
        elif tag == "br":
            self.parts.append("\n")
        elif tag == "p" and self.parts:
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style") and self._hidden:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)
