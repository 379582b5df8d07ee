"""Removing the files of pictures that no post carries any more: the picture, and its heat maps of every version."""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Sequence

from sqlalchemy import select

from quakelens.depot import Depot
from quakelens.settings import Workspace
from quakelens.store import Store, todo
from quakelens.store.tables import pictures

YOUNG_S = 600.0
"""A file that is younger may belong to a harvest that has not stored it yet."""

_File = tuple[Depot, str]
_AT_ONCE = 100  # files that go in one transaction: others wait meanwhile
_NAME = re.compile(r"^(?P<sha256>[0-9a-f]{64})\.\w+$")
_PARTIAL = re.compile(r"^\..+-\w{8}(\w{8})?$")


def remove_files(store: Store, workspace: Workspace) -> int:
    """Remove the files of the pictures on the list; returns how many went."""
    tasks = todo.pending(store, "picture")
    files = _files_of(workspace, [task.name for task in tasks])
    removed = _remove(store, files)
    todo.done(store, tasks)
    return removed


def remove_strays(store: Store, workspace: Workspace, *, younger: bool, now_s: float | None = None) -> int:
    """Remove pictures and heat maps that the store does not know, such as a killed harvest leaves.

    Their posts may be gone, and then nothing else tells of them. A harvest that finds one gone fetches it again.

    Args:
        store: Knows the others.
        workspace: Where the files are.
        younger: Also those that a harvest at work may just have written.
        now_s: Seconds since 1970; None for now.

    Returns:
        How many went.
    """
    edge = (time.time() if now_s is None else now_s) - (0 if younger else YOUNG_S)
    with store.read() as connection:
        known = set(connection.scalars(select(pictures.c.sha256)))
    strays: list[_File] = []
    for depot in (workspace.media, workspace.heatmaps, workspace.pages, workspace.reports):
        for name in depot.names():
            file = posixpath.basename(name)
            picture = _NAME.match(file)
            if (picture and picture["sha256"] not in known) or _PARTIAL.match(file):
                written = depot.modified(name)  # None: another process finished it, or removed it
                if written is not None and written <= edge:
                    strays.append((depot, name))
    return _remove(store, strays)


def _files_of(workspace: Workspace, sha256s: Sequence[str]) -> list[_File]:
    media, heatmaps = workspace.media, workspace.heatmaps
    versions = heatmaps.folders() if sha256s else []
    found: list[_File] = []
    for sha256 in sha256s:
        below = f"{sha256[:2]}/{sha256}."
        found += [(media, name) for name in media.names(below)]
        found += [(heatmaps, name) for version in versions for name in heatmaps.names(f"{version}/{below}")]
    return found


def _remove(store: Store, files: list[_File]) -> int:
    """Remove files unless the store knows their pictures by now: nobody stores one while a transaction writes."""
    removed = 0
    for start in range(0, len(files), _AT_ONCE):
        part = files[start : start + _AT_ONCE]
        with store.write() as connection:
            shas = [posixpath.basename(name).partition(".")[0] for _, name in part]
            known = set(connection.scalars(select(pictures.c.sha256).where(pictures.c.sha256.in_(shas))))
            for (depot, name), sha256 in zip(part, shas, strict=True):
                if sha256 not in known:
                    removed += depot.delete(name)
    return removed
