"""Strangers' words on a terminal and in a log: they cannot move the cursor, clear the screen or begin a line."""

from __future__ import annotations

import re

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
