"""Taking posts out of X's raw pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from quakelens.errors import SourceUnavailable
from quakelens.sources.x_payload import read_body

_POST_ADDRESS = re.compile(r"/status(?:es)?/(\d+)")
_HISTORY = ("edit_history_tweet_ids", "edit_history_post_ids")
_REFERENCES = ("referenced_tweets", "referenced_posts")
_SENT_ALONG = ("tweets", "posts")
_REPOSTS = ("retweeted", "reposted")


def redact_page(raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
    """A raw page without some posts and whatever only they brought along.

    A repost goes with its original, whose words it repeats. A quote or an answer is another's words: it stays
    without the reference. Media, places, polls and users stay where a post that stays names them. The page's own
    errors, and what else is sent along, name posts and users in ways that cannot be told apart, and go.

    A page that holds none of the posts is given back as it is, byte for byte. What is no page is emptied.

    Args:
        raw: As X sent it.
        posts: Ids, of any version of an edited post.
        authors: Ids of authors all of whose posts go.
    """
    try:
        body = read_body(raw)
    except SourceUnavailable:
        return b"{}"
    includes = body.get("includes")
    includes = includes if isinstance(includes, dict) else {}
    data = body.get("data")
    found = data if isinstance(data, list) else [] if data is None else [data]
    along = [item for name in _SENT_ALONG for item in _list(includes.get(name))]
    gone = _Gone(posts, authors, [*found, *along])
    users = [item for item in _list(includes.get("users")) if _id(item) in gone.authors]
    touched = any(gone.takes(item) or gone.marks(item) for item in [*found, *along])
    if not (touched or users or gone.named_by(body)):
        return raw
    kept = [gone.scrub(item) for item in found if not gone.takes(item)]
    if isinstance(data, list) and kept:
        body["data"] = kept
    elif kept:
        body["data"] = kept[0]
    else:
        body.pop("data", None)
    _redact_includes(includes, kept, gone)
    if not includes:
        body.pop("includes", None)
    body.pop("errors", None)
    _redact_meta(body, kept)
    return _written(body)


class _Gone:
    """What goes: posts by id, in all their versions, and authors."""

    def __init__(self, posts: Collection[str], authors: Collection[str], everything: Sequence[Any]) -> None:
        self.authors = {str(each) for each in authors}
        self.posts = {str(each) for each in posts}
        for item in everything:
            ids = _versions(item)
            if _author(item) in self.authors or not ids.isdisjoint(self.posts):
                self.posts |= ids

    def takes(self, item: Any) -> bool:
        """Whether a post is one of them, or repeats one."""
        if not isinstance(item, Mapping):
            return bool(self.posts or self.authors)  # it cannot be told what it is
        if _author(item) in self.authors or not _versions(item).isdisjoint(self.posts):
            return True
        originals = {_id(each) for each in _references(item) if each.get("type") in (*_REPOSTS, None)}
        return not originals.isdisjoint(self.posts) or self._repeats_author(item)

    def marks(self, item: Any) -> bool:
        """Whether a post that stays refers to one of them."""
        return isinstance(item, Mapping) and self.scrub(item) != item

    def scrub(self, item: Any) -> Any:
        """A post that stays, without its references to what goes."""
        clean = dict(item)
        for name in _REFERENCES:
            if isinstance(clean.get(name), list):
                left = [each for each in clean[name] if _id(each) not in self.posts]
                if left != clean[name]:
                    _put(clean, name, left)
        for name, ids in (("in_reply_to_user_id", self.authors), ("conversation_id", self.posts)):
            if str(clean.get(name)) in ids:
                del clean[name]
        self._scrub_entities(clean)
        for name in ("note_tweet", "note_post"):
            if isinstance(clean.get(name), Mapping):
                clean[name] = dict(clean[name])
                self._scrub_entities(clean[name])
        return clean

    def _scrub_entities(self, clean: dict[str, Any]) -> None:
        if not isinstance(clean.get("entities"), Mapping):
            return
        left = dict(clean["entities"])
        urls, mentions = left.get("urls"), left.get("mentions")
        if isinstance(urls, list) and any(self._points_here(each) for each in urls):
            _put(left, "urls", [each for each in urls if not self._points_here(each)])
        if isinstance(mentions, list) and any(_id(each) in self.authors for each in mentions):
            _put(left, "mentions", [each for each in mentions if _id(each) not in self.authors])
        if left != clean["entities"]:
            _put(clean, "entities", left)

    def named_by(self, body: Mapping[str, Any]) -> bool:
        """Whether the page's figures or errors name one of them."""
        text = json.dumps([body.get("errors"), body.get("meta")])
        return any(f'"{each}"' in text or f"[{each}]" in text for each in (*self.posts, *self.authors))

    def _points_here(self, url: Any) -> bool:
        addresses = [str(value) for value in url.values()] if isinstance(url, Mapping) else [str(url)]
        return any(number in self.posts for each in addresses for number in _POST_ADDRESS.findall(each))

    def _repeats_author(self, item: Mapping[str, Any]) -> bool:
        """Whether a repost begins with the name of one of the authors, as reposts do: RT @name."""
        if not any(each.get("type") in _REPOSTS for each in _references(item)):
            return False
        entities = item.get("entities")
        mentions = _list(entities.get("mentions")) if isinstance(entities, Mapping) else []
        return any(_id(each) in self.authors for each in mentions[:1])


