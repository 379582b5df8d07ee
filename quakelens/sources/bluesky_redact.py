"""Taking posts and authors out of what Bluesky's servers sent."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any


def without(value: Any, *, posts: Collection[str], authors: Collection[str]) -> Any:
    """A value of JSON in which some posts and authors are not: what is theirs is dropped, mentions are blanked.

    Args:
        value: Not changed.
        posts: AT URIs.
        authors: DIDs.
    """
    names = [name for name in (*posts, *authors) if name]

    def clean(each: Any) -> Any:
        if isinstance(each, str):
            return "" if any(name in each for name in names) else each
        if isinstance(each, Mapping):
            return {key: clean(item) for key, item in each.items() if not is_theirs(item)}
        return [clean(item) for item in each if not is_theirs(item)] if isinstance(each, list) else each

    def is_theirs(each: Any) -> bool:
        """Whether it is a view of one of the posts, or of a post of one of the authors."""
        if not isinstance(each, Mapping):
            return False
        uri, author = each.get("uri"), each.get("author")
        did = author.get("did") if isinstance(author, Mapping) else None
        return uri in posts or did in authors or each.get("did") in authors

    return clean(value)


def redact_search(raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
    """A page of `app.bsky.feed.searchPosts` without some posts and authors; what is no page is emptied."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return b"{}"
    return json.dumps(without(body, posts=posts, authors=authors)).encode() if isinstance(body, dict) else b"{}"
