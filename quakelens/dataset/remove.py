"""Taking pictures out of the collection, such as those whose authors deleted their posts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from quakelens.dataset.hashes import read_cache, write_cache
from quakelens.dataset.labelled import (
    LOCK_WAIT_S,
    Labelled,
    locked,
    read_collection,
    remove_empty,
    write_manifest,
)
from quakelens.errors import DataError


def remove(labelled: Path, sha256s: Collection[str], *, wait_s: float = LOCK_WAIT_S) -> list[str]:
    """Remove pictures, their rows and their kept hashes; those that are not there are of no account.

    Only the next version of the data is without them: earlier ones stay in DVC's cache and remote until
    they are collected there.

    Returns:
        Names of the folders that changed, sorted; a folder that became empty is gone.

    Raises:
        DataError: A manifest cannot be read, or has bad rows, which writing would drop.
        Busy: Another process did not finish within `wait_s` seconds.
    """
    with locked(labelled, wait_s):
        collection = read_collection(labelled)
        kept: dict[str, list[Labelled]] = defaultdict(list)
        gone: dict[str, list[Labelled]] = defaultdict(list)
        for picture in collection.pictures:
            (gone if picture.sha256 in sha256s else kept)[picture.event].append(picture)
        for fault in collection.faults:
            if fault.kind == "bad_row" and fault.path.split("/")[0] in gone:
                raise DataError(
                    f"nothing was removed, because writing would drop a row: {fault.path}, {fault.what}. "
                    "Correct that and run this again"
                )
        for event, pictures in sorted(gone.items()):
            write_manifest(labelled, event, kept[event])
            for picture in pictures:
                (labelled / picture.path).unlink(missing_ok=True)
            remove_empty(labelled, event)
        write_cache(labelled, {name: known for name, known in read_cache(labelled).items() if name not in sha256s})
    return sorted(gone)
