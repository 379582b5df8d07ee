"""Posts as Bluesky's AppView shows them (`app.bsky.feed.defs#postView`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from quakelens.errors import SourceUnavailable
from quakelens.sources.bluesky_record import Addresses, MalformedRecord, post_of, split_id
from quakelens.sources.bluesky_xrpc import read_object
from quakelens.sources.post import ParsedPage, Post

_HIDDEN = frozenset({"!hide", "!takedown", "!suspend"})
_MEMBERS_ONLY = "!no-unauthenticated"
"""By this label of their profile, authors ask not to be shown to people without an account. Reports are public."""

_ADDRESSES = Addresses()


def parse_search(raw: bytes, addresses: Addresses = _ADDRESSES) -> ParsedPage:
    """Read the posts with pictures of a page of `app.bsky.feed.searchPosts`.

    Raises:
        SourceUnavailable: It is no JSON object.
    """
    posts, problems, private = [], [], 0
    for view in views_of(raw):
        if not is_public(view):
            private += 1
            continue
        try:
            post = _post(view, addresses)
        except MalformedRecord as error:
            problems.append(f"a post cannot be read: {error}")
            continue
        if post.media:
            posts.append(post)
    if private:
        problems.append(f"{private} posts were left out that moderators hid or that are for members of Bluesky only")
    return ParsedPage(tuple(posts), tuple(problems))


def views_of(raw: bytes) -> list[Mapping[str, Any]]:
    """The posts of a page as they came; what is no object is passed over.

    Raises:
        SourceUnavailable: It is no JSON object with a list of posts, from which nothing may be concluded.
    """
    posts = read_object(raw, "its AppView").get("posts")
    if not isinstance(posts, list):
        raise SourceUnavailable("Bluesky answered without a list of posts: try again")
    return [each for each in posts if isinstance(each, Mapping)]


def is_public(view: Mapping[str, Any]) -> bool:
    """Whether a post may be shown to everyone."""
    return _HIDDEN.isdisjoint(_labels(view)) and _MEMBERS_ONLY not in _labels(view.get("author"))


def indexed_at(view: Mapping[str, Any]) -> datetime | None:
    """When Bluesky got a post, UTC; None if the view does not say."""
    value = view.get("indexedAt")
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return None if time is None else time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _post(view: Mapping[str, Any], addresses: Addresses) -> Post:
    did, rkey = split_id(view.get("uri"))
    time = indexed_at(view)
    if time is None:
        raise MalformedRecord(f"its indexedAt is {str(view.get('indexedAt'))[:80]!r}")
    author = view.get("author")
    handle = author.get("handle") if isinstance(author, Mapping) else None
    return post_of(
        did, rkey, view.get("record"), created_at=time, addresses=addresses, labels=_labels(view),
        author=handle if isinstance(handle, str) and 0 < len(handle) <= 200 and handle != "handle.invalid" else None,
    )  # fmt: skip


def _labels(value: object) -> frozenset[str]:
    """Labels that hold: one that is negated (`neg`) does not."""
    labels = value.get("labels") if isinstance(value, Mapping) else None
    listed = [each for each in labels if isinstance(each, Mapping)] if isinstance(labels, list) else []
    return frozenset(str(each.get("val")) for each in listed if each.get("neg") is not True)
