"""The starter: the model that ships with quakelens and is used while no champion is registered.

The repository holds its head, its decisions and its figures; the backbone's weights arrive as a package. On
first use both are assembled into a bundle in the user's cache, which takes some seconds, once.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from quakelens.errors import ModelError
from quakelens.locks import exclusive
from quakelens.model.bundle import MANIFEST, read_manifest

SHIPPED = Path(__file__).parent / "shipped"
_HEAD = SHIPPED / "head.safetensors"


def starter_folder() -> Path:
    """The starter's bundle, assembled if need be.

    Raises:
        ModelError: It cannot be assembled.
    """
    content = (SHIPPED / MANIFEST).read_bytes() + _HEAD.read_bytes()
    folder = _user_cache() / f"starter-{hashlib.sha256(content).hexdigest()[:16]}"
    if not (folder / MANIFEST).is_file():
        with exclusive(_user_cache() / "starter.lock", "the starter model", wait_s=300):
            if not (folder / MANIFEST).is_file():
                _assemble(folder)
    return folder


def _assemble(folder: Path) -> None:
    from safetensors.numpy import load_file

    from quakelens.model.assemble import assemble

    head = load_file(_HEAD)
    try:
        assemble(folder, read_manifest(SHIPPED), head["weight"], float(head["bias"][0]))
    except OSError as error:
        raise ModelError(
            f"the starter cannot be written to {folder.parent} ({error.strerror}): make room there, or set "
            "XDG_CACHE_HOME to a folder that can be written"
        ) from error


def _user_cache() -> Path:
    """By the XDG base directory specification."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "quakelens"
