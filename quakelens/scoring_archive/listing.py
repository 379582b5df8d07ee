"""Which pictures a run scores, in an order that does not depend on how the file system lists them."""

from __future__ import annotations

import heapq
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from quakelens.errors import UsageError
from quakelens.walking import pictures_below

AT_ONCE = 250_000
"""Paths in memory, some 50 MB. There is a file open for each so many: 400 for 100 million."""


def found(paths: Sequence[str], lists: Sequence[str]) -> Iterator[str]:
    """Absolute paths of all pictures, as they are found.

    Args:
        paths: Files and folders, as `quakelens score` takes them.
        lists: Text files with a path a line, of files or folders; `-` is standard input.

    Raises:
        UsageError: A list cannot be read.
    """
    for path in pictures_below(Path(each) for each in (*paths, *_listed(lists))):
        yield os.path.abspath(path)  # noqa: PTH100  # unlike `resolve`, keeps the name that the user knows


def in_order(paths: Iterable[str], folder: Path, at_once: int = AT_ONCE) -> Iterator[str]:
    """The paths sorted by code point, each once; memory holds only `at_once` of them, the rest waits in `folder`."""
    with TemporaryDirectory(prefix=".listing-", dir=folder) as place, ExitStack() as opened:
        runs: list[Path] = []
        coming = iter(paths)
        while part := sorted(islice(coming, at_once)):
            runs.append(Path(place) / str(len(runs)))
            with runs[-1].open("w", encoding="ascii") as file:
                file.writelines(line(path) for path in part)
        last = None
        for path in heapq.merge(*(read_lines(opened.enter_context(run.open("rb"))) for run in runs)):
            if path != last:
                yield path
            last = path


def line(path: str) -> str:
    """A path as a line of ASCII: JSON takes line breaks and bytes that are no text, too."""
    return json.dumps(path) + "\n"


def read_lines(file: Iterable[bytes]) -> Iterator[str]:
    """The paths of lines that `line` made."""
    return (str(json.loads(each)) for each in file)


def _listed(lists: Sequence[str]) -> Iterator[str]:
    for name in lists:
        try:
            with ExitStack() as opened:
                file = sys.stdin.buffer if name == "-" else opened.enter_context(Path(name).open("rb"))
                for each in file:
                    if path := each.rstrip(b"\r\n"):
                        yield os.fsdecode(path)
        except OSError as error:
            raise UsageError(f"the list {name} cannot be read: {error.strerror or error}") from error
