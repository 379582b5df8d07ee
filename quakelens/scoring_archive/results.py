"""The end of a run: one file of all rows, and the figures."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quakelens.errors import PipelineError
from quakelens.files import write_atomically, write_json
from quakelens.scoring_archive.chunk import ChunkDone
from quakelens.scoring_archive.run import ATTEMPTS, CHUNKS, RESULTS, SUMMARY, Run, chunk_file


@dataclass(frozen=True, slots=True)
class ArchiveSummary:
    """What came of a run.

    Attributes:
        pictures: All of them.
        damaged: With this decision.
        unsure: With this decision.
        errors: That could not be read; each row says why.
        error_reasons: How many for each reason, the most frequent first.
        model: Label of the model.
        chunks: How many.
        scored_now: Pictures that the last start of the run scored; those of earlier starts are not among them.
        seconds_now: From that start to its last chunk.
        pictures_per_s: Both divided; None where nothing was scored.
        results: File of all rows.
    """

    pictures: int
    damaged: int
    unsure: int
    errors: int
    error_reasons: dict[str, int]
    model: str
    chunks: int
    scored_now: int
    seconds_now: float
    pictures_per_s: float | None
    results: str

    @property
    def flagged(self) -> int:
        """Damaged or unsure: what a person looks at."""
        return self.damaged + self.unsure

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def read_summary(output: Path) -> ArchiveSummary | None:
    """Of a run that has ended; None if it has not. What it no longer needs is removed, if a kill prevented that."""
    try:
        kept = json.loads((output / SUMMARY).read_bytes())
    except FileNotFoundError:
        return None
    _tidy(output)
    return ArchiveSummary(**kept | {"results": str(output / RESULTS), "scored_now": 0, "seconds_now": 0.0,
                                    "pictures_per_s": None})  # fmt: skip


def finish(output: Path, run: Run, done: Sequence[ChunkDone], seconds: float) -> ArchiveSummary:
    """Put the chunks' rows one after the other into one file, count them, and remove the chunks.

    Files of gzip one after the other are a file of gzip, so nothing is compressed again.

    Raises:
        PipelineError: A chunk is missing or damaged.
    """
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    with write_atomically(output / RESULTS) as file:
        for number in range(run.chunks):
            file.write(_counted(chunk_file(output, number), counts, reasons))
        if not run.chunks:
            file.write(gzip.compress(b"", mtime=0))
    if counts["pictures"] != run.pictures:
        raise PipelineError(f"{output}: {counts['pictures']} rows for {run.pictures} pictures: remove the folder")
    scored = sum(each.pictures for each in done)
    summary = ArchiveSummary(
        pictures=run.pictures, damaged=counts["damaged"], unsure=counts["unsure"], errors=counts["errors"],
        error_reasons=dict(reasons.most_common()), model=run.model, chunks=run.chunks, scored_now=scored,
        seconds_now=round(seconds, 1), pictures_per_s=round(scored / seconds, 1) if scored else None,
        results=str(output / RESULTS),
    )  # fmt: skip
    write_json(output / SUMMARY, summary.as_dict())
    _tidy(output)
    return summary


def _counted(path: Path, counts: Counter[str], reasons: Counter[str]) -> bytes:
    try:
        content = path.read_bytes()
        rows = [json.loads(line) for line in gzip.decompress(content).splitlines()]
    except (OSError, EOFError, ValueError) as error:
        path.unlink(missing_ok=True)
        raise PipelineError(f"{path} cannot be read ({error}) and is removed: run the same again") from error
    counts["pictures"] += len(rows)
    for row in rows:
        if row["error"] is not None:
            counts["errors"] += 1
            reasons[str(row["error"]).partition(":")[0]] += 1
        else:
            counts[row["decision"]] += 1
    return content


def _tidy(output: Path) -> None:
    shutil.rmtree(output / CHUNKS, ignore_errors=True)
    shutil.rmtree(output / ATTEMPTS, ignore_errors=True)
