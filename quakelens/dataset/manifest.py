"""Reading labelled manifests: a CSV with `image,label,event,source` and any further columns.

`image` is relative to the CSV and stays in its folder. `label` is `damaged` or `not_damaged`. `event` is an
earthquake's slug such as `2015-nepal`, or `none` for a picture of no earthquake, or `unknown` where the
source does not say which. `source` says where the picture comes from. Of further columns `group`, `cannot_show`,
`note` and `licence` are kept. A row with a `group` looks like damage, but is not damage by an earthquake seen from the
ground for certain, so it stays out of all figures. `cannot_show` names the earthquakes, with spaces between them, that
a picture of an `unknown` one certainly does not show, or `any`: it can show none of those that are named.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from quakelens.errors import DataError

COLUMNS = ("image", "label", "event", "source")
OPTIONAL_COLUMNS = ("group", "cannot_show", "note", "licence", "sha256")
LABELS = ("damaged", "not_damaged")

NONE = "none"
"""Event of a picture that shows no earthquake."""

UNKNOWN = "unknown"
"""Event of a picture whose source does not say which earthquake it shows."""

ANY = "any"
"""In `cannot_show`: the picture can show no earthquake that has a name here."""

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_MAX_FIELD = 10_000  # characters; more means a quote that was never closed


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled picture.

    Attributes:
        line: Where its row ends in the file, the header being line 1; 0 where there is no list.
        image: Path relative to the manifest's folder, with forward slashes.
        label: `damaged` or `not_damaged`.
        event: An earthquake's slug, `none` or `unknown`.
        source: Where the picture comes from.
        group: Why it stays out of the figures; empty if it does not.
        cannot_show: Earthquakes that it certainly does not show, sorted, with spaces between them; or `any`.
        note: Free text.
        licence: What is known of the rights on it.
        sha256: Of the file, where the manifest says it; else empty.
        file: The list that names it, where there are several; relative to the folder of the pictures.
    """

    line: int
    image: str
    label: str
    event: str
    source: str
    group: str = ""
    cannot_show: str = ""
    note: str = ""
    licence: str = ""
    sha256: str = ""
    file: str = ""

    @property
    def damaged(self) -> bool:
        """The label is `damaged`."""
        return self.label == "damaged"


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that cannot be used: where, what is wrong, and what to do.

    Attributes:
        line: Of the list, 0 where there is none.
        what: What is wrong and what to do.
        file: The list, where there are several; or the folder or file that is meant.
    """

    line: int
    what: str
    file: str = ""

    def __str__(self) -> str:
        return f"{place(self.file, self.line)}: {self.what}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The usable rows of labelled data, in their order, and the problems of the others.

    Attributes:
        path: What was read: a file, or the folder of a data set.
        rows: What can be used.
        problems: What cannot.
        root: Folder to which `Row.image` is relative, and in which the pictures stay.
        unlabelled: Rows that say nothing about damage, which are left out.
    """

    path: Path
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    root: Path
    unlabelled: int = 0

    def file(self, row: Row) -> Path:
        """Where the picture of a row is."""
        return self.root / row.image


def place(file: str, line: int) -> str:
    """A place in a list, for messages: `nepal.train, line 3`."""
    return ", ".join(part for part in (file, f"line {line}" if line else "") if part)


def is_earthquake(event: str) -> bool:
    """Whether an event is a named earthquake, not `none` or `unknown`."""
    return event not in (NONE, UNKNOWN)


def is_event(name: str) -> bool:
    """Whether a text has the form of an event: an earthquake's slug, `none` or `unknown`."""
    return _SLUG.fullmatch(name) is not None


