"""Decoding a picture in a process of its own, within limits of memory and time."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from typing import Any

from quakelens.decoding.notes import Notes
from quakelens.errors import ImageError

LIMIT_S = 120.0
"""Far more than any picture within the limits takes: the slowest take seconds."""

_TRIES = 2  # a machine short of memory may end it by chance


def decode_apart(notes: Notes, data: bytes, task: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Have a picture decoded by `quakelens.decoding.child`; where that dies, it is condemned.

    Args:
        notes: Know what was condemned.
        data: A whole file.
        task: What to do, as the child reads it.

    Returns:
        The child's answer, and the pixels that follow it.

    Raises:
        ImageError: The picture cannot be read; `killed` where it ends the process that tries to.
        OSError: No process can be started.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    found: tuple[dict[str, Any], bytes] | str = notes.condemned(sha256) or ""
    if not found:
        for _ in range(_TRIES):
            found = _ask(data, task)
            if not isinstance(found, str):
                break
        else:
            notes.condemn(sha256, str(found))
    if isinstance(found, str):
        raise ImageError("killed", f"decoding it ends the process ({found}): it is not decoded any more")
    answer, pixels = found
    if "reason" in answer:
        raise ImageError(answer["reason"], answer["message"])
    return answer, pixels


def _ask(data: bytes, task: dict[str, Any]) -> tuple[dict[str, Any], bytes] | str:
    """The answer, or what became of the process."""
    try:
        # In a session of its own: Ctrl-C at the terminal is not the picture's doing.
        done = subprocess.run(
            [sys.executable, "-m", "quakelens.decoding.child", json.dumps(task)],
            input=data, capture_output=True, timeout=LIMIT_S, check=False, start_new_session=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"not done in {LIMIT_S:.0f} s"
    head, mark, pixels = done.stdout.partition(b"\n")
    if done.returncode < 0:
        try:
            return signal.Signals(-done.returncode).name
        except ValueError:
            return f"signal {-done.returncode}"
    if done.returncode or not mark:
        return f"exit code {done.returncode}"
    return json.loads(head), pixels
