"""Pages in X's form: only the fields that were asked for, and nothing included that was not."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

from PIL import Image, UnidentifiedImageError

from quakelens.demo.servers.x_posts import Picture, Posts, StoredPost
from quakelens.demo.servers.x_request import Search, token_after

Spelling = Literal["tweet", "post"]

_ALWAYS = {"media.fields": {"media_key", "type"}, "place.fields": {"id", "full_name"},
           "user.fields": {"id", "name", "username"}}  # fmt: skip


def find(posts: Posts, search: Search) -> tuple[list[StoredPost], bool]:
    """The posts of the page, newest first, and whether there are older ones."""
    found = [post for post in posts.newest_first if _is_found(posts, search, post)]
    return found[: search.max_results], len(found) > search.max_results


def page(
    posts: Posts, search: Search, found: Sequence[StoredPost], more: bool, base_url: str, spelling: Spelling
) -> dict[str, Any]:
    """The response's body; without `data` where nothing was found."""
    if not found:
        return {"meta": {"result_count": 0}}
    builder = _Builder(posts, search, base_url, spelling)
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


def _is_found(posts: Posts, search: Search, post: StoredPost) -> bool:
    number = int(post.id)
    return (
        post.created_at < search.end
        and post.created_at >= search.start
        and (search.since_id is None or number > search.since_id)
        and (search.until_id is None or number < search.until_id)
        and (search.older_than is None or (post.created_at, number) < search.older_than)
        and search.matches(posts.searchable(post))
    )


class _Builder:
    def __init__(self, posts: Posts, search: Search, base_url: str, spelling: Spelling) -> None:
        self._posts = posts
        self._search = search
        self._base_url = base_url
        self._word = spelling

    def post(self, post: StoredPost) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": post.id,
            "text": html.escape(post.text, quote=False),
            f"edit_history_{self._word}_ids": [post.id],
        }
        if self._asks("created_at"):
            body["created_at"] = _milliseconds(post.created_at)
        if self._asks("lang"):
            body["lang"] = post.lang
        if self._asks("possibly_sensitive"):
            body["possibly_sensitive"] = post.sensitive
        if self._asks("author_id", "author_id"):
            body["author_id"] = post.author_id
        if post.images and self._asks("attachments", "attachments.media_keys"):
            keys = [picture.key for picture in self._posts.pictures_of(post)]
            body["attachments"] = {"media_keys": keys}
        geo = _geo(post)
        if geo and self._asks("geo", "geo.place_id"):
            body["geo"] = geo
        references = ("referenced_tweets", "referenced_posts")
        if post.repost_of and (self._asks_any(references) or self._expands_references()):
            body[f"referenced_{self._word}s"] = [{"type": "retweeted", "id": post.repost_of}]
        return body

    def includes(self, found: Sequence[StoredPost]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """What the expansions ask for, each object once, and what of it is missing."""
        includes: dict[str, Any] = {}
        errors = []
        if self._search.asks("expansions", "attachments.media_keys"):
            pictures = {p.key: p for post in found for p in self._posts.pictures_of(post)}
            includes["media"] = [self._picture(picture) for picture in pictures.values()]
        if self._search.asks("expansions", "author_id"):
            authors = {post.author_id: post.author for post in found}
            includes["users"] = [
                self._only("user.fields", {"id": number, "name": name, "username": name})
                for number, name in authors.items()
            ]
        if self._search.asks("expansions", "geo.place_id"):
            places = {post.place["id"]: post.place for post in found if post.place}
            includes["places"] = [self._place(place) for place in places.values()]
        if self._expands_references():
            wanted = dict.fromkeys(post.repost_of for post in found if post.repost_of)
            known = [self._posts.by_id[number] for number in wanted if number in self._posts.by_id]
            includes[f"{self._word}s"] = [self.post(post) for post in known]
            errors = [_missing(number) for number in wanted if number not in self._posts.by_id]
        return {name: values for name, values in includes.items() if values}, errors

    def _picture(self, picture: Picture) -> dict[str, Any]:
        body: dict[str, Any] = {
            "media_key": picture.key,
            "type": "photo",
            "url": f"{self._base_url}/media/{picture.name}.{picture.format}",
        }
        size = _size(picture)
        if size:
            body["width"], body["height"] = size
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
        asked = _ALWAYS[fields] | self._search.lists[fields]
        return {name: value for name, value in body.items() if name in asked}

    def _asks(self, field: str, expansion: str | None = None) -> bool:
        expanded = expansion is not None and self._search.asks("expansions", expansion)
        return expanded or self._asks_any([field])

    def _asks_any(self, fields: Iterable[str]) -> bool:
        asked = self._search.lists["tweet.fields"] | self._search.lists["post.fields"]
        return not asked.isdisjoint(fields)

    def _expands_references(self) -> bool:
        return not self._search.lists["expansions"].isdisjoint(
            ("referenced_tweets.id", "referenced_posts.id", "referenced_posts")
        )


def _geo(post: StoredPost) -> dict[str, Any]:
    geo: dict[str, Any] = {}
    if post.coordinates:
        geo["coordinates"] = {"type": "Point", "coordinates": list(post.coordinates)}
    if post.place:
        geo["place_id"] = post.place["id"]
    return geo


def _missing(number: str) -> dict[str, Any]:
    return {
        "value": number,
        "detail": f"Could not find tweet with referenced_tweets.id: [{number}].",
        "title": "Not Found Error",
        "resource_type": "tweet",
        "parameter": "referenced_tweets.id",
        "resource_id": number,
        "type": "https://api.twitter.com/2/problems/resource-not-found",
    }


def _size(picture: Picture) -> tuple[int, int] | None:
    try:
        with Image.open(picture.path) as image:
            return image.size
    except (OSError, UnidentifiedImageError):
        return None


def _milliseconds(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
