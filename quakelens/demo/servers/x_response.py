"""Answers in X's form: only the fields that were asked for, and nothing included that was not."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from quakelens.demo.servers.x_pictures import Picture
from quakelens.demo.servers.x_posts import Posts, StoredPost
from quakelens.demo.servers.x_request import token_after
from quakelens.demo.servers.x_terms import Lists, Search

Spelling = Literal["tweet", "post"]

PROBLEMS = "https://api.twitter.com/2/problems"
_ALWAYS = {"media.fields": {"media_key", "type"}, "place.fields": {"id", "full_name"},
           "user.fields": {"id", "name", "username"}}  # fmt: skip
_SHORT = 280  # characters; a longer post is cut, and whole in note_tweet
_HASHTAG = re.compile(r"#(\w+)")
_ADDRESS = re.compile(r"https?://\S+")


def page(
    builder: Builder, search: Search, found: Sequence[StoredPost], more: bool
) -> dict[str, Any]:  # fmt: skip
    """The body of a search's page; without `data` where nothing was found."""
    if not found:
        return {"meta": {"result_count": 0}}
    meta: dict[str, Any] = {
        "newest_id": found[0].id,
        "oldest_id": found[-1].id,
        "result_count": len(found),
    }
    if more:
        meta["next_token"] = token_after(search.query, found[-1].created_at, found[-1].id)
    body: dict[str, Any] = {"data": [builder.post(post) for post in found]}
    includes, errors = builder.includes(found)
    if includes:
        body["includes"] = includes
    if errors:
        body["errors"] = errors
    return {**body, "meta": meta}


def missing(value: str, parameter: str, reason: str | None, *, kind: str = "tweet") -> dict[str, Any]:
    """What X says of a post or user that it does not give; `reason` as in `Posts.why_gone`, None for unknown ids."""
    same = {"value": value, "resource_type": kind, "parameter": parameter, "resource_id": value}
    if reason == "suspended":
        return {**same, "detail": f"User has been suspended: [{value}].", "title": "Forbidden",
                "type": f"{PROBLEMS}/resource-not-found"}  # fmt: skip
    if reason == "protected":
        return {**same, "detail": f"Sorry, you are not authorized to see the Tweet with {parameter}: [{value}].",
                "title": "Authorization Error",
                "type": f"{PROBLEMS}/not-authorized-for-resource"}  # fmt: skip
    return {**same, "detail": f"Could not find {kind} with {parameter}: [{value}].", "title": "Not Found Error",
            "type": f"{PROBLEMS}/resource-not-found"}  # fmt: skip


