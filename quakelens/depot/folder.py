"""A depot that is a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quakelens.files import write_atomically


@dataclass(frozen=True, slots=True)
class Folder:
    """Files below `path`, which is made with the first of them. See `quakelens.depot.depot.Depot`."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def file(self, name: str) -> Path:
        """See `Depot.file`."""
        return self.path / name

    def put(self, name: str, content: bytes, *, lasting: bool = False) -> None:
        """See `Depot.put`."""
        target = self.path / name
        with write_atomically(target) as file:
            file.write(content)
        if lasting:
            _sync(target.parent)

    def delete(self, name: str) -> bool:
        """See `Depot.delete`."""
        try:
            (self.path / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def names(self, prefix: str = "") -> Iterator[str]:
        """See `Depot.names`; the files of one folder are looked up at once, so others may come and go meanwhile."""
        folder, _, start = prefix.rpartition("/")
        return _below(self.path / folder, f"{folder}/" if folder else "", start)

    def folders(self, prefix: str = "") -> list[str]:
        """See `Depot.folders`."""
        try:
            with os.scandir(self.path / prefix) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def modified(self, name: str) -> float | None:
        """See `Depot.modified`."""
        try:
            return (self.path / name).stat().st_mtime
        except FileNotFoundError:
            return None


def _below(folder: Path, shown: str, start: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            # A folder sorts as its files' names do, with the slash.
            found = sorted(
                f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                for entry in entries
                if entry.name.startswith(start)
            )
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in found:
        if name.endswith("/"):
            yield from _below(folder / name, f"{shown}{name}", "")
        else:
            yield f"{shown}{name}"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
