"""What the forms have in common: text lists read line by line, and every picture taken once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quakelens.dataset.manifest import COLUMNS, OPTIONAL_COLUMNS, Manifest, Problem, Row, faults_of, place
from quakelens.errors import DataError

PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".heic", ".bmp", ".tif", ".tiff"))

_HEAD_BYTES = 65_536
_MAX_LIST_BYTES = 200_000_000
UNREADABLE = "\ufffd"
"""Stands for bytes that are no UTF-8."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a collection of a data set shows.

    Attributes:
        event: An earthquake's slug, `none` or `unknown`.
        group: Of its pictures that show damage, where that is no earthquake's for certain; else empty.
    """

    event: str
    group: str = ""


class Building:
    """Rows of a data set while they are read; a picture that several lists name alike is taken once."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self.root = root
        self.unlabelled = 0
        self._rows: dict[str, Row] = {}
        self._problems: list[Problem] = []

    def bad(self, file: str, line: int, what: str) -> None:
        """Note a line, file or folder that cannot be used."""
        self._problems.append(Problem(line, what, file))

    def take(self, row: Row) -> None:
        """Take a row, or note why it cannot be used."""
        what = next(faults_of({name: getattr(row, name) for name in (*COLUMNS, *OPTIONAL_COLUMNS)}), None)
        if what:
            self.bad(row.file or row.image, row.line, what)
            return
        first = self._rows.setdefault(row.image, row)
        if (first.label, first.event) != (row.label, row.event):
            self.bad(
                row.file,
                row.line,
                f"{row.image} is {row.label} of {row.event} here and {first.label} of {first.event} in "
                f"{place(first.file, first.line)}, which stays: correct one of them",
            )

    def built(self) -> Manifest:
        """All rows.

        Raises:
            DataError: There is none, and nothing that could be one.
        """
        if not self._rows and not self._problems:
            what = f"{self.unlabelled} rows, none of which says anything about damage" if self.unlabelled else "no rows"
            raise DataError(f"{self.path} has {what}: give the folder of the data set with its lists and pictures")
        return Manifest(self.path, tuple(self._rows.values()), tuple(self._problems), self.root, self.unlabelled)


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text list with their numbers, without the empty ones; bad bytes become U+FFFD.

    Raises:
        DataError: It cannot be read, or is too large to be a list.
    """
    try:
        if path.stat().st_size > _MAX_LIST_BYTES:
            raise DataError(f"{path} is too large for a list of pictures: give the folder of the data set")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Give a file or folder that can") from error
    # Not splitlines(), which also splits at characters that posts contain.
    for number, line in enumerate(data.decode("utf-8-sig", errors="replace").split("\n"), 1):
        if line.strip():
            yield number, line.rstrip("\r")


def head_of(path: Path) -> list[str]:
    """The first lines of a file, none if it is no text or cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(_HEAD_BYTES)
    except OSError:
        return []
    if b"\0" in data:
        return []
    lines = data.decode("utf-8-sig", errors="replace").split("\n")
    whole = lines if len(data) < _HEAD_BYTES else lines[:-1]
    return [line.rstrip("\r") for line in whole if line.strip()]


def name_in(path: Path, root: Path) -> str:
    """How messages name a list: relative to the folder of the pictures where it is inside, else by its name."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
