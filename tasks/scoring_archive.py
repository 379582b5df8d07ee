"""The steps of scoring an archive."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import get_state_exception

from quakelens.registry.lookup import find
from quakelens.registry.names import CHAMPION
from quakelens.scoring_archive import results, run
from quakelens.scoring_archive.chunk import ChunkDone
from quakelens.scoring_archive.results import ArchiveSummary
from quakelens.scoring_archive.run import Run
from quakelens.scoring_archive.worker import do_chunk
from quakelens.settings import Settings, Workspace
from tasks.showing import show_archive

logger = logging.getLogger("quakelens.archive")


@task(name="list pictures", cache_policy=NO_CACHE)
def start_or_resume(
    output: Path, paths: Sequence[str], lists: Sequence[str], model: str | None, chunk_size: int | None,
    workspace: Workspace, settings: Settings,
) -> Run:  # fmt: skip
    """Start a run in a folder, or go on with the one that is there if it is of the same pictures and model."""
    going_on = run.read_run(output)
    if going_on is None:
        started = run.start(output, paths, lists, find(model or CHAMPION, workspace, settings), chunk_size)
        logger.info("%s: %d pictures in %d chunks", started.model, started.pictures, started.chunks)
        return started
    asked = None if model is None else find(model, workspace, settings)
    run.check_same(output, going_on, paths, lists, asked, chunk_size)
    return going_on


@task(name="score chunk", task_run_name="chunk-{number}", cache_policy=NO_CACHE, retries=2,
      retry_delay_seconds=[5, 30], retry_condition_fn=lambda task, task_run, state: _may_pass(state))  # fmt: skip
def score_chunk(output: Path, number: int) -> ChunkDone:
    """Score the pictures of one chunk, in this process or in a worker of Dask."""
    return do_chunk(output, number, cores=_cores())


@task(name="put together", cache_policy=NO_CACHE)
def finish(output: Path, going: Run, done: Sequence[ChunkDone], seconds: float) -> ArchiveSummary:
    """Put the rows of all chunks into one file, and count them."""
    summary = results.finish(output, going, done, seconds)
    show_archive(summary)
    return summary


def _cores() -> int | None:
    """As many as this worker of Dask has threads, as Dask shares a machine's cores out so; None outside of one."""
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker

    try:
        return int(get_worker().state.nthreads)
    except ValueError:
        return None


def _may_pass(state: State) -> bool:
    """A file system or a disk may be well again in a while; nothing else is tried twice."""
    return isinstance(get_state_exception(state), OSError)
