"""Records of Bluesky's posts (`app.bsky.feed.post`) in the common form.

A record comes from anyone's server and may hold anything, so each value is checked. Pictures are fetched
from Bluesky's own CDN; no address in a record is ever used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from quakelens.sources.post import MediaRef, Post

COLLECTION = "app.bsky.feed.post"
SENSITIVE = frozenset({"porn", "sexual", "nudity", "graphic-media", "gore"})
"""Labels by which authors and moderators mark pictures (atproto docs, labels); `gore` is an old one."""

_DID = re.compile(r"^did:[a-z]+:[A-Za-z0-9._:%-]{1,150}$")
_RKEY = re.compile(r"^[A-Za-z0-9._:~-]{1,100}$")
_CID = re.compile(r"^[A-Za-z0-9]{8,100}$")
_LONGEST = 200  # of ids in the store


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where Bluesky's pictures and stills of videos are; without a slash at the end."""

    cdn: str = "https://cdn.bsky.app"
    video: str = "https://video.bsky.app"


class MalformedRecord(ValueError):
    """A record is not what it should be; the message says how."""


def post_id(did: object, rkey: object) -> str:
    """The AT URI of a post, under which it is kept.

    Raises:
        MalformedRecord: The two are no DID and no record key, or too long for the store.
    """
    if not isinstance(did, str) or not _DID.match(did):
        raise MalformedRecord(f"its author is {str(did)[:80]!r}")
    if not isinstance(rkey, str) or not _RKEY.match(rkey):
        raise MalformedRecord(f"its key is {str(rkey)[:80]!r}")
    uri = f"at://{did}/{COLLECTION}/{rkey}"
    if len(uri) > _LONGEST:
        raise MalformedRecord(f"its address is longer than {_LONGEST} characters")
    return uri


def split_id(uri: object) -> tuple[str, str]:
    """Author and key out of a post's AT URI; see `post_id` for errors."""
    parts = uri.split("/") if isinstance(uri, str) else []
    if len(parts) != 5 or parts[0] != "at:" or parts[1] or parts[3] != COLLECTION:
        raise MalformedRecord(f"its address is {str(uri)[:120]!r}")
    post_id(parts[2], parts[4])
    return parts[2], parts[4]


def post_of(
    did: object,
    rkey: object,
    record: object,
    *,
    created_at: datetime,
    addresses: Addresses,
    author: str | None = None,
    labels: frozenset[str] = frozenset(),
) -> Post:
    """Read one record.

    Args:
        did: Its author.
        rkey: Its key in the author's repository.
        record: JSON.
        created_at: When the network got it, UTC; the record's own `createdAt` is what its author claims.
        addresses: Where the pictures are.
        author: The handle, if it is known.
        labels: That moderators gave the post; those that its author gave are in the record.

    Raises:
        MalformedRecord: It is no post.
    """
    uri = post_id(did, rkey)
    if not isinstance(record, Mapping):
        raise MalformedRecord("it has no record")
    text = record.get("text")
    if not isinstance(text, str):
        raise MalformedRecord(f"its text is {text!r}")
    return Post(
        source="bluesky",
        id=uri,
        created_at=created_at,
        text=text,
        url=f"https://bsky.app/profile/{did}/post/{rkey}",
        author=author,
        author_id=str(did),
        lang=_language(record),
        sensitive=not SENSITIVE.isdisjoint(labels | _own_labels(record)),
        media=tuple(pictures(str(did), record.get("embed"), addresses)),
    )


def pictures(did: str, embed: object, addresses: Addresses) -> Iterator[MediaRef]:
    """Pictures and stills of videos that a post carries itself; those of a post that it quotes are not."""
    known: set[str] = set()
    for item, kind in _blobs(embed):
        cid = _cid(item.get("image" if kind == "photo" else "video"))
        if cid is None or cid in known or len(f"{did}/{cid}") > _LONGEST:
            continue
        known.add(cid)
        alt = item.get("alt")
        yield MediaRef(
            key=f"{did}/{cid}",
            # Without @jpeg the CDN sends WebP. Its aspectRatio is a ratio and need not be in pixels.
            url=f"{addresses.cdn}/img/feed_fullsize/plain/{did}/{cid}@jpeg"
            if kind == "photo"
            else f"{addresses.video}/watch/{quote(did, safe='')}/{cid}/thumbnail.jpg",
            kind=kind,
            alt_text=alt if isinstance(alt, str) and alt else None,
        )


def words_of(record: Mapping[str, Any]) -> str:
    """All that an author wrote: the text, the descriptions of pictures, and tags that are not in the text."""
    parts = [record.get("text")]
    parts += [item.get("alt") for item, _ in _blobs(record.get("embed"))]
    parts += [f"#{tag}" for tag in _list(record.get("tags")) if isinstance(tag, str)]
    return "\n".join(part for part in parts if isinstance(part, str))


def _blobs(embed: object) -> Iterator[tuple[Mapping[str, Any], str]]:
    if not isinstance(embed, Mapping):
        return
    match embed.get("$type"):
        case "app.bsky.embed.images":
            items, kind = _list(embed.get("images")), "photo"
        case "app.bsky.embed.gallery":  # `media` was the name of its list in the first drafts
            items, kind = _list(embed.get("items")) or _list(embed.get("media")), "photo"
        case "app.bsky.embed.video":
            items, kind = [embed], "preview"
        case "app.bsky.embed.recordWithMedia":
            inner = embed.get("media")
            if isinstance(inner, Mapping) and inner.get("$type") != "app.bsky.embed.recordWithMedia":
                yield from _blobs(inner)
            return
        case _:
            return
    yield from ((item, kind) for item in items if isinstance(item, Mapping))


def _cid(blob: object) -> str | None:
    """The content id of a blob; before 2023 it stood in the blob itself."""
    if not isinstance(blob, Mapping):
        return None
    ref = blob.get("ref")
    cid = ref.get("$link") if isinstance(ref, Mapping) else blob.get("cid")
    return cid if isinstance(cid, str) and _CID.match(cid) else None


def _language(record: Mapping[str, Any]) -> str | None:
    first = next(iter(_list(record.get("langs"))), None)
    return first if isinstance(first, str) and 0 < len(first) <= 50 else None


def _own_labels(record: Mapping[str, Any]) -> frozenset[str]:
    labels = record.get("labels")
    values = labels.get("values") if isinstance(labels, Mapping) else None
    return frozenset(str(each.get("val")) for each in _list(values) if isinstance(each, Mapping))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
