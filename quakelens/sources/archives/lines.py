"""JSON lines of posts: which shape a line has, and what it holds.

Four shapes, told apart line by line as they may change within a file:

- page: a page of X API v2, as twarc2 or anyone stored it (`data` is a list), or one post with what belongs to
  it (`data` is an object, with `matching_rules` from a stream);
- post: one post of X with author, media and place inside, as `twarc2 flatten` writes it;
- frame: an event of Bluesky's Jetstream.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from quakelens.sources import jetstream_payload
from quakelens.sources.bluesky_record import Addresses
from quakelens.sources.jetstream_frames import MalformedFrame, read_frame
from quakelens.sources.post import ParsedPage
from quakelens.sources.x_payload import parse_body
from quakelens.sources.x_redact import redact_page

Shape = Literal["page", "post", "frame"]

# X's ids hold the time since this one (github.com/twitter-archive/snowflake); the first such id is of November 2010.
_SNOWFLAKE_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657000, tzinfo=UTC)
_FIRST_SNOWFLAKE = 29_700_859_247


class NotReadable(ValueError):
    """A line holds no post in a known shape; the message says how."""


def values_of(data: bytes) -> list[Any]:
    """The values of a line: one, or those of a list.

    Raises:
        NotReadable: It is no JSON.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise NotReadable("it is no JSON, or cut off") from None
    return value if isinstance(value, list) else [value]


def shape_of(value: object) -> Shape:
    """The shape of a value.

    Raises:
        NotReadable: It has none of them.
    """
    if not isinstance(value, dict):
        raise NotReadable("it is no JSON object")
    if "did" in value or "$type" in value:
        return "frame"
    if isinstance(value.get("data"), list | dict):
        return "page"
    if "data" not in value and isinstance(value.get("id"), str) and isinstance(value.get("text"), str):
        return "post"
    if "data" not in value and ("meta" in value or "errors" in value or "includes" in value):
        return "page"
    raise NotReadable("it is neither a page nor a post of X API v2, nor a frame of Jetstream")


def x_posts(value: Mapping[str, Any]) -> ParsedPage:
    """The posts of an object in one of X's shapes."""
    body = value if shape_of(value) == "page" else _unflattened(value)
    data = body.get("data", [])
    dated = [_dated(item) for item in (data if isinstance(data, list) else [data])]
    return parse_body({**body, "data": dated})


def x_time(post_id: object) -> datetime | None:
    """When an id of X was given, UTC; None for ids that hold no time."""
    if not isinstance(post_id, str) or not (post_id.isascii() and post_id.isdigit()) or len(post_id) > 19:
        return None
    number = int(post_id)
    if number < _FIRST_SNOWFLAKE:
        return None
    return _SNOWFLAKE_EPOCH + timedelta(milliseconds=number >> 22)


def bluesky_posts(lines: Collection[bytes]) -> ParsedPage:
    """The posts of frames, and what they say was deleted."""
    reading = jetstream_payload.Reading(Addresses())
    for line in lines:
        reading.line(line)
    return reading.page()


def frame(line: bytes) -> ParsedPage:
    """What one frame says, which may be nothing of use.

    Raises:
        NotReadable: It is no frame, or of a post that cannot be read.
    """
    try:
        read_frame(line)
    except (MalformedFrame, OverflowError) as error:
        raise NotReadable(str(error)) from None
    found = bluesky_posts([line])
    if found.problems:
        raise NotReadable(found.problems[0])
    return found


def redacted(line: bytes, posts: Collection[str], authors: Collection[str]) -> bytes | None:
    """A line without some posts and authors; None if nothing is left of it."""
    try:
        value = json.loads(line)
        shape = shape_of(value)
    except (ValueError, RecursionError):
        return None
    try:
        return _redacted(line, value, shape, posts, authors)
    except (TypeError, AttributeError, KeyError):
        return None  # values of other kinds than X's: nothing in it can be told apart


def _redacted(
    line: bytes, value: Mapping[str, Any], shape: Shape, posts: Collection[str], authors: Collection[str]
) -> bytes | None:
    if shape == "frame":
        return jetstream_payload.redact_page(line, posts=posts, authors=authors).rstrip(b"\n") or None
    page = value if shape == "page" else {"data": value}
    left = json.loads(redact_page(json.dumps(page).encode(), posts=posts, authors=authors))
    if "data" in page and "data" not in left:
        return None
    if shape == "post":
        left = _without_people(left["data"], authors)
    return line if left == value else json.dumps(left).encode()


def _without_people(post: dict[str, Any], authors: Collection[str]) -> dict[str, Any]:
    """A flattened post without what it holds of other authors: their posts that it refers to, and who they are."""
    kept = dict(post)
    references = post.get("referenced_tweets")
    if isinstance(references, list):
        kept["referenced_tweets"] = [
            {"type": each.get("type"), "id": each.get("id")}
            if isinstance(each, Mapping) and str(each.get("author_id")) in authors
            else each
            for each in references
        ]
    if isinstance(kept.get("in_reply_to_user"), Mapping) and str(kept["in_reply_to_user"].get("id")) in authors:
        del kept["in_reply_to_user"]
    entities = post.get("entities")
    if isinstance(entities, Mapping) and isinstance(entities.get("mentions"), list):
        others = [
            each for each in entities["mentions"] if not (isinstance(each, Mapping) and str(each.get("id")) in authors)
        ]
        kept["entities"] = {**entities, "mentions": others}
    return kept


def _unflattened(post: Mapping[str, Any]) -> dict[str, Any]:
    """A page of one post out of a flattened post: what belongs to it goes back beside it."""
    attachments, author, geo = post.get("attachments"), post.get("author"), post.get("geo")
    media = attachments.get("media") if isinstance(attachments, Mapping) else None
    includes: dict[str, Any] = {"media": media if isinstance(media, list) else []}
    if isinstance(author, Mapping):
        includes["users"] = [author]
    if isinstance(geo, Mapping) and "place_id" in geo:
        includes["places"] = [{**geo, "id": geo["place_id"]}]
    return {"data": post, "includes": includes}


def _dated(item: Any) -> Any:
    """A post with the time of its id, where it was stored without one."""
    if (
        isinstance(item, dict)
        and "text" in item
        and "created_at" not in item
        and (time := x_time(item.get("id"))) is not None
    ):
        return {**item, "created_at": time.isoformat()}
    return item
