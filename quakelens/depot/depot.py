"""What is asked of a place for files. Names are relative, with forward slashes: `ab/abcd....jpg`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from quakelens.errors import UsageError


class Filed(Protocol):
    """One file, there or not. A `pathlib.Path` is one; `str` of it tells a person where it is."""

    def read_bytes(self) -> bytes:
        """The whole content.

        Raises:
            FileNotFoundError: It is not there.
        """
        ...

    def exists(self) -> bool:
        """Whether it is there."""
        ...

    def as_uri(self) -> str:
        """Its address."""
        ...


class Depot(Protocol):
    """A place for files; used from several threads at once.

    All may raise `OSError`, or `StorageError` where a server cannot be reached.
    """

    def file(self, name: str) -> Filed:
        """A file, there or not; nothing is asked for."""
        ...

    def put(self, name: str, content: bytes, *, lasting: bool = False) -> None:
        """Write a file, in the place of one that is there: a reader sees the whole of either, never a part.

        Args:
            name: Of the file.
            content: Whole.
            lasting: Its name, too, outlasts a power cut that comes after this.
        """
        ...

    def delete(self, name: str) -> bool:
        """Delete a file; whether it was there."""
        ...

    def names(self, prefix: str = "") -> Iterator[str]:
        """Every name that begins so, sorted, at any depth."""
        ...

    def folders(self, prefix: str = "") -> list[str]:
        """Sorted, what names have between a prefix, which is empty or ends in a slash, and the next slash."""
        ...

    def modified(self, name: str) -> float | None:
        """When a file was last written, seconds since 1970; None if it is not there."""
        ...


def as_depot(place: Path | Depot) -> Depot:
    """A depot; of a path the folder."""
    from quakelens.depot.folder import Folder

    return Folder(place) if isinstance(place, Path) else place


def open_depot(folder: Path, url: str | None, name: str) -> Depot:
    """Open one part of a workspace's files.

    Args:
        folder: Where it is in the workspace.
        url: `s3://bucket` or `s3://bucket/prefix` in place of folders; None for folders.
        name: Of the part below `url`.

    Raises:
        UsageError: The address cannot be used.
    """
    if url is None:
        return as_depot(folder)
    from quakelens.depot.bucket import Bucket

    bucket, _, prefix = url.removeprefix("s3://").strip("/").partition("/")
    if not url.startswith("s3://") or not bucket:
        raise UsageError("QUAKELENS_FILES_URL cannot be used: set it to something like s3://bucket/prefix")
    return Bucket(bucket, f"{prefix}/{name}" if prefix else name)