def read_manifest(path: Path) -> Manifest:
    """Read a labelled manifest; whether the pictures exist is not looked at.

    Raises:
        DataError: The file is missing, no UTF-8, has no rows, or lacks a column; the message says which.
    """
    lines = csv.reader(io.StringIO(_text(path), newline=""))
    try:
        header = [name.strip() for name in next(lines, [])]
        _check_header(header, path)
        rows: list[Row] = []
        problems: list[Problem] = []
        seen: dict[str, int] = {}
        for fields in lines:
            if not any(field.strip() for field in fields):
                continue
            row = _row(fields, header, lines.line_num)
            if isinstance(row, Row) and row.image in seen:
                row = Problem(row.line, f"{row.image} is already in line {seen[row.image]}: remove one of them")
            if isinstance(row, Problem):
                problems.append(row)
            else:
                seen[row.image] = row.line
                rows.append(row)
    except csv.Error as error:
        raise DataError(
            f'{path} is no readable CSV from line {lines.line_num} on: {error}. Look for a quote (") that is '
            "never closed"
        ) from error
    if not rows and not problems:
        raise DataError(f"{path} has a header but no rows: write one row a picture below it")
    return Manifest(path, tuple(rows), tuple(problems), path.parent)


def explain(problems: Sequence[Problem], limit: int = 5) -> str:
    """The first few problems in one text, for messages."""
    more = f"; and {len(problems) - limit} more" if len(problems) > limit else ""
    return "; ".join(str(problem) for problem in problems[:limit]) + more


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: give the path of a labelled manifest (CSV)") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Give the path of a CSV file") from error
    try:
        text = data.decode("utf-8-sig")  # spreadsheets write a byte order mark
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(f"{path} is not UTF-8 (line {line}): save it as CSV UTF-8") from error
    if not text.strip():
        raise DataError(f"{path} is empty: write the header {','.join(COLUMNS)} and one row a picture")
    return text


def _check_header(header: list[str], path: Path) -> None:
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        found = ", ".join(header) or "none"
        hint = " It seems to be separated by semicolons: use commas." if ";" in "".join(header) else ""
        raise DataError(
            f"{path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; it has {found}. "
            f"The first line must name {', '.join(COLUMNS)}.{hint}"
        )
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise DataError(f"{path} names the column {', '.join(doubled)} twice: remove one of them")


def _row(fields: list[str], header: list[str], line: int) -> Row | Problem:
    if len(fields) != len(header):
        return Problem(
            line,
            f"{len(fields)} fields instead of {len(header)}: put fields with commas into double quotes",
        )
    values = {name: field.strip() for name, field in zip(header, fields, strict=True)}
    kept = {name: values.get(name, "") for name in (*COLUMNS, *OPTIONAL_COLUMNS)}
    for what in faults_of(kept):
        return Problem(line, what)
    kept["cannot_show"] = " ".join(sorted(set(kept["cannot_show"].split())))
    return Row(line=line, **kept)


def faults_of(values: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the columns of a row, each with what to do."""
    for name, value in values.items():
        if len(value) > _MAX_FIELD:
            yield f'{name} has {len(value):,} characters: look for a quote (") that is never closed'
        if any(not (char.isprintable() or (name == "note" and char in "\n\r\t")) for char in value):
            yield f'{name} holds a line break or control character: look for a quote (") that is never closed'
    for name in COLUMNS:
        if not values[name]:
            yield f"{name} is empty: fill it in"
    yield from _path_faults(values["image"])
    if values["label"] not in LABELS:
        yield f"label `{values['label'][:60]}`: use damaged or not_damaged"
    if not is_event(values["event"]):
        yield (
            f"event `{values['event'][:60]}`: use small letters, digits and hyphens, such as 2015-nepal; "
            "or none, or unknown"
        )
    for name in values["cannot_show"].split():
        if not is_event(name) or not is_earthquake(name):
            yield f"cannot_show names `{name[:60]}`: name earthquakes such as 2015-nepal, spaces between them; or any"


def _path_faults(image: str) -> Iterator[str]:
    path = PurePosixPath(image)
    if "\\" in image:
        yield f"image `{image}`: use forward slashes"
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", image):
        yield (
            f"image `{image}` leads out of the manifest's folder: put the picture into it and give the path "
            "relative to the manifest"
        )
