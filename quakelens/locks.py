"""Locks between processes of one workspace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quakelens.errors import Busy

WAIT_S = 60.0


@contextmanager
def exclusive(path: Path, what: str, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold a lock file while the block runs; a killed process releases it.

    Args:
        path: Of the lock file.
        what: What it protects, for the message.
        wait_s: How long to wait for another process, in seconds.

    Raises:
        Busy: Another process held it for longer than that.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=wait_s)
    try:
        lock.acquire()
    except Timeout:
        raise Busy(
            f"another quakelens process has used {what} for more than {wait_s:.0f} s ({path} is locked): "
            "wait for it, or stop it, and try again"
        ) from None
    try:
        yield
    finally:
        lock.release()
