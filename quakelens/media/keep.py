"""Keeping a picture that is here: checked by content, under its sha256, whole or not at all."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass

from quakelens import images
from quakelens.depot import Depot
from quakelens.errors import ImageError, MediaError

# Decoding one after the other bounds the memory: a WebP at the limit of pixels takes 0.8 GB, other formats less.
_decoding = threading.Lock()


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture that is kept; fields as in `quakelens.media.fetch.Fetched`."""

    sha256: str
    path: str
    bytes: int
    width: int
    height: int
    format: str


def keep(data: bytes, where: str, depot: Depot, *, max_pixels: int, formats: tuple[str, ...]) -> Stored:
    """Check and store one picture as `<sha256[:2]>/<sha256><extension>`.

    Args:
        data: A whole file.
        where: It comes from, for messages.
        depot: Where.
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
    if not depot.file(path).exists():
        depot.put(path, data, lasting=True)  # before the store is told of it
    return Stored(digest, path, len(data), facts.width, facts.height, facts.format)
