"""Writing files so that a reader, or a run after a crash, sees the whole of them or nothing."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from quakelens.errors import DiskFull

_OPEN_FILES = Path("/proc/self/fd")


@contextmanager
def write_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for binary writing that takes the place of `path` when the block ends without error.

    Its folder is made if need be. The content is on the disk before the name is. Where the system can, the file
    has no name until then, so that nothing stays of one whose process is killed.

    Raises:
        DiskFull: No space is left for it; what was at `path` before stays.
        OSError: It cannot be written for another reason.
    """
    try:
        with _written(path) as file:
            yield file
    except OSError as error:
        if error.errno in NO_SPACE:
            raise no_space(path, error) from error
        raise


NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a system says where a disk, a quota or a limit on the length of files is reached."""


def no_space(path: Path, cause: object) -> DiskFull:
    """The error that tells which disk is full.

    Args:
        path: Of what was to be written.
        cause: What the system said.
    """
    why = getattr(cause, "strerror", None) or cause
    try:
        there = next(folder for folder in (path, *path.parents) if folder.is_dir())
        room = f"its disk has {shutil.disk_usage(there).free / 1e6:,.0f} MB free"
    except (OSError, StopIteration):
        room = "how much space its disk has cannot be told"
    return DiskFull(
        f"{path} cannot be written: {why}; {room}. Make room and run the same command again: it goes on where it was"
    )


_FULL = ("No space left on device", "Disk quota exceeded", "disk is full")


def told_of_no_space(lines: Iterable[str]) -> str | None:
    """The first line of another program's words that says that a disk is full; None where none does."""
    return next((line.strip() for line in lines if any(words in line for words in _FULL)), None)


def no_space_behind(error: BaseException, folder: Path) -> DiskFull | None:
    """The error that tells of a full disk where one is behind an error of a library; None where none is.

    Args:
        error: With what led to it.
        folder: Where it was at work, for the message where the error names no file.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, DiskFull):
            return seen
        if isinstance(seen, OSError) and seen.errno in NO_SPACE:
            return no_space(Path(seen.filename) if isinstance(seen.filename, str) else folder, seen)
        told = told_of_no_space(str(seen).splitlines())
        if told is not None:
            return no_space(folder, told)
        seen = seen.__cause__ or seen.__context__
    return None


@contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    nameless = _nameless(path.parent)
    if nameless is None:
        with _under_another_name(path) as file:
            yield file
        return
    with os.fdopen(nameless, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), 0o644)
        try:
            _give_name(file.fileno(), path)
        except FileExistsError:
            other = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
            _give_name(file.fileno(), other)
            other.replace(path)


def _nameless(folder: Path) -> int | None:
    """Open a file that has no name yet; None where the system or the file system does not know such."""
    if not hasattr(os, "O_TMPFILE") or not _OPEN_FILES.is_dir():
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT):
            return None
        raise


def _give_name(descriptor: int, path: Path) -> None:
    folder = os.open(_OPEN_FILES, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Without the folder Python would link to the entry in /proc instead of following it.
        os.link(str(descriptor), path, src_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


@contextmanager
def _under_another_name(path: Path) -> Iterator[IO[bytes]]:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o644)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON with sorted keys, atomically; NaN is refused."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    with write_atomically(path) as file:
        file.write(text.encode())
