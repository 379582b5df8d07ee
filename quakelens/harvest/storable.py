"""What of a page the store can take: strangers choose ids, names and texts, and some fit no database."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from quakelens.sources.post import MediaRef, ParsedPage

_MAX_MEDIA = 50  # of one post; networks allow 4 to 20
_KEYS = {"source": 50, "id": 200}
_LENGTHS = {"author": 200, "author_id": 200, "lang": 50, "location_kind": 20, "repost_of": 200}
"""Characters that the columns of the same names take, see `quakelens.store.tables`."""


def storable(page: ParsedPage, *, local_files: bool) -> ParsedPage:
    """A page without what the store would stumble over, which becomes a problem of the page.

    A post whose id is too long is left out; of other fields that are too long only those. Characters that
    databases refuse (NUL, half a surrogate pair) become U+FFFD in texts.

    Args:
        page: As a source read it.
        local_files: Whether media may be files of this machine; no network's page may name such.
    """
    posts, problems = [], []
    for post in page.posts:
        clean = _clean(post)
        if any(not 0 < len(getattr(clean, name)) <= most for name, most in _KEYS.items()):
            problems.append(f"a post was left out: its id has {len(post.id):,} characters, and 1 to 200 are kept")
            continue
        media = []
        for number, item in enumerate(map(_clean, clean.media), start=1):
            told = _problem(item, number, local_files)
            if told is None:
                media.append(item)
            else:
                problems.append(f"post {clean.id}: its picture {number} was left out: {told}")
        long = {name: None for name, most in _LENGTHS.items() if len(getattr(clean, name) or "") > most}
        if long:
            problems.append(f"post {clean.id}: too long to be kept: {', '.join(long)}")
        posts.append(replace(clean, media=tuple(media), **long))
    return replace(page, posts=tuple(posts), problems=tuple(map(_text, (*page.problems, *problems))))


def _problem(item: MediaRef, number: int, local_files: bool) -> str | None:
    if item.kind == "file" and not local_files:
        return "a network names no files of this machine"
    if number > _MAX_MEDIA:
        return f"more than {_MAX_MEDIA} are not kept"
    if not 0 < len(item.key) <= 200:
        return f"its id has {len(item.key):,} characters, and 1 to 200 are kept"
    return None


def _clean(value: Any) -> Any:
    """A dataclass with every text made storable; the same one where nothing is to be done."""
    changed = {}
    for field in fields(value):
        text = getattr(value, field.name)
        if isinstance(text, str) and (clean := _text(text)) != text:
            changed[field.name] = clean
    return replace(value, **changed) if changed else value


def _text(text: str) -> str:
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
