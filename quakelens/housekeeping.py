"""Removing files that nobody needs: what killed processes left half written, and old copies of models."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from quakelens.settings import Workspace

PARTIAL_AFTER = timedelta(days=1)
"""No file is being written for so long."""

MODEL_AFTER = timedelta(days=30)
"""After so long the copy of a model of a registry on another machine goes; it is fetched again when asked for."""

_PARTIAL = re.compile(r"\..+-(\w{8}|[0-9a-f]{16})")  # names that `files.write_atomically` gives for the time of writing


@dataclass(frozen=True, slots=True)
class Tidied:
    """How many half-written files and copies of models went."""

    partial: int
    models: int


def tidy(workspace: Workspace, champion: str, now: float | None = None) -> Tidied:
    """Remove what nobody needs from a workspace.

    Args:
        workspace: Of this machine.
        champion: The version whose copy stays.
        now: Seconds since the epoch; by default the present.
    """
    present = time.time() if now is None else now
    partial = [path for path in _partial(workspace) if _age(path, present) > PARTIAL_AFTER]
    for path in partial:
        path.unlink(missing_ok=True)
    copies = workspace.cache / "models"
    models = [
        folder
        for folder in (sorted(copies.iterdir()) if copies.is_dir() else ())
        if folder.is_dir() and folder.name != champion and _age(folder, present) > MODEL_AFTER
    ]
    for folder in models:
        shutil.rmtree(folder, ignore_errors=True)
    return Tidied(len(partial), len(models))


def _partial(workspace: Workspace) -> Iterator[Path]:
    data = workspace.root / "data"
    for root in (data / "pages", data / "media", data / "heatmaps", workspace.root / "reports", workspace.cache):
        for folder, _, names in os.walk(root):
            yield from (Path(folder) / name for name in names if _PARTIAL.fullmatch(name))


def _age(path: Path, now: float) -> timedelta:
    try:
        return timedelta(seconds=now - path.stat().st_mtime)
    except FileNotFoundError:  # gone meanwhile
        return timedelta(0)
