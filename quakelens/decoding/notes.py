"""Which pictures are being decoded, so that it is known after a process died.

A process has a file of slots, locked while it lives. A picture's fingerprint is written into a slot before it is
decoded, and taken out afterwards. What stands in the file of a process that is gone is a suspect from then on; a
suspect that ended a process of its own is condemned. Both are kept for good: there are few.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from quakelens.errors import QuakelensError

_Result = TypeVar("_Result")

_SLOTS = 64  # pictures at once; a thread that finds none free waits for one
_MARK = 32  # bytes of a fingerprint
_EMPTY = bytes(_MARK)
_ENDS = 8192  # bytes at the head and at the tail of a file that its fingerprint looks at
_LOOK_EVERY_S = 2.0  # for what other processes died of meanwhile

_log = logging.getLogger(__name__)


def fingerprint(data: bytes) -> bytes:
    """32 bytes that tell one picture from another by the length and both ends of its file.

    A whole sha256 would take 2 % of the time of scoring. Two files with one fingerprint cost nothing but time: a
    suspect is decoded all the same, only apart; and what is never decoded again is known by its sha256.
    """
    digest = hashlib.sha256(len(data).to_bytes(8, "big"))
    digest.update(data[:_ENDS])
    digest.update(data[-_ENDS:])
    return digest.digest()


class Notes:
    """The notes of this process, and what earlier ones left; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        """Open them.

        Raises:
            OSError: The folder cannot be written, or its file system knows no locks.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._suspects_file, self._condemned_file = folder / "suspects.txt", folder / "condemned.txt"
        self._suspects: frozenset[bytes] = frozenset()
        self._unsaved: set[bytes] = set()
        self._condemned: dict[str, str] = {}
        self._sizes = (-1, -1)
        self._looking = threading.Lock()
        self._path, self._file = _own_file(folder)
        self._free: SimpleQueue[int] = SimpleQueue()
        for slot in range(_SLOTS):
            self._free.put(slot)
        self._look()

    def is_suspect(self, mark: bytes) -> bool:
        """Whether a process died while it decoded the picture of this fingerprint."""
        if time.monotonic() - self._looked > _LOOK_EVERY_S and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()
        return mark in self._suspects or mark in self._unsaved

    def run(self, mark: bytes, work: Callable[[], _Result]) -> _Result:
        """Run what decodes the picture of this fingerprint, noted while it lasts."""
        slot = self._free.get()
        os.pwrite(self._file, mark, slot * _MARK)
        try:
            return work()
        finally:
            os.pwrite(self._file, _EMPTY, slot * _MARK)
            self._free.put(slot)

    def condemned(self, sha256: str) -> str | None:
        """What the picture did to the process that decoded it apart; None if it has not been condemned."""
        return self._condemned.get(sha256)

    def condemn(self, sha256: str, why: str) -> None:
        """Have a picture never decoded again."""
        self._condemned[sha256] = why
        try:
            _append(self._condemned_file, f"{sha256} {why}\n")
        except OSError as error:  # a full disk; the next process finds out by itself
            _log.warning("it is not kept that a picture is deadly: %s", error)
        _log.warning("picture %s ends the process that decodes it (%s): it is not decoded any more", sha256, why)

    def close(self) -> None:
        """Remove the file of this process."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)

    def leave_to_parent(self) -> None:
        """In a process that was forked off: let go of the file, which would seem to be of a living process else."""
        os.close(self._file)

    def _look(self) -> None:
        self._looked = time.monotonic()
        for path in self._folder.glob("*.slots"):
            if path != self._path:
                self._collect(path)
        sizes = tuple(_size(path) for path in (self._suspects_file, self._condemned_file))
        if sizes != self._sizes:
            self._suspects = frozenset(bytes.fromhex(line) for line in _lines(self._suspects_file) if len(line) == 64)
            lines = (line.partition(" ") for line in _lines(self._condemned_file))
            self._condemned |= {sha256: why for sha256, _, why in lines if len(sha256) == 64}
            self._sizes = (sizes[0], sizes[1])

    def _collect(self, path: Path) -> None:
        """Take over what a process that is gone was decoding."""
        try:
            file = os.open(path, os.O_RDWR)
        except OSError:
            return  # another process was faster
        try:
            if not _lock(file):
                return  # its process lives
            content = os.pread(file, _SLOTS * _MARK, 0)
            marks = {content[at : at + _MARK] for at in range(0, len(content), _MARK)} - {_EMPTY}
            if marks:
                self._unsaved |= marks
                _append(self._suspects_file, "".join(f"{mark.hex()}\n" for mark in sorted(marks)))
                _log.warning(
                    "an earlier process died while it decoded pictures (%d): they are decoded in a process of their "
                    "own from now on, so that none can end this one",
                    len(marks),
                )
            path.unlink(missing_ok=True)
        except OSError as error:  # a full disk; it is tried again
            _log.warning("what an earlier process decoded when it died is not kept: %s", error)
        finally:
            os.close(file)


class _OfThisProcess:
    """The one `Notes` of this process."""

    def __init__(self) -> None:
        self.notes: Notes | None = None
        self.opened = False
        self._opening = threading.Lock()

    def get(self) -> Notes | None:
        if not self.opened:
            with self._opening:
                if not self.opened:
                    try:
                        self.notes = Notes(_folder())
                    except (OSError, ImportError, QuakelensError) as error:
                        _log.warning("a picture that ends the process would not be noted: %s", error)
                    self.opened = True
        return self.notes

    def close(self) -> None:
        if self.notes is not None:
            self.notes.close()
        self.notes, self.opened = None, True  # what is decoded at the very end is not noted

    def forget(self) -> None:
        if self.notes is not None:
            self.notes.leave_to_parent()
        self.notes, self.opened, self._opening = None, False, threading.Lock()


_own = _OfThisProcess()
atexit.register(_own.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_own.forget)


def current() -> Notes | None:
    """The notes of this process, opened at the first call; None where they cannot be kept."""
    return _own.get()


def _folder() -> Path:
    """In the workspace; beside the user's caches where there is none, as `score` needs none."""
    from quakelens.settings import read_settings, workspace_of

    settings = read_settings()
    workspace = workspace_of(settings)
    if settings.workspace is not None or workspace.params.is_file():
        return workspace.decoding
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quakelens" / "decoding"


def _own_file(folder: Path) -> tuple[Path, int]:
    while True:
        path = folder / f"{os.getpid()}-{secrets.token_hex(4)}.slots"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Another process may have taken it for one of the dead between the two calls, and removed it.
            if _lock(file) and os.fstat(file).st_nlink:
                os.write(file, _EMPTY * _SLOTS)  # room on the disk, so that no note fails later
                return path, file
        except BaseException:
            path.unlink(missing_ok=True)
            os.close(file)
            raise
        os.close(file)


def _lock(file: int) -> bool:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _append(path: Path, text: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, text.encode())
        os.fsync(file)
    finally:
        os.close(file)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
