"""Score an archive: folders of pictures in, a file with a row for each of them out, over as many machines as wanted."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from prefect import flow

from quakelens.errors import PipelineError
from quakelens.locks import exclusive
from quakelens.progress import progress
from quakelens.scoring_archive.chunk import ChunkDone
from quakelens.scoring_archive.results import ArchiveSummary, read_summary
from quakelens.scoring_archive.run import LOCK, left
from quakelens.settings import read_settings, workspace_of
from tasks.edge import told
from tasks.one_after_another import Width, outcomes, runner
from tasks.scoring_archive import finish, score_chunk, start_or_resume

logger = logging.getLogger("quakelens.archive")

TOO_MANY = 10
"""Chunks that fail before any succeeds, or one after the other: then it is not the chunks."""


@flow(name="score-archive", flow_run_name="score-archive-{output}", validate_parameters=False)
@told
def score_archive(
    paths: Sequence[str],
    output: str,
    lists: Sequence[str] = (),
    model: str | None = None,
    chunk_size: int | None = None,
) -> ArchiveSummary:
    """Score every picture of some folders, in chunks, and put the rows into one file.

    With QUAKELENS_DASK_ADDRESS the chunks are shared out to the workers of that scheduler, which must see the same
    folders; else this process does one after the other. Killed at any moment and run again, it goes on where it was:
    no chunk that is done is scored again. Run again after its end, it does nothing.

    Args:
        paths: Folders with all that is below them, and files.
        output: Folder of the run: a new or empty one, or that of the run to go on with.
        lists: Text files with a path a line, of further files and folders.
        model: `champion`, `starter` or a version; empty for the champion when the run starts. The run keeps it.
        chunk_size: Pictures a chunk; empty for 1,000.

    Raises:
        Busy: Another process is at this folder.
        UsageError: The folder holds something else, or no scheduler answers.
        PipelineError: Chunks could not be scored; the others are done.
    """
    settings = read_settings()
    folder = Path(output).absolute()
    with exclusive(folder / LOCK, f"the folder {folder}", wait_s=1):
        run = start_or_resume(folder, paths, lists, model, chunk_size, workspace_of(settings), settings)
        ended = read_summary(folder)
        if ended is not None:
            return ended
        began = time.monotonic()
        at_work = score_chunks.with_options(task_runner=runner(settings.dask_address))
        done = at_work(folder)
        return finish(folder, run, done, time.monotonic() - began)


@flow(name="score chunks", validate_parameters=False)
def score_chunks(output: Path) -> list[ChunkDone]:
    """Score the chunks that are left with whatever runs tasks here; one that fails stops no other.

    Raises:
        PipelineError: Some failed.
    """
    numbers = left(output)
    done: list[ChunkDone] = []
    failed: list[Exception] = []
    in_a_row = 0
    with progress("chunks") as report:
        for outcome in outcomes(score_chunk, ((output, number) for number in numbers), width=Width()):
            if isinstance(outcome, ChunkDone):
                done.append(outcome)
                in_a_row = 0
                report(len(done), len(numbers))
                continue
            failed.append(outcome)
            in_a_row += 1
            logger.error("a chunk could not be scored: %s: %s", type(outcome).__name__, outcome)
            if in_a_row >= TOO_MANY:
                break
    if failed:
        raise PipelineError(
            f"{len(failed)} chunks could not be scored, the first because of {type(failed[0]).__name__}: {failed[0]}. "
            f"{len(done)} are done; run the same again to go on"
        )
    return done
