"""Searching every byte of a workspace for what must not be in it any more."""

from __future__ import annotations

import base64
import gzip
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from PIL import Image

from quakelens.duplicates import MAX_OTHER_DISTANCE, PictureHash, hash_picture
from quakelens.errors import ImageError
from quakelens.images import decode

_EMBEDDED = re.compile(rb"data:image/\w+;base64,([A-Za-z0-9+/=]+)")
_NEAR = 8


@dataclass(frozen=True)
class Sought:
    """Words that must not occur, and pictures of which nothing may be left."""

    words: tuple[str, ...]
    pictures: tuple[bytes, ...] = ()
    also_near: bool = True  # False where near-duplicates of others stay

    def traces(self, *roots: Path) -> list[str]:
        """Where something of it is: the file and what."""
        hashes = [hash_picture(decode(picture)) for picture in self.pictures if self.also_near]
        shas = [sha256(picture).hexdigest() for picture in self.pictures]
        pieces = [
            picture[at : at + 64]
            for picture in self.pictures
            for at in range(700, len(picture) - 64, max(64, len(picture) // 7))
        ]
        assert len(pieces) >= 5 * len(self.pictures)
        needles = [*self.words, *shas]
        encoded = [(word, code, word.encode(code)) for word in needles for code in ("utf-8", "utf-16-le", "utf-32-le")]
        # JSON and HTML write some letters in other ways.
        encoded += [(word, "json", word.encode("unicode_escape")) for word in self.words if not word.isascii()]
        found = []
        for file in (file for root in roots for file in sorted(root.rglob("*")) if file.is_file()):
            found += [f"{file}: named {sha[:16]}" for sha in shas if sha[:16] in file.name]
            for where, content in contents(file.name, file.read_bytes()):
                found += [f"{file}{where}: {word} ({code})" for word, code, needle in encoded if needle in content]
                found += [f"{file}{where}: bytes of a picture" for piece in pieces if piece in content]
                found += [f"{file}{where}: looks like a picture" for each in near(content, hashes)]
        return found


def contents(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """A file as it is, unpacked, and with the pictures that are embedded in it, each by itself."""
    yield "", data
    if data[:2] == b"\x1f\x8b":
        yield " (unpacked)", gzip.decompress(data)
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                yield f" ({member})", archive.read(member)
    for number, match in enumerate(_EMBEDDED.finditer(data)):
        yield f" (picture {number})", base64.b64decode(match[1])


def near(data: bytes, hashes: list[PictureHash]) -> list[PictureHash]:
    """Which pictures a file repeats, whole or as a tile of a sheet."""
    try:
        image = decode(data)
    except (ImageError, Image.DecompressionBombError):
        return []
    seen = hash_picture(image)
    return [
        each
        for each in hashes
        if ((each.phash ^ seen.phash).bit_count() <= _NEAR or (each.dhash ^ seen.dhash).bit_count() <= _NEAR)
        and (each.phash ^ seen.phash).bit_count() <= MAX_OTHER_DISTANCE
        and (each.dhash ^ seen.dhash).bit_count() <= MAX_OTHER_DISTANCE
    ]
