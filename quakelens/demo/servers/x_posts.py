"""The posts that the stand-in for X knows, read from JSON lines."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quakelens.demo.servers.x_query import Searchable
from quakelens.errors import DataError


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
    """

    id: str
    created_at: datetime
    author: str
    author_id: str
    text: str
    lang: str
    coordinates: tuple[float, float] | None
    place: dict[str, Any] | None
    repost_of: str | None
    sensitive: bool
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture; posts that name the same path carry the same one.

    Attributes:
        name: Last part of its address, without the format.
        path: Where its file should be; it may be missing, as a deleted picture is.
    """

    key: str
    name: str
    path: Path

    @property
    def format(self) -> str:
        """`jpg`, `png` or `webp`: the extension of the address."""
        extension = self.path.suffix.lower().removeprefix(".")
        return extension if extension in ("png", "webp") else "jpg"


class Posts:
    """All posts, newest first, and their pictures."""

    def __init__(self, file: Path, images_root: Path) -> None:
        """Read the file.

        Raises:
            DataError: A line cannot be used; the message names it.
        """
        found = [
            _post(line, f"{file}, line {number}")
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
            if line.strip()
        ]
        self.newest_first = sorted(found, key=lambda post: (post.created_at, int(post.id)), reverse=True)
        self.by_id = {post.id: post for post in found}
        pictures = [_picture(path, images_root) for path in {path for post in found for path in post.images}]
        self.pictures = {picture.name: picture for picture in pictures}
        self._root = images_root

    def pictures_of(self, post: StoredPost) -> list[Picture]:
        """The post's own pictures."""
        return [_picture(path, self._root) for path in post.images]

    def searchable(self, post: StoredPost) -> Searchable:
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
        )


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
            repost_of=str(row["repost_of"]) if row.get("repost_of") else None,
            sensitive=bool(row.get("sensitive", False)),
            images=tuple(str(path) for path in row.get("images", ())),
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"{where} is not a post ({type(error).__name__}: {error})") from error


def _picture(path: str, root: Path) -> Picture:
    digest = hashlib.sha256(path.encode()).hexdigest()
    stem = re.sub(r"[^A-Za-z0-9_-]", "_", Path(path).stem)[:40]
    return Picture(key=f"3_{int(digest[:15], 16)}", name=f"{stem}-{digest[:8]}", path=root / path)
