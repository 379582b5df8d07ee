"""Lines of files of any length, from a position on, in flat memory; damaged gzip files up to the damage."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from quakelens.errors import SourceRefused

MAX_LINE = 32_000_000
"""Bytes; a page of 500 posts with all expansions is about 3 MB."""

_CHUNK = 262_144


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `data` is None for one that cannot be read, and `problem` says why. Numbers start at 1."""

    number: int
    data: bytes | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading goes on: number of the file, bytes in it, number of the last line read."""

    file: int = 0
    position: int = 0
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.position}:{self.line}"

    @classmethod
    def of(cls, text: str) -> Place:
        """Read what `str` gives.

        Raises:
            SourceRefused: It is none.
        """
        try:
            file, position, line = (int(part) for part in text.split(":"))
        except ValueError:
            raise SourceRefused(f"{text[:60]!r} is no place in an archive: it is read anew") from None
        return cls(file, position, line)


class Lines:
    """The lines of one file, gzip or not by content."""

    def __init__(self, file: Path, position: int = 0, number: int = 0) -> None:
        """Open the file.

        Args:
            file: Which.
            position: Bytes, of the unpacked content, from where to read.
            number: Of the last line before it.

        Raises:
            OSError: It cannot be opened.
        """
        self.position = position
        self.number = number
        raw = file.open("rb")
        self._unpacking: _Unpacking | None = None
        self._stream: IO[bytes] = raw
        if raw.peek(2)[:2] == b"\x1f\x8b":
            self._unpacking = _Unpacking(raw)
            self._stream = io.BufferedReader(self._unpacking, _CHUNK)
            left = position
            while left and (skipped := len(self._stream.read(min(left, _CHUNK)))):
                left -= skipped
        else:
            raw.seek(position)

    @property
    def is_packed(self) -> bool:
        """Whether it is gzip."""
        return self._unpacking is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def next(self) -> Line | None:
        """The next line without its end; None after the last one."""
        data = self._stream.readline(MAX_LINE + 1)
        if not data:
            return self._damage()
        first = self.position == 0
        self.number += 1
        self.position += len(data)
        if len(data) > MAX_LINE and not data.endswith(b"\n"):
            while data and not data.endswith(b"\n"):
                data = self._stream.readline(_CHUNK)
                self.position += len(data)
            return Line(self.number, None, f"it is longer than {MAX_LINE:,} bytes")
        if first:
            data = data.removeprefix(b"\xef\xbb\xbf")
        return Line(self.number, data.rstrip(b"\r\n"))

    def _damage(self) -> Line | None:
        """What is wrong with the rest of the file, told once."""
        problem = None if self._unpacking is None else self._unpacking.take_problem()
        if problem is None:
            return None
        self.number += 1
        return Line(self.number, None, problem)


class _Unpacking(io.RawIOBase):
    """The content of a gzip file, also of several one after the other, up to where it is damaged."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._unpacker = zlib.decompressobj(wbits=31)
        self._packed = b""
        self._problem: str | None = None
        self._ended = False
        self._told = False

    def take_problem(self) -> str | None:
        if self._told:
            return None
        self._told = True
        return self._problem

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ended:
            if not self._packed:
                self._packed = self._raw.read(_CHUNK)
            try:
                data = self._read(len(buffer))
            except zlib.error as error:
                self._end(f"the file is damaged from here on ({error})")
                break
            if data:
                buffer[: len(data)] = data
                return len(data)
        return 0

    def _read(self, most: int) -> bytes:
        if not self._packed:
            self._end(None if self._unpacker.eof else "the file is cut off here")
            return b""
        if self._unpacker.eof:
            if not self._packed.strip(b"\0"):  # padding
                self._packed = b""
                return b""
            self._unpacker = zlib.decompressobj(wbits=31)
        data = self._unpacker.decompress(self._packed, most)
        self._packed = self._unpacker.unconsumed_tail or self._unpacker.unused_data
        return data

    def _end(self, problem: str | None) -> None:
        self._ended = True
        self._problem = problem

    def close(self) -> None:
        self._raw.close()
        super().close()
