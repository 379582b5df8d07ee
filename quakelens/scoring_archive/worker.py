"""What a process does that scores chunks: it holds one engine, and does a chunk with care that processes died of.

Scoring notes which pictures it decodes (`quakelens.decoding`), so the next process on the same machine keeps clear of
one that ended this one. On another machine it knows nothing of that; so from the third time on a chunk is done in a
child, which may die as often as it takes, and the worker lives.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from quakelens.errors import PipelineError
from quakelens.scoring_archive.chunk import ChunkDone, score_chunk
from quakelens.scoring_archive.run import ATTEMPTS, MODEL, chunk_file, the_run
from quakelens.settings import read_settings

if TYPE_CHECKING:
    from quakelens.engine import Engine

_TRUSTED = 2  # deaths of one chunk that may be chance: a machine that was taken away, somebody's kill
_CHILDREN = 10  # each ends at one more deadly picture, or at as many as it decodes at once


def do_chunk(output: Path, number: int, cores: int | None = None) -> ChunkDone:
    """Score a chunk, one at a time in this process.

    Args:
        output: Folder of the run.
        number: Of the chunk.
        cores: That the engine may use; None for all.

    Raises:
        ModelError: The model was changed, or cannot be used here.
        OSError: The rows cannot be written.
        PipelineError: Every process that tried it died.
    """
    if chunk_file(output, number).exists():
        return ChunkDone(number, 0, 0.0)
    the_run(output)  # a folder that is not the run's gets nothing written into it
    with _engine.lock, _attempt(output, number) as deaths:
        if deaths >= _TRUSTED:
            return _in_a_child(output, number, cores)
        return score_chunk(output, number, _engine.of(output, cores))


class _EngineOfThisProcess:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._held: Engine | None = None
        self._key: tuple[Path, str, int | None] | None = None

    def of(self, output: Path, cores: int | None) -> Engine:
        run = the_run(output)
        key = (output, run.model_sha256, cores)
        if self._held is None or key != self._key:
            from quakelens.engine import Engine

            self._held = None  # the memory of one engine at a time
            backend = read_settings().backend
            self._held = Engine.open(output / MODEL, version=run.version, backend=backend, cores=cores)
            self._key = key
        return self._held


_engine = _EngineOfThisProcess()


@contextmanager
def _attempt(output: Path, number: int) -> Iterator[int]:
    """Note that a chunk is begun; gives how many processes died of it, or while they were at it."""
    path = output / ATTEMPTS / f"{number:06}"
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        deaths = file.tell()
        file.write(b".")
    try:
        yield deaths
    finally:
        path.unlink(missing_ok=True)


def _in_a_child(output: Path, number: int, cores: int | None) -> ChunkDone:
    began = time.perf_counter()
    for _ in range(_CHILDREN):
        done = subprocess.run(
            [sys.executable, "-m", "quakelens.scoring_archive.worker", str(output), str(number), str(cores or 0)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            run = the_run(output)
            pictures = min(run.chunk_size, run.pictures - number * run.chunk_size)
            return ChunkDone(number, pictures, time.perf_counter() - began)
        if done.returncode > 0:
            raise PipelineError(f"chunk {number} cannot be scored: {done.stderr.strip().rpartition(chr(10))[2]}")
    raise PipelineError(
        f"chunk {number} ended {_CHILDREN} processes, the last by {signal.Signals(-done.returncode).name}: see "
        f"manifest.jsonl of {output} for its pictures; the others are scored"
    )


def main() -> None:
    """The child."""
    output, number, cores = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) or None
    score_chunk(output, number, _engine.of(output, cores))


if __name__ == "__main__":
    main()
