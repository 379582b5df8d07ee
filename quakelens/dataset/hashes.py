"""Perceptual hashes of the collection, computed once a picture and kept beside it."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from quakelens.cores import usable_cores
from quakelens.dataset.labelled import Fault, Labelled
from quakelens.duplicates import PictureHash, hash_picture
from quakelens.errors import ImageError
from quakelens.files import write_atomically
from quakelens.images import decode, read_bytes

DECODED_SIDE = 256
"""Shorter side in pixels to which a JPEG may be reduced before hashing, which looks at 32 x 32 and 9 x 8."""

_HEADER = ["sha256", "phash", "dhash", "phash_mirrored", "detail"]


def hash_collection(
    labelled: Path,
    pictures: Collection[Labelled],
    *,
    max_pixels: int,
    verify: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, PictureHash], dict[str, Fault]]:
    """Hashes by sha256, and what is wrong with the others by `Labelled.path`.

    Hashes are kept in `cache/` beside the collection, for the pictures of the collection only.

    Args:
        labelled: Folder of the collection.
        pictures: All pictures of the collection.
        max_pixels: Width times height above which a picture is refused.
        verify: Read every file and compare its sha256, also where the hash is known.
        on_progress: Called with how many pictures are done, and of how many.
    """
    known = read_cache(labelled)

    def look(picture: Labelled) -> PictureHash | Fault:
        path, kept = labelled / picture.path, known.get(picture.sha256)
        if kept and not verify and path.is_file():
            return kept
        try:
            data = read_bytes(path)
            if hashlib.sha256(data).hexdigest() != picture.sha256:
                what = "not the file that was labelled: get that with `dvc checkout`, or remove the row"
                return Fault("changed", picture.path, what)
            return kept or hash_picture(decode(data, max_pixels=max_pixels, at_least=DECODED_SIDE))
        except ImageError as error:
            if error.reason == "missing":
                return Fault("missing", picture.path, "the file is missing: run `dvc pull`, or remove its row")
            return Fault("unreadable", picture.path, f"{error.reason}: {error}")

    hashes: dict[str, PictureHash] = {}
    faults: dict[str, Fault] = {}
    with ThreadPoolExecutor(max_workers=usable_cores()) as threads:
        for done, (picture, found) in enumerate(zip(pictures, threads.map(look, pictures), strict=True), 1):
            if isinstance(found, Fault):
                faults[picture.path] = found
            else:
                hashes[picture.sha256] = found
            if on_progress:
                on_progress(done, len(pictures))
    write_cache(labelled, hashes)
    return hashes, faults


def read_cache(labelled: Path) -> dict[str, PictureHash]:
    """The kept hashes; a file that cannot be read counts as absent, since all can be computed again."""
    try:
        with _cache(labelled).open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            if next(rows, None) != _HEADER:
                return {}
            return {
                sha256: PictureHash(_uint64(phash), _uint64(dhash), _uint64(mirrored), float(detail))
                for sha256, phash, dhash, mirrored, detail in rows
            }
    except (OSError, ValueError, csv.Error):
        return {}


def write_cache(labelled: Path, hashes: Mapping[str, PictureHash]) -> None:
    """Keep these hashes and no others."""
    if hashes == read_cache(labelled):
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for sha256, kept in sorted(hashes.items()):
        bits = (kept.phash, kept.dhash, kept.phash_mirrored)
        writer.writerow([sha256, *(f"{value:016x}" for value in bits), kept.detail])
    with write_atomically(_cache(labelled)) as file:
        file.write(text.getvalue().encode())


def _cache(labelled: Path) -> Path:
    return labelled.parent / "cache" / "picture-hashes-1.csv"


def _uint64(digits: str) -> int:
    if len(digits) != 16:
        raise ValueError(f"`{digits}` is no 64-bit number")
    return int(digits, 16)
