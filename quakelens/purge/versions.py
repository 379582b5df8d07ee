"""Removing pictures from the earlier versions of the data that DVC keeps, in its cache and on its remote.

DVC keeps each file once, under the md5 of its content, and for each version of a folder a list of names and md5:

    files/md5/1c/28f4...            a picture, a manifest, features, a sheet of pictures
    files/md5/17/efed....dir        JSON: [{"md5": "1c28f4...", "relpath": "images/016e3332fe23949e.jpg"}, ...]

A list that names a removed picture stays: it holds a part of its sha256 and nothing else of it. What it names is
removed, and so are the tables of the same version that have its row; that version can then not be brought back
whole any more. All other versions and all other files can.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from quakelens.errors import PipelineError
from quakelens.purge.derived import NAMED_BY, SHEET, mentions
from quakelens.versioning import Place

_LISTED = 200_000_000  # bytes; no table and no list of the pipeline is larger


@dataclass(frozen=True, slots=True)
class Objects:
    """Where DVC keeps files: a filesystem of fsspec and the folder in it, such as `.dvc/cache`."""

    files: Any
    root: str
    shown: str

    def path(self, md5: str) -> str:
        """Where the file of this md5 is."""
        return posixpath.join(self.root, "files", "md5", md5[:2], md5[2:])


def open_objects(place: Place) -> Objects:
    """Open DVC's cache or remote.

    Raises:
        PipelineError: Nothing here can reach it.
    """
    import fsspec

    try:
        files, root = fsspec.url_to_fs(place.url, **place.options)
    except (ImportError, ValueError) as error:
        raise PipelineError(
            f"removed pictures may still be on the DVC remote {place.url}, which cannot be reached from here "
            f"({error}): install what fsspec needs for it, then run `quakelens purge` again"
        ) from error
    return Objects(files, root, place.url)


def remove_versions(objects: Objects, sha256s: Collection[str]) -> int:
    """Remove some pictures, and what was derived from them, from all versions; returns how many files went.

    What tells that a sheet or a table is concerned goes last, so that it completes when it is run again after a
    kill.

    Raises:
        PipelineError: The place cannot be read or changed.
    """
    try:
        first, last = _concerned(objects, sha256s)
        removed = 0
        for md5 in (*sorted(first), *sorted(last - first)):
            path = objects.path(md5)
            if objects.files.exists(path):
                objects.files.rm_file(path)
                removed += 1
    except (OSError, ValueError) as error:
        raise PipelineError(
            f"earlier versions of removed pictures may still be in {objects.shown} ({error}): see that it can be "
            "reached and changed, then run `quakelens purge` again"
        ) from error
    return removed


def _concerned(objects: Objects, sha256s: Collection[str]) -> tuple[set[str], set[str]]:
    """md5 of pictures and sheets, and of the tables that name them."""
    names = {each[:NAMED_BY] for each in sha256s}
    first: set[str] = set()
    last: set[str] = set()
    looked: dict[str, bool] = {}
    for entries in _lists(objects):
        pictures = {md5 for name, md5 in entries.items() if posixpath.basename(name).partition(".")[0] in names}
        tables = {md5 for name, md5 in entries.items() if _holds(objects, name, md5, sha256s, looked)}
        first |= pictures
        last |= tables
        if tables:
            first |= {md5 for name, md5 in entries.items() if posixpath.basename(name) == SHEET}
    return first, last


def _lists(objects: Objects) -> list[dict[str, str]]:
    folder = posixpath.join(objects.root, "files", "md5")
    if not objects.files.exists(folder):
        return []
    lists = []
    for path in objects.files.find(folder):
        if path.endswith(".dir"):
            entries = json.loads(objects.files.cat_file(path))
            lists.append({str(entry["relpath"]): str(entry["md5"]) for entry in entries})
    return lists


def _holds(objects: Objects, name: str, md5: str, sha256s: Collection[str], looked: dict[str, bool]) -> bool:
    if not name.endswith((".csv", ".npz", ".json")):
        return False
    if md5 not in looked:
        path = objects.path(md5)
        there = objects.files.exists(path) and objects.files.size(path) < _LISTED
        looked[md5] = there and mentions(name, objects.files.cat_file(path), sha256s)
    return looked[md5]
