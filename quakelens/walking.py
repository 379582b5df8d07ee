"""Finding the pictures below a folder, however many they are."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path


def pictures_below(paths: Iterable[Path]) -> Iterator[Path]:
    """The named files, and of named folders every file with a picture's extension, as they are found.

    A folder is never listed whole, so the first answer comes at once and memory does not grow with it. Links to
    folders are not followed: one that leads back up would never end.
    """
    from quakelens.images import EXTENSIONS

    known = {*EXTENSIONS.values(), ".jpeg", ".tiff", ".jfif"}
    for path in paths:
        if path.is_dir():
            yield from _below(path, known)
        else:
            yield path


def _below(folder: Path, known: Collection[str]) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _below(Path(entry.path), known)
            elif os.path.splitext(entry.name)[1].lower() in known and entry.is_file():  # noqa: PTH122
                yield Path(entry.path)
