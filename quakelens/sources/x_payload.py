"""Reading X's pages: posts, pictures and places in one form, and a sentence for what is not readable.

X is renaming "tweet" to "post" in its payloads (`includes.tweets` to `includes.posts` and so on), and
answers in one spelling or the other: both are read. A key that has no value is absent, never null.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from quakelens.errors import SourceUnavailable
from quakelens.sources.post import MediaRef, ParsedPage, Post

_MEDIA_PATH = re.compile(r"^/media/(?P<name>[^/.]+)\.(?P<format>jpg|jpeg|png|webp)$", re.IGNORECASE)
_KINDS = {"photo": "photo", "video": "preview", "animated_gif": "preview"}

_Found = tuple[float, float, str]  # latitude, longitude, location_kind


class _MalformedError(Exception):
    """One value of a post is not what it should be."""


def read_body(raw: bytes) -> dict[str, Any]:
    """The JSON object of a response.

    Raises:
        SourceUnavailable: It is no JSON object: cut off, or a proxy's page.
    """
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        start = raw[:60].decode("utf-8", "replace")
        raise SourceUnavailable(f"X answered with something else than a page ({start!r}): try again")
    return body


def parse_page(raw: bytes) -> ParsedPage:
    """Read one raw page of a search.

    Posts are keyed on the first id of their edit history, so that an edited post stays one post.
    What X reports as missing (`errors` in a page that is otherwise whole) is among the problems.

    Raises:
        SourceUnavailable: It is no JSON object.
    """
    return parse_body(read_body(raw))


def parse_body(body: Mapping[str, Any]) -> ParsedPage:
    """As `parse_page`, of the page's JSON object."""
    includes = body.get("includes")
    includes = includes if isinstance(includes, Mapping) else {}
    media = _by_key(includes.get("media"), "media_key")
    places = _by_key(includes.get("places"), "id")
    users = _by_key(includes.get("users"), "id")
    data = body.get("data", [])
    problems = [_partial_error(item) for item in _items(body.get("errors"))]
    posts = []
    for item in data if isinstance(data, list) else [data]:
        try:
            posts.append(_post(item, media, places, users, problems))
        except _MalformedError as error:
            problems.append(f"{_label(item)} cannot be read: {error}")
    return ParsedPage(tuple(posts), tuple(problems))


def delivered(raw: bytes) -> tuple[int, int]:
    """How many posts and authors a raw page brought that X charges for; none for what is no page."""
    try:
        body = read_body(raw)
    except SourceUnavailable:
        return 0, 0
    includes = body.get("includes")
    includes = includes if isinstance(includes, Mapping) else {}
    data = body.get("data", [])
    posts = len(data) if isinstance(data, list) else 1
    posts += len(_items(includes.get("tweets"))) + len(_items(includes.get("posts")))
    return posts, len(_items(includes.get("users")))


def _post(
    item: object,
    media: Mapping[str, Mapping[str, Any]],
    places: Mapping[str, Mapping[str, Any]],
    users: Mapping[str, Mapping[str, Any]],
    problems: list[str],
) -> Post:
    if not isinstance(item, Mapping):
        raise _MalformedError("it is not an object")
    current = _required(item, "id")
    history = _either(item, "edit_history_tweet_ids", "edit_history_post_ids")
    first = history[0] if isinstance(history, list) and history else current
    note = _either(item, "note_tweet", "note_post")
    text = note.get("text") if isinstance(note, Mapping) else None
    author = _string(users.get(str(item.get("author_id")), {}).get("username"))
    repost_of = _repost_of(item)
    label = _label(item)
    place, location = _location(item, places, label, problems)
    return Post(
        source="x",
        id=str(first),
        created_at=_time(_required(item, "created_at")),
        # X escapes &, < and > in texts, and only those.
        text=html.unescape(_string(text) or _string(item.get("text")) or ""),
        url=f"https://x.com/{author or 'i'}/status/{current}",
        author=author,
        author_id=_string(item.get("author_id")),
        lookup=None if first == current else current,
        lang=_string(item.get("lang")),
        latitude=location[0] if location else None,
        longitude=location[1] if location else None,
        place=place,
        location_kind=location[2] if location else None,
        repost_of=repost_of,
        sensitive=item.get("possibly_sensitive") is True,
        media=tuple(_pictures(item, media, label, repost_of is not None, problems)),
    )


