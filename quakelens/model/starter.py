"""The starter: the model that ships with quakelens and is used while no champion is registered.

The repository holds its heads, its decisions and its figures; the backbones' weights arrive as packages. On
first use both are assembled into a bundle in the user's cache, which takes some seconds, once.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from quakelens.errors import ModelError
from quakelens.locks import exclusive
from quakelens.model.bundle import MANIFEST, check_files, read_manifest
from quakelens.model.heads import HEADS, read_heads

SHIPPED = Path(__file__).parent / "shipped"


def starter_folder() -> Path:
    """The starter's bundle, assembled if need be.

    Raises:
        ModelError: It was changed, or cannot be assembled.
    """
    content = (SHIPPED / MANIFEST).read_bytes() + (SHIPPED / HEADS).read_bytes()
    folder = _user_cache() / f"starter-{hashlib.sha256(content).hexdigest()[:16]}"
    if not (folder / MANIFEST).is_file():
        with exclusive(_user_cache() / "starter.lock", "the starter model", wait_s=300):
            if not (folder / MANIFEST).is_file():
                _assemble(folder)
    return folder


def _assemble(folder: Path) -> None:
    from quakelens.model.assemble import assemble

    manifest = read_manifest(SHIPPED)
    check_files(SHIPPED, manifest)
    try:
        assemble(folder, manifest, read_heads(SHIPPED / HEADS))
    except OSError as error:
        raise ModelError(
            f"the starter cannot be written to {folder.parent} ({error.strerror}): make room there, or set "
            "XDG_CACHE_HOME to a folder that can be written"
        ) from error


def _user_cache() -> Path:
    """By the XDG base directory specification."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "quakelens"
