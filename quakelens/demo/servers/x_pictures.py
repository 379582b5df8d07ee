"""The host of X's pictures: the sizes that `name=` asks for, made when they are asked for."""

from __future__ import annotations

import hashlib
import io
import re
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from PIL import Image, UnidentifiedImageError

from quakelens.demo.servers.local import Reply, Request

_SIZES = {"thumb": 150, "small": 680, "medium": 1200, "large": 2048, "4096x4096": 4096, "orig": None}
"""Longest side in pixels by `name`; `thumb` is a square. X's data dictionary, media URL formatting."""

_KEPT_BYTES = 64 * 2**20
_KINDS = {
    "photo": ("3", "/media/"),
    "video": ("7", "/ext_tw_video_thumb/"),
    "animated_gif": ("16", "/tweet_video_thumb/"),
}
_MIME = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture; posts that name the same path carry the same one.

    Attributes:
        name: Last part of its address, without the format.
        path: Where its file should be; it may be missing, as a deleted picture is.
        media_type: X's word; the still of a video has another address than a photograph.
    """

    key: str
    name: str
    path: Path
    media_type: Literal["photo", "video", "animated_gif"] = "photo"

    @property
    def format(self) -> str:
        """`jpg`, `png` or `webp`: the extension of the address."""
        extension = self.path.suffix.lower().removeprefix(".")
        return extension if extension in ("png", "webp") else "jpg"

    @property
    def address(self) -> str:
        """Path of its address, with the extension."""
        return f"{_KINDS[self.media_type][1]}{self.name}.{self.format}"

    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels; None for what is no picture."""
        return _size_of(self.path)


@lru_cache(maxsize=65_536)
def picture_of(path: str, root: Path, media_type: Literal["photo", "video", "animated_gif"]) -> Picture:
    """The picture of a path below `root`."""
    digest = hashlib.sha256((path if media_type == "photo" else f"{media_type} {path}").encode()).hexdigest()
    stem = re.sub(r"[^A-Za-z0-9_-]", "_", Path(path).stem)[:40]
    kind = _KINDS[media_type][0]
    return Picture(f"{kind}_{int(digest[:15], 16)}", f"{stem}-{digest[:8]}", root / path, media_type)


@lru_cache(maxsize=65_536)
def _size_of(path: Path) -> tuple[int, int] | None:
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, UnidentifiedImageError):
        return None


class PictureHost:
    """Serves `/media/NAME.jpg` (1200 pixels) and `/media/NAME?format=jpg&name=large`, and stills of videos.

    Attributes:
        sent: Name of each picture that was asked for and found.
    """

    def __init__(self, pictures: dict[str, Picture]) -> None:
        self.sent: list[str] = []
        self._pictures = pictures
        self._deleted: set[str] = set()
        self._made: dict[tuple[str, str], bytes] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def owns(self, path: str) -> bool:
        """Whether an address is one of a picture."""
        return path.startswith(tuple(folder for _, folder in _KINDS.values()))

    def delete(self, name: str) -> None:
        """Answer 404 for a picture from now on."""
        self._deleted.add(name)

    def answer(self, request: Request) -> Reply:
        """Serve one address; 404 for what is not there, for a wrong format, and for a size that X does not know."""
        values = dict(request.query)
        folder, _, last = request.path.rpartition("/")
        name, dot, extension = last.partition(".")
        picture = self._pictures.get(name)
        size = values.get("name", "medium")
        wanted = extension if dot else values.get("format", "")
        if (
            picture is None
            or name in self._deleted
            or not picture.address.startswith(f"{folder}/")
            or wanted != picture.format
            or size not in _SIZES
            or not picture.path.is_file()
        ):
            return Reply(404, b"", content_type="text/plain")
        self.sent.append(name)
        kind = {"jpg": "image/jpeg"}.get(picture.format, f"image/{picture.format}")
        return Reply(200, self._bytes_of(picture, size), content_type=kind)

    def _bytes_of(self, picture: Picture, size: str) -> bytes:
        with self._lock:
            known = self._made.get((picture.name, size))
            if known is None:
                known = _resized(picture, size)
                if self._bytes + len(known) > _KEPT_BYTES:
                    self._made.clear()
                    self._bytes = 0
                self._made[picture.name, size] = known
                self._bytes += len(known)
            return known


def _resized(picture: Picture, size: str) -> bytes:
    """The file itself where it is small enough already, or is no picture."""
    data = picture.path.read_bytes()
    longest = _SIZES[size]
    if longest is None:
        return data
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            if size == "thumb":
                side = min(image.size)
                left, top = (image.width - side) // 2, (image.height - side) // 2
                small = image.crop((left, top, left + side, top + side))
                if side > longest:
                    small = small.resize((longest, longest))
            elif max(image.size) <= longest:
                return data
            else:
                small = image.copy()
                small.thumbnail((longest, longest))
            out = io.BytesIO()
            if picture.format == "jpg" and small.mode not in ("RGB", "L", "CMYK"):
                small = small.convert("RGB")
            small.save(out, _MIME[picture.format], exif=image.getexif())
            return out.getvalue()
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
        return data
