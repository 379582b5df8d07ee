"""Scoring one chunk: pictures are read ahead, and the rows are written as a whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import json
import stat
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quakelens.errors import ImageError
from quakelens.files import write_atomically
from quakelens.images import read_bytes
from quakelens.scoring_archive.run import chunk_file, pictures_of, the_run

if TYPE_CHECKING:
    from quakelens.engine import Engine
    from quakelens.scoring_archive.run import Run

COLUMNS = ("path", "sha256", "decision", "probability", "model", "error")
"""Of a row, in this order; what they hold is what `quakelens score --json` prints."""

MAX_BYTES = 200_000_000
"""Of a picture's file: more than any camera writes, and little enough for a batch of them."""

_FIRST, _MOST = 64, 256  # pictures a batch; the engine decodes ahead within one, so many are better
_BATCH_BYTES = 100_000_000  # about; two batches are in memory
_READERS = 8  # a shared file system answers in milliseconds; so many are asked at once
_LEVEL = 6  # of gzip; what it writes is the same everywhere, with no time and no name in it


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """A chunk that is done.

    Attributes:
        number: Of the chunk.
        pictures: That were scored now; 0 where it was done before.
        seconds: It took, with reading.
    """

    number: int
    pictures: int
    seconds: float


def score_chunk(output: Path, number: int, engine: Engine) -> ChunkDone:
    """Score the pictures of a chunk and write their rows, if that is not done yet.

    Raises:
        OSError: The rows cannot be written.
        UsageError: The folder is not that of the run.
    """
    target = chunk_file(output, number)
    if target.exists():
        return ChunkDone(number, 0, 0.0)
    began = time.perf_counter()
    run = the_run(output)
    paths = pictures_of(output, run, number)
    # Compressed in memory: some 100 kB, and the file is then written in one go.
    written = gzip.compress(b"".join(_line(row) for row in _rows(paths, run, engine)), _LEVEL, mtime=0)
    with write_atomically(target) as file:
        file.write(written)
    return ChunkDone(number, len(paths), time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class _Read:
    sha256: str | None
    content: bytes | None
    error: str | None


def _rows(paths: Sequence[str], run: Run, engine: Engine) -> Iterator[dict[str, Any]]:
    for batch, read in _ahead(paths):
        verdicts = iter(engine.score([each.content for each in read if each.content is not None]))
        for path, each in zip(batch, read, strict=True):
            row = dict.fromkeys(COLUMNS) | {"path": path, "sha256": each.sha256, "model": run.model}
            if each.content is None:
                yield row | {"error": each.error}
                continue
            verdict = next(verdicts)
            yield row | {
                "decision": verdict.decision,
                "probability": None if verdict.probability is None else round(verdict.probability, 6),
                "error": verdict.error,
            }


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row).encode() + b"\n"  # in ASCII: a name in bytes that are no text is kept, too


def _ahead(paths: Sequence[str]) -> Iterator[tuple[Sequence[str], list[_Read]]]:
    """Batches of files, each read while the one before it is scored; of large files fewer at once."""
    with ThreadPoolExecutor(_READERS, thread_name_prefix="read") as readers:

        def begin(count: int) -> list[Future[_Read]]:
            return [readers.submit(_read, path) for path in paths[begun : begun + count]]

        begun = 0
        coming = begin(_FIRST)
        while coming:
            begun += len(coming)
            read = [each.result() for each in coming]
            mean = max(1, sum(len(each.content or b"") for each in read) // len(read))
            coming = begin(max(1, min(_MOST, _BATCH_BYTES // mean)))
            yield paths[begun - len(read) : begun], read


def _read(path: str) -> _Read:
    try:
        content = _bytes_of(Path(path))
    except ImageError as error:
        return _Read(None, None, f"{error.reason}: {error}")
    return _Read(hashlib.sha256(content).hexdigest(), content, None)


def _bytes_of(path: Path) -> bytes:
    try:
        about = path.stat()
    except (OSError, ValueError):
        return read_bytes(path)  # which says what is wrong with it
    if not stat.S_ISREG(about.st_mode):
        raise ImageError("unsupported", f"{path} is no file")
    if about.st_size > MAX_BYTES:
        raise ImageError("too_large", f"{path} has {about.st_size:,} bytes, more than the limit of {MAX_BYTES:,}")
    return read_bytes(path)
