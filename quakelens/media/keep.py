"""Keeping a picture that is here: checked by content, under its sha256, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from quakelens import images
from quakelens.errors import ImageError, MediaError
from quakelens.files import write_atomically

# Decoding one after the other bounds the memory: a WebP at the limit of pixels takes 0.8 GB, other formats less.
_decoding = threading.Lock()


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture on the disk; fields as in `quakelens.media.fetch.Fetched`."""

    sha256: str
    path: str
    bytes: int
    width: int
    height: int
    format: str


def keep(data: bytes, where: str, directory: Path, *, max_pixels: int, formats: tuple[str, ...]) -> Stored:
    """Check and store one picture as `directory/<sha256[:2]>/<sha256><extension>`.

    Args:
        data: A whole file.
        where: It comes from, for messages.
        directory: Where.
        max_pixels: Width times height.
        formats: What it may be, of `quakelens.images.FORMATS`.

    Raises:
        MediaError: It cannot be read, or has too many pixels.
        OSError: It cannot be written.
    """
    try:
        with _decoding:
            facts = images.examine(data, max_pixels=max_pixels, formats=formats)
    except ImageError as error:
        raise MediaError(error.reason, f"{where}: {error}") from None
    except Exception as error:  # noqa: BLE001  # decoders raise anything on hostile bytes
        raise MediaError("unsupported", f"{where} cannot be decoded: {type(error).__name__}: {error}") from None
    digest = hashlib.sha256(data).hexdigest()
    path = f"{digest[:2]}/{digest}{images.EXTENSIONS[facts.format]}"
    target = directory / path
    if not target.is_file():
        with write_atomically(target) as file:
            file.write(data)
        _sync_folder(target.parent)
    return Stored(digest, path, len(data), facts.width, facts.height, facts.format)


def _sync_folder(folder: Path) -> None:
    """Have the name on the disk, too, before the store is told of the picture."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
