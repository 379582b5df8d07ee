"""The posts that the stand-in for X knows: read from JSON lines or appended, in the order of time."""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from quakelens.demo.servers.x_pictures import Picture, picture_of
from quakelens.demo.servers.x_query import Predicate, Searchable, compile_query
from quakelens.errors import DataError

Reason = Literal["deleted", "suspended", "protected", "deactivated", "withheld", "scrub_geo"]

_KEPT_MATCHES = 64  # queries
_KEPT_SEARCHABLE = 4_096  # posts, for when several queries come to a post one after the other


@dataclass(frozen=True, slots=True)
class StoredPost:
    """One line of the file.

    Attributes:
        id: Digits; larger ids are newer.
        created_at: UTC, whole milliseconds.
        coordinates: Longitude and latitude.
        place: `id`, `full_name`, `country_code`, `place_type` and `bbox` (west, south, east, north).
        repost_of: Id of the post that this one repeats.
        images: Paths relative to the folder of pictures.
        quote_of: Id of the post that this one quotes.
        reply_to: Id of the post that this one answers.
        earlier: Ids of the versions before this one, the first one first.
        media_type: Of all its images; those of a video or an animation are its stills.
        alt_text: Of all its images.
    """

    id: str
    created_at: datetime
    author: str
    author_id: str
    text: str
    lang: str = "und"
    coordinates: tuple[float, float] | None = None
    place: dict[str, Any] | None = None
    repost_of: str | None = None
    sensitive: bool = False
    images: tuple[str, ...] = ()
    quote_of: str | None = None
    reply_to: str | None = None
    earlier: tuple[str, ...] = ()
    media_type: Literal["photo", "video", "animated_gif"] = "photo"
    alt_text: str | None = None

    @property
    def key(self) -> tuple[datetime, int]:
        """By which posts are ordered."""
        return self.created_at, int(self.id)


@dataclass(slots=True)
class _Matches:
    """The posts that a query finds among the first `seen` ones of `Posts._arrived`, oldest first."""

    holds: Predicate
    seen: int = 0
    keys: list[tuple[datetime, int]] = field(default_factory=list)


class Posts:
    """All posts, their pictures, and which of them are gone. Not for several threads at once."""

    def __init__(self, found: Iterable[StoredPost], images_root: Path) -> None:
        """Take the posts; paths of pictures are relative to `images_root`."""
        self.by_id: dict[str, StoredPost] = {}
        self.pictures: dict[str, Picture] = {}
        self.gone: dict[str, Reason] = {}
        self.gone_authors: dict[str, Reason] = {}
        self._root = images_root
        self._arrived: list[StoredPost] = []
        self._matches: dict[str, _Matches] = {}
        self._searchable: dict[str, Searchable] = {}
        self._authors: dict[str, str] = {}
        self._versions: dict[str, str] = {}
        self.append(found)

    def append(self, found: Iterable[StoredPost]) -> None:
        """Add posts, in any order."""
        for post in found:
            self.by_id[post.id] = post
            self._arrived.append(post)
            self._versions.update(dict.fromkeys(post.earlier, post.id))
            self._authors[post.author.casefold()] = post.author_id
            for picture in self.pictures_of(post):
                self.pictures.setdefault(picture.name, picture)

    def find(self, number: str) -> StoredPost | None:
        """The post with this id, or of which it is an earlier version."""
        return self.by_id.get(self._versions.get(number, number))

    def author_id(self, handle: str) -> str | None:
        """The id that belongs to a handle."""
        return self._authors.get(handle.casefold())

    def why_gone(self, post: StoredPost) -> Reason | None:
        """Why a post is not shown; None if it is."""
        return self.gone.get(post.id) or self.gone_authors.get(post.author_id)

    def pictures_of(self, post: StoredPost) -> list[Picture]:
        """The post's own pictures."""
        return [picture_of(path, self._root, post.media_type) for path in post.images]

    def newest_first(
        self,
        query: str,
        within: Callable[[tuple[datetime, int]], bool],
        before: tuple[datetime, int],
    ) -> Iterator[StoredPost]:
        """The posts of a query from before a position, newest first, until `within` ends it.

        `within` is true of every position newer than one of which it is true.
        """
        keys = self._found(query).keys
        for position in range(bisect_left(keys, before) - 1, -1, -1):
            if not within(keys[position]):
                return
            post = self.by_id[str(keys[position][1])]
            if self.why_gone(post) in (None, "scrub_geo"):
                yield post

    def _found(self, query: str) -> _Matches:
        matches = self._matches.pop(query, None) or _Matches(compile_query(query))
        self._matches[query] = matches  # the last used one comes last
        while len(self._matches) > _KEPT_MATCHES:
            del self._matches[next(iter(self._matches))]
        for post in self._arrived[matches.seen :]:
            if matches.holds(self._searchable_of(post)):
                if not matches.keys or matches.keys[-1] < post.key:
                    matches.keys.append(post.key)
                else:
                    insort(matches.keys, post.key)
        matches.seen = len(self._arrived)
        return matches

    def _searchable_of(self, post: StoredPost) -> Searchable:
        known = self._searchable.get(post.id)
        if known is None:
            if len(self._searchable) >= _KEPT_SEARCHABLE:
                self._searchable.clear()
            known = self._searchable[post.id] = self._as_searchable(post)
        return known

    def _as_searchable(self, post: StoredPost) -> Searchable:
        """What a query sees of a post; a repost has media where the repeated post has."""
        original = self.by_id.get(post.repost_of or "", post)
        return Searchable(
            text=post.text,
            lang=post.lang,
            author=post.author,
            country=post.place["country_code"].upper() if post.place else None,
            has_media=bool(post.images or original.images),
            has_geo=post.coordinates is not None or post.place is not None,
            is_retweet=post.repost_of is not None,
            has_images=bool(post.images or original.images) and original.media_type == "photo",
            is_reply=post.reply_to is not None,
            is_quote=post.quote_of is not None,
        )


def read_posts(file: Path) -> list[StoredPost]:
    """Read a file of JSON lines.

    Raises:
        DataError: A line cannot be used; the message names it.
    """
    return [
        _post(line, f"{file}, line {number}")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if line.strip()
    ]


def _post(line: str, where: str) -> StoredPost:
    try:
        row = json.loads(line)
        created_at = datetime.fromisoformat(row["created_at"])
        coordinates = row.get("coordinates")
        return StoredPost(
            id=str(int(row["id"])),
            created_at=created_at.astimezone(UTC) if created_at.tzinfo else created_at.replace(tzinfo=UTC),
            author=str(row["author"]),
            author_id=str(row["author_id"]),
            text=str(row["text"]),
            lang=str(row.get("lang") or "und"),
            coordinates=(float(coordinates[0]), float(coordinates[1])) if coordinates else None,
            place=row.get("place"),
            repost_of=_id_or_none(row, "repost_of"),
            sensitive=bool(row.get("sensitive", False)),
            images=tuple(str(path) for path in row.get("images", ())),
            quote_of=_id_or_none(row, "quote_of"),
            reply_to=_id_or_none(row, "reply_to"),
            earlier=tuple(str(each) for each in row.get("earlier", ())),
            media_type=row.get("media_type", "photo"),
            alt_text=row.get("alt_text"),
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"{where} is not a post ({type(error).__name__}: {error})") from error


def _id_or_none(row: dict[str, Any], key: str) -> str | None:
    return str(row[key]) if row.get(key) else None
