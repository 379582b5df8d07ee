"""Many runs of a task with a few under way at once, wherever they run: here, or on a cluster of Dask."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from prefect import Task
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from quakelens.errors import PipelineError, UsageError

_Result = TypeVar("_Result")

_ANSWER_S = 20.0  # that a scheduler has to answer
_COUNT_EVERY_S = 5.0  # workers come and go
_WORRY_S = 60.0  # without any worker until it is said
_LOST = "the scheduler of Dask is gone: start it and its workers again, then run the same again; what is done is kept"
_AHEAD = 2  # runs a worker: one under way, one at hand

logger = logging.getLogger("quakelens.dask")


def runner(address: str | None) -> TaskRunner[Any]:
    """What runs tasks: the workers of the scheduler of Dask at this address; without one this process, one at a time.

    Raises:
        UsageError: No scheduler answers there.
    """
    if not address:
        return ThreadPoolTaskRunner(max_workers=1)
    from distributed import Client
    from prefect_dask.task_runners import DaskTaskRunner

    try:
        Client(address, timeout=_ANSWER_S, set_as_default=False).close()  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise UsageError(
            f"QUAKELENS_DASK_ADDRESS: no scheduler of Dask answers at {address} ({error}): start one with "
            "`dask scheduler`, or leave the variable out to work in this process"
        ) from error
    return DaskTaskRunner(address=address)


def outcomes(
    task: Task[..., _Result], arguments: Iterable[tuple[Any, ...]], *, width: Callable[[], int]
) -> Iterator[_Result | Exception]:
    """Run a task with each of the arguments; gives what comes of them as they end, a failure as its exception.

    Only `width()` of them are submitted at once, so their number may be large.

    Raises:
        PipelineError: The scheduler of Dask is gone.
    """
    ended: SimpleQueue[PrefectFuture[_Result]] = SimpleQueue()
    coming = iter(arguments)
    under_way, more = 0, True
    while True:
        while more and under_way < max(1, width()):
            following = next(coming, None)
            if following is None:
                more = False
                break
            task.submit(*following).add_done_callback(ended.put)
            under_way += 1
        if not under_way:
            return
        try:
            future = ended.get(timeout=_COUNT_EVERY_S)
        except Empty:
            width()  # says so where there is nobody who works
            continue
        under_way -= 1
        try:
            yield future.result()
        except CancelledError as error:  # we cancel nothing; Dask does where the connection is lost
            raise PipelineError(_LOST) from error
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the outcome
            yield error


class Width:
    """How many runs are to be under way in the present flow run, counted now and then."""

    def __init__(self) -> None:
        context = FlowRunContext.get()
        self._client = getattr(context.task_runner, "client", None) if context else None
        self._width, self._counted = _AHEAD, float("-inf")
        self._alone_since: float | None = None

    def __call__(self) -> int:
        """For each worker one that it does and one that it finds when that ends."""
        now = time.monotonic()
        if self._client is not None and now - self._counted > _COUNT_EVERY_S:
            try:
                workers = len(self._client.nthreads())
            except OSError as error:
                raise PipelineError(_LOST) from error
            self._width, self._counted = _AHEAD * workers, now
            self._worry(workers, now)
        return self._width

    def _worry(self, workers: int, now: float) -> None:
        if workers:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
        elif now - self._alone_since > _WORRY_S:
            self._alone_since = now
            logger.warning(
                "the scheduler of Dask has no workers: start some with `dask worker %s`; nothing is lost meanwhile",
                self._client.scheduler.address if self._client else "",
            )