class Builder:
    """Writes posts as one request asks for them."""

    def __init__(self, posts: Posts, lists: Lists, base_url: str, spelling: Spelling) -> None:
        self._posts = posts
        self._lists = lists
        self._base_url = base_url
        self._word = spelling

    def post(self, post: StoredPost, as_id: str | None = None) -> dict[str, Any]:
        """One post; `as_id` is the version that was asked for, of an edited one."""
        field, word = self._lists.field, self._word
        text = post.text if len(post.text) <= _SHORT else f"{post.text[: _SHORT - 28]}… https://t.co/{post.id[-10:]}"
        body: dict[str, Any] = {
            "id": as_id or post.id,
            "text": html.escape(text, quote=False),
            f"edit_history_{word}_ids": [*post.earlier, post.id],
        }
        if text != post.text and field("note_tweet", "note_post"):
            body[f"note_{word}"] = {"text": html.escape(post.text, quote=False)}
        if field("created_at"):
            body["created_at"] = _milliseconds(post.created_at)
        if field("lang"):
            body["lang"] = post.lang
        if field("possibly_sensitive"):
            body["possibly_sensitive"] = post.sensitive
        if field("author_id") or self._lists.asks("expansions", "author_id"):
            body["author_id"] = post.author_id
        if post.images and (field("attachments") or self._lists.asks("expansions", "attachments.media_keys")):
            body["attachments"] = {"media_keys": [picture.key for picture in self._posts.pictures_of(post)]}
        references = _references(post)
        if references and (field("referenced_tweets", "referenced_posts") or self._lists.references):
            body[f"referenced_{word}s"] = references
        if field("conversation_id"):
            body["conversation_id"] = post.reply_to or post.id
        if field("entities"):
            entities = _entities(body["text"])
            if entities:
                body["entities"] = entities
        if field("edit_controls"):
            body["edit_controls"] = {
                "edits_remaining": str(5 - len(post.earlier)), "is_edit_eligible": post.repost_of is None,
                "editable_until": _milliseconds(post.created_at + timedelta(hours=1)),
            }  # fmt: skip
        self._add_what_can_go(post, body)
        return body

    def _add_what_can_go(self, post: StoredPost, body: dict[str, Any]) -> None:
        """The location, which an author may have taken back, and whether the post is withheld somewhere."""
        reason = self._posts.why_gone(post)
        geo = {} if reason == "scrub_geo" else _geo(post)
        if geo and (self._lists.field("geo") or self._lists.asks("expansions", "geo.place_id")):
            body["geo"] = geo
        if reason == "withheld" and self._lists.field("withheld"):
            body["withheld"] = {"copyright": False, "country_codes": ["XX"]}

    def includes(self, found: Sequence[StoredPost]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """What the expansions ask for, each object once, and what of it is missing.

        Media are those of the posts that were found, not of posts that are sent along.
        """
        includes: dict[str, Any] = {}
        errors = []
        asks = self._lists.asks
        if asks("expansions", "attachments.media_keys"):
            pictures = {p.key: p for post in found for p in self._posts.pictures_of(post)}
            alts = {p.key: post.alt_text for post in found for p in self._posts.pictures_of(post)}
            includes["media"] = [self._picture(picture, alts[key]) for key, picture in pictures.items()]
        along: list[StoredPost] = []
        if self._lists.references:
            wanted = dict.fromkeys(each["id"] for post in found for each in _references(post))
            known = {number: self._posts.by_id.get(number) for number in wanted}
            along = [post for post in known.values() if post is not None and self._posts.why_gone(post) is None]
            includes[f"{self._word}s"] = [self.post(post) for post in along]
            shown = {post.id for post in along}
            errors = [
                missing(number, f"referenced_{self._word}s.id", self._posts.why_gone(post) if post else None)
                for number, post in known.items()
                if number not in shown
            ]
        if asks("expansions", "author_id"):
            authors = {post.author_id: post.author for post in (*found, *along)}
            includes["users"] = [self.user(number, name) for number, name in authors.items()]
        if asks("expansions", "geo.place_id"):
            places = {post.place["id"]: post.place for post in found if post.place}
            includes["places"] = [self._place(place) for place in places.values()]
        return {name: values for name, values in includes.items() if values}, errors

    def user(self, number: str, handle: str) -> dict[str, Any]:
        """One author."""
        return self._only("user.fields", {"id": number, "name": handle, "username": handle, "protected": False})

    def _picture(self, picture: Picture, alt_text: str | None) -> dict[str, Any]:
        url = f"{self._base_url}{picture.address}"
        body: dict[str, Any] = {"media_key": picture.key, "type": picture.media_type}
        body["url" if picture.media_type == "photo" else "preview_image_url"] = url
        size = picture.size()
        if size:
            body["width"], body["height"] = size
        if alt_text:
            body["alt_text"] = alt_text
        if picture.media_type == "video":
            body["duration_ms"] = 1000
        return self._only("media.fields", body)

    def _place(self, place: dict[str, Any]) -> dict[str, Any]:
        body = {
            "id": place["id"],
            "full_name": place["full_name"],
            "country_code": place["country_code"],
            "place_type": place["place_type"],
            "geo": {"type": "Feature", "bbox": place["bbox"], "properties": {}},
        }
        return self._only("place.fields", body)

    def _only(self, fields: str, body: dict[str, Any]) -> dict[str, Any]:
        asked = _ALWAYS[fields] | self._lists.values[fields]
        return {name: value for name, value in body.items() if name in asked}


def _references(post: StoredPost) -> list[dict[str, str]]:
    pairs = (("retweeted", post.repost_of), ("quoted", post.quote_of), ("replied_to", post.reply_to))
    return [{"type": kind, "id": number} for kind, number in pairs if number]


def _geo(post: StoredPost) -> dict[str, Any]:
    geo: dict[str, Any] = {}
    if post.coordinates:
        geo["coordinates"] = {"type": "Point", "coordinates": list(post.coordinates)}
    if post.place:
        geo["place_id"] = post.place["id"]
    return geo


def _entities(text: str) -> dict[str, Any]:
    def spans(pattern: re.Pattern[str]) -> Iterable[re.Match[str]]:
        return pattern.finditer(text)

    tags = [{"start": m.start(), "end": m.end(), "tag": m[1]} for m in spans(_HASHTAG)]
    urls = [
        {"start": m.start(), "end": m.end(), "url": m[0], "expanded_url": m[0], "display_url": m[0]}
        for m in spans(_ADDRESS)
    ]
    return {name: values for name, values in (("hashtags", tags), ("urls", urls)) if values}


def _milliseconds(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
