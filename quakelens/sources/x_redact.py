"""Taking posts out of X's raw pages."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from quakelens.errors import SourceUnavailable
from quakelens.sources.x_payload import read_body


def redact_page(raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
    """A raw page without some posts and whatever only they brought along: media, places, authors, errors.

    Args:
        raw: As X sent it; what is no page is emptied, as nothing in it can be told apart.
        posts: Ids, of any version of an edited post.
        authors: Ids of authors all of whose posts go.
    """
    try:
        body = read_body(raw)
    except SourceUnavailable:
        return b"{}"
    data = body.pop("data", [])
    kept = [item for item in (data if isinstance(data, list) else [data]) if not _is_gone(item, posts, authors)]
    if kept:
        body["data"] = kept if isinstance(data, list) else kept[0]
    includes = body.get("includes")
    if isinstance(includes, dict):
        for name in ("tweets", "posts"):
            if isinstance(includes.get(name), list):
                includes[name] = [item for item in includes[name] if not _is_gone(item, posts, authors)]
        everyone = [*kept, *includes.get("tweets", ()), *includes.get("posts", ())]
        text = json.dumps(everyone, ensure_ascii=False)
        for name, key in (("media", "media_key"), ("places", "id"), ("users", "id")):
            if isinstance(includes.get(name), list):
                includes[name] = [item for item in includes[name] if _is_mentioned(item, key, text)]
    # Errors name users and posts in their own words; without their post they are of no use.
    body.pop("errors", None)
    return json.dumps(body, ensure_ascii=False).encode()


def _is_gone(item: object, posts: Collection[str], authors: Collection[str]) -> bool:
    if not isinstance(item, Mapping):
        return False
    history = item.get("edit_history_tweet_ids") or item.get("edit_history_post_ids") or []
    ids = {str(item.get("id")), *(str(each) for each in history if isinstance(history, list))}
    # A repost or a quote repeats the words of what it refers to.
    references = item.get("referenced_tweets") or item.get("referenced_posts") or []
    ids |= {str(each.get("id")) for each in references if isinstance(each, Mapping)}
    return not ids.isdisjoint(posts) or str(item.get("author_id")) in authors


def _is_mentioned(item: Any, key: str, text: str) -> bool:
    return isinstance(item, Mapping) and f'"{item.get(key)}"' in text
