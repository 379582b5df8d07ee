"""Reading the pictures that labelled rows name, several at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from quakelens.cores import usable_cores
from quakelens.dataset.add_report import Unreadable
from quakelens.dataset.hashes import DECODED_SIDE
from quakelens.dataset.manifest import Manifest, Row
from quakelens.duplicates import PictureHash, hash_picture
from quakelens.errors import ImageError
from quakelens.images import EXTENSIONS, decode, format_of, read_bytes

_IN_FLIGHT = 32  # pictures in memory at once


@dataclass(frozen=True, slots=True)
class Read:
    """A picture that can be used: its file's content and what is known from it."""

    data: bytes
    sha256: str
    extension: str
    hash: PictureHash


def read_each(manifest: Manifest, max_pixels: int) -> Iterator[tuple[Row, Read | Unreadable]]:
    """Every row with its picture, or why that cannot be read, in the order of the rows."""

    def read(row: Row) -> Read | Unreadable:
        return _read(manifest, row, max_pixels)

    with ThreadPoolExecutor(max_workers=usable_cores()) as threads:
        for start in range(0, len(manifest.rows), _IN_FLIGHT):
            rows = manifest.rows[start : start + _IN_FLIGHT]
            yield from zip(rows, threads.map(read, rows), strict=True)


def _read(manifest: Manifest, row: Row, max_pixels: int) -> Read | Unreadable:
    path = manifest.file(row)
    if not path.resolve().is_relative_to(manifest.root.resolve()):
        what = f"{row.image} is a link out of {manifest.root}: copy the picture there instead"
        return Unreadable(row.line, row.file, row.image, "outside", what)
    try:
        if path.exists() and not path.is_file():
            raise ImageError("unsupported", f"{path} is no file")  # reading a pipe would wait for ever
        data = read_bytes(path)
        picture = decode(data, max_pixels=max_pixels, at_least=DECODED_SIDE)
        return Read(data, hashlib.sha256(data).hexdigest(), EXTENSIONS[format_of(data)], hash_picture(picture))
    except ImageError as error:
        return Unreadable(row.line, row.file, row.image, error.reason, str(error))
