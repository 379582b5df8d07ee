"""Strangers' words on a terminal and in a log: they cannot move the cursor, clear the screen or begin a line."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""C0 and C1 but tab and newline, what changes the direction of writing, line separators, lone surrogates."""

INDENT = "\n    "
"""Before each further line of a message: no line of a stranger stands where a line of ours begins."""


def visible(text: str) -> str:
    """Text whose control characters are written out as their code; line ends are followed by `INDENT`."""
    text = text.replace("\r\n", "\n")
    return _UNSEEN.sub(_written, text).replace("\n", INDENT)


def _written(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def cell(text: object) -> Text:
    """A cell of a table of rich: none of its mark-up."""
    from rich.text import Text

    return Text(visible(str(text)))


def echo(text: object, *, err: bool = False) -> None:
    """Print a line, `visible`, on standard output or error."""
    import click

    click.echo(visible(str(text)), err=err)


def json_text(value: Any, **options: Any) -> str:
    """JSON that may be read on a terminal, too: what it cannot show is escaped, letters of all languages are not."""
    text = json.dumps(value, ensure_ascii=False, **options)
    return re.sub(_UNSEEN, lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)
