"""What there is at a path that a user names, and in which form."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quakelens.errors import UsageError
from quakelens.images import EXTENSIONS

Form = Literal["lines", "crisismmd", "pictures"]

PICTURES = {*EXTENSIONS.values(), ".jpeg", ".tiff", ".jfif"}
_LINES = re.compile(r".\.(json|jsonl|ndjson|jsonlines|txt)(\.gz)?$|.\.gz$", re.IGNORECASE)
_HEADER_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """An archive.

    Attributes:
        root: The folder, or that of the file; absolute, without symbolic links. Nothing outside is ever read.
        form: Of all its files; what is in another form is not read.
        files: Below `root`, with forward slashes, in the order in which they are read.
        name: Of the source, at most 50 characters: different for each path.
        query: Differs when the path or a file's size or time does: then the archive is another one.
    """

    root: Path
    form: Form
    files: tuple[str, ...]
    name: str
    query: str


def find(path: Path) -> Found:
    """Look at a file or folder. Symbolic links within a folder are not followed.

    Raises:
        UsageError: There is nothing, or nothing that can be read as posts or pictures.
    """
    try:
        real = path.expanduser().resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise UsageError(f"archive {path}: it cannot be read ({error}): give the path of a file or folder") from None
    if real.is_dir():
        root, everything = real, sorted(_below(real))
    elif real.is_file():
        root, everything = real.parent, [real.name]
    else:
        raise UsageError(f"archive {path}: it is neither a file nor a folder")
    form, files = _form(root, everything, alone=real.is_file())
    if not files:
        raise UsageError(
            f"archive {path}: it holds no .json, .jsonl or .gz file, no .tsv file with CrisisMMD's columns and no "
            "pictures"
        )
    digest = hashlib.sha256(str(real).encode("utf-8", "surrogateescape")).hexdigest()[:10]
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", real.name)[:28]
    return Found(root, form, tuple(files), f"archive:{stem}-{digest}", f"{real} [{_state(root, files)}]")


def columns_of(file: Path) -> list[str] | None:
    """CrisisMMD's columns, if the file's first line names them."""
    try:
        with file.open("rb") as opened:
            header = opened.readline(_HEADER_BYTES)
    except OSError:
        return None
    columns = header.decode("utf-8-sig", "replace").rstrip("\r\n").split("\t")
    named = {"tweet_id", "image_id", "tweet_text"} <= set(columns) and bool({"image_path", "image"} & set(columns))
    return columns if named else None


def _form(root: Path, everything: list[str], *, alone: bool) -> tuple[Form, list[str]]:
    tables = [name for name in everything if name.lower().endswith(".tsv") and columns_of(root / name)]
    if tables:
        return "crisismmd", tables
    pictures = [name for name in everything if Path(name).suffix.lower() in PICTURES]
    # A single file may have any name; in a folder only what looks like posts is read.
    lines = [name for name in everything if _LINES.search(name)]
    if alone and not pictures and not everything[0].lower().endswith(".tsv"):
        lines = everything
    if lines:
        return "lines", lines
    return "pictures", pictures


def _below(root: Path) -> list[str]:
    found = []
    for folder, folders, names in os.walk(root, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = Path(folder) / name
            if not name.startswith(".") and not file.is_symlink() and file.is_file():
                found.append(file.relative_to(root).as_posix())
    return found


def _state(root: Path, files: list[str]) -> str:
    digest = hashlib.sha256()
    for name in files:
        state = (root / name).stat()
        digest.update(f"{name}\0{state.st_size}\0{state.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return f"{len(files)} files, state {digest.hexdigest()[:12]}"
