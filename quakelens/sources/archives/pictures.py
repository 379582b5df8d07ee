"""A folder of pictures without posts: each is one post of the source `files`, of the time of the import."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quakelens.sources.archives.crisismmd import below
from quakelens.sources.archives.lines import NotReadable
from quakelens.sources.archives.page import Head
from quakelens.sources.post import MediaRef, ParsedPage, Post


def line_of(root: Path, name: str) -> bytes:
    """The line of a page for one picture.

    Raises:
        NotReadable: The file cannot be read.
    """
    try:
        with (root / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NotReadable(error.strerror or "it cannot be read") from None
    return json.dumps({"sha256": digest, "path": name, "seen_at": datetime.now(UTC).isoformat()}).encode()


def parse(head: Head, lines: Sequence[bytes]) -> ParsedPage:
    """The posts of a page: the id is the file's sha256, the text its path, the time that of the import."""
    posts: dict[str, Post] = {}
    problems = list(head.problems)
    for line in lines:
        try:
            values = _values(line)
            digest, path = str(values["sha256"]), str(values["path"])
            time = datetime.fromisoformat(str(values["seen_at"]))
            ref = MediaRef(key=digest, url=below(head.root, path), kind="file")
        except (NotReadable, KeyError, ValueError) as error:
            problems.append(f"a picture cannot be read: {error}")
            continue
        posts.setdefault(digest, Post("files", digest, time, text=path, url="", media=(ref,)))
    return ParsedPage(tuple(posts.values()), tuple(problems))


def redacted(lines: Sequence[bytes], posts: Collection[str]) -> list[bytes]:
    """The lines without those of some pictures."""
    return [line for line in lines if _id_of(line) not in posts]


def _id_of(line: bytes) -> str:
    try:
        return str(_values(line)["sha256"])
    except (NotReadable, KeyError):
        return ""


def _values(line: bytes) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise NotReadable("it is no line of this program's")
    return values