def _redact_includes(includes: dict[str, Any], kept: Sequence[Any], gone: _Gone) -> None:
    """Leave what a post that stays names: first the posts that are sent along, then the rest."""
    named = {_id(each) for item in kept for each in _references(item)}
    for name in _SENT_ALONG:
        left = [gone.scrub(item) for item in _list(includes.get(name)) if not gone.takes(item)]
        _put(includes, name, [item for item in left if not _versions(item).isdisjoint(named)])
    everyone = [*kept, *(item for name in _SENT_ALONG for item in includes.get(name, ()))]
    for name in [each for each in includes if each not in _SENT_ALONG]:
        if name not in _KINDS:
            del includes[name]
            continue
        key, names_of = _KINDS[name]
        wanted = {each for item in everyone for each in names_of(item)}
        items = [item for item in _list(includes[name]) if isinstance(item, Mapping)]
        left = [item for item in items if not wanted.isdisjoint(str(item.get(each)) for each in key)]
        _put(includes, name, [item for item in left if name != "users" or _id(item) not in gone.authors])


def _media_of(item: Mapping[str, Any]) -> Iterable[str]:
    return (str(each) for each in _list(_part(item, "attachments").get("media_keys")))


def _polls_of(item: Mapping[str, Any]) -> Iterable[str]:
    return (str(each) for each in _list(_part(item, "attachments").get("poll_ids")))


def _places_of(item: Mapping[str, Any]) -> Iterable[str]:
    return (str(each) for each in (_part(item, "geo").get("place_id"),) if each is not None)


def _users_of(item: Mapping[str, Any]) -> Iterable[str]:
    yield from (str(item[name]) for name in ("author_id", "in_reply_to_user_id") if item.get(name) is not None)
    for each in _list(_part(item, "entities").get("mentions")):
        if isinstance(each, Mapping):
            yield from (str(each[name]) for name in ("id", "username") if each.get(name) is not None)


_KINDS: dict[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Iterable[str]]]] = {
    "media": (("media_key",), _media_of),
    "places": (("id",), _places_of),
    "polls": (("id",), _polls_of),
    "users": (("id", "username"), _users_of),
}
"""What is sent along: the keys of an object, and the keys that a post names."""


def _redact_meta(body: dict[str, Any], kept: Sequence[Any]) -> None:
    """The page's own figures, of the posts that stay."""
    meta = body.get("meta")
    if not isinstance(meta, dict):
        return
    ids = sorted((_id(item) for item in kept), key=lambda each: (len(each), each))
    for name, value in (("newest_id", ids[-1:]), ("oldest_id", ids[:1])):
        if name in meta:
            _put(meta, name, value[0] if value else None)
    if "result_count" in meta:
        meta["result_count"] = len(kept)


def _written(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a pair that X cut in two
        return json.dumps(body).encode()


def _versions(item: Any) -> set[str]:
    if not isinstance(item, Mapping):
        return set()
    history = [str(each) for name in _HISTORY for each in _list(item.get(name))]
    return {_id(item), *history} - {""}


def _references(item: Any) -> list[Mapping[str, Any]]:
    if not isinstance(item, Mapping):
        return []
    return [each for name in _REFERENCES for each in _list(item.get(name)) if isinstance(each, Mapping)]


def _author(item: Any) -> str:
    return str(item.get("author_id", "")) if isinstance(item, Mapping) else ""


def _id(item: Any) -> str:
    return str(item.get("id", "")) if isinstance(item, Mapping) else ""


def _part(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = item.get(name)
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _put(target: dict[str, Any], name: str, value: Any) -> None:
    """X leaves out what is empty."""
    if value:
        target[name] = value
    else:
        target.pop(name, None)
