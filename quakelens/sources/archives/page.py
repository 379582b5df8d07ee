"""A page of an archive, as it lies among the raw pages: a line of JSON that says what it is, and lines below.

The lines are those of the user's file. What cannot be read, or holds nothing that is kept, is left out: a
post that nobody can tell apart could not be removed later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from quakelens.errors import SourceUnavailable


@dataclass(frozen=True, slots=True)
class Head:
    """What a page holds.

    Attributes:
        form: As in `quakelens.sources.archives.find.Found`.
        root: Folder of the archive, absolute.
        file: The file below it that the lines are of; empty for several.
        columns: Of a table.
        problems: A sentence for each line that was left out as it cannot be read.
    """

    form: str
    root: str
    file: str
    columns: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def write(head: Head, lines: Iterable[bytes]) -> bytes:
    """A raw page."""
    return b"".join(line + b"\n" for line in (json.dumps({"archive": asdict(head)}).encode(), *lines))


def read(raw: bytes) -> tuple[Head, Sequence[bytes]]:
    """Head and lines of a raw page.

    Raises:
        SourceUnavailable: It is none.
    """
    first, *lines = raw.split(b"\n")
    try:
        values = json.loads(first)["archive"]
        head = Head(
            str(values["form"]), str(values["root"]), str(values["file"]), tuple(map(str, values["columns"])),
            tuple(map(str, values["problems"])),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SourceUnavailable("this is no page of an archive: delete it, and import the archive again") from None
    return head, [line for line in lines if line]