def _pictures(
    item: Mapping[str, Any],
    media: Mapping[str, Mapping[str, Any]],
    label: str,
    is_repost: bool,
    problems: list[str],
) -> Iterator[MediaRef]:
    attachments = item.get("attachments")
    keys = attachments.get("media_keys") if isinstance(attachments, Mapping) else None
    for key in dict.fromkeys(str(key) for key in keys) if isinstance(keys, list) else ():
        found = media.get(key)
        if found is None:
            if not is_repost:  # X sends media only with the post that they were first posted with
                problems.append(f"{label}: its picture {key} is not in the page")
            continue
        kind = _KINDS.get(str(found.get("type")))
        if kind is None:
            continue
        url = _string(found.get("url" if kind == "photo" else "preview_image_url"))
        if url is None:
            problems.append(f"{label}: its picture {key} has no address")
            continue
        yield MediaRef(
            key=key,
            url=_large(url) if kind == "photo" else url,
            kind=kind,
            width=_pixels(found.get("width")),
            height=_pixels(found.get("height")),
            alt_text=_string(found.get("alt_text")),
        )


def _large(url: str) -> str:
    """The address of the 2048-pixel size: an address without `name` gives 1200 pixels.

    The form is X's own (data dictionary, media URL formatting): no extension, keys in this order.
    """
    parts = urlsplit(url)
    match = _MEDIA_PATH.match(parts.path)
    if match is None:
        return url
    query = urlencode({"format": match["format"].lower(), "name": "large"})
    return urlunsplit((parts.scheme, parts.netloc, f"/media/{match['name']}", query, ""))


def _repost_of(item: Mapping[str, Any]) -> str | None:
    for reference in _items(_either(item, "referenced_tweets", "referenced_posts")):
        if isinstance(reference, Mapping) and reference.get("type") in ("retweeted", "reposted"):
            return _string(reference.get("id"))
    return None


def _location(
    item: Mapping[str, Any],
    places: Mapping[str, Mapping[str, Any]],
    label: str,
    problems: list[str],
) -> tuple[str | None, _Found | None]:
    """Name of the place, and where the post is: its own point before the middle of its place."""
    geo = item.get("geo")
    if not isinstance(geo, Mapping):
        return None, None
    place = places.get(str(geo.get("place_id")), {})
    name = _string(place.get("full_name"))
    try:
        if isinstance(geo.get("coordinates"), Mapping):
            longitude, latitude = _numbers(geo["coordinates"].get("coordinates"), 2)
            return name, (*_on_earth(latitude, longitude), "point")
        place_geo = place.get("geo")
        if isinstance(place_geo, Mapping) and "bbox" in place_geo:
            west, south, east, north = _numbers(place_geo["bbox"], 4)
            if east < west:  # across the date line
                east += 360
            middle = ((west + east) / 2 + 180) % 360 - 180
            return name, (*_on_earth((south + north) / 2, middle), "place")
    except _MalformedError as error:
        problems.append(f"{label}: its location cannot be read: {error}")
    return name, None


def _numbers(value: object, count: int) -> tuple[float, ...]:
    if not isinstance(value, Sequence) or len(value) != count:
        raise _MalformedError(f"{count} numbers expected, found {value!r}")
    if any(isinstance(part, bool) or not isinstance(part, int | float) for part in value):
        raise _MalformedError(f"numbers expected, found {value!r}")
    return tuple(float(part) for part in value)


def _on_earth(latitude: float, longitude: float) -> tuple[float, float]:
    inside = abs(latitude) <= 90 and abs(longitude) <= 180
    if not (math.isfinite(latitude) and math.isfinite(longitude) and inside):
        raise _MalformedError(f"latitude {latitude}, longitude {longitude} is not on Earth")
    return latitude, longitude


def _time(value: str) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise _MalformedError(f"created_at is {value!r}") from None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _required(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value:
        raise _MalformedError(f"{key} is {value!r}" if key in item else f"it has no {key}")
    return value


def _either(item: Mapping[str, Any], old: str, new: str) -> Any:
    return item[old] if old in item else item.get(new)


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _pixels(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _by_key(value: object, key: str) -> dict[str, Mapping[str, Any]]:
    return {str(item[key]): item for item in _items(value) if isinstance(item, Mapping) and key in item}


def _label(item: object) -> str:
    return f"post {item['id']}" if isinstance(item, Mapping) and item.get("id") else "a post"


def _partial_error(item: object) -> str:
    if not isinstance(item, Mapping):
        return f"X left something out: {item}"
    what = f"{item.get('resource_type', 'something')} {item.get('value', '')}".strip()
    why = item.get("detail") or item.get("message") or item.get("title") or "no reason given"
    return f"X left out {what}: {why}"
