"""A harvest's steps at the same time: sources ask, pictures are fetched, and the model scores them as they come."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from quakelens.errors import Busy
from quakelens.harvest.pages import PagesResult
from quakelens.harvest.stream import Stream
from quakelens.memory import few_arenas

_LOOK_S = 1.0  # how often it is looked whether the claim is still held
_REST = 10.0  # a report that takes long is written less often: at most this share of the time, 1 in so many

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Harvested:
    """What came of the sources.

    Attributes:
        pages: Of each that came to its end, or stopped in order.
        failures: Of those that ended with an error; the others went on.
    """

    pages: tuple[PagesResult, ...]
    failures: tuple[Exception, ...]


def harvest_at_once(
    sources: Mapping[str, Callable[[Stream], PagesResult]],
    fetch: Callable[[Stream, Stream], object],
    score: Callable[[Stream], object],
    *,
    meanwhile: Callable[[], object] = lambda: None,
    every_s: float = float("inf"),
    lost: threading.Event | None = None,
) -> Harvested:
    """Run the steps in threads of their own until all is asked for, fetched and scored.

    They are coupled through the store alone; a stream only says that there is more in it. A source that
    fails stops no other, and pictures are fetched and scored of all posts that came.

    Args:
        sources: By name, what asks it; called with the stream that is to be rung after each page.
        fetch: Called with the stream of posts, and that of the pictures that it fetched.
        score: Called with the stream of pictures.
        meanwhile: Called now and then in this thread, such as to write the report.
        every_s: How often, in seconds.
        lost: Set when another process took the earthquake over: everything then stops.

    Raises:
        Busy: The earthquake was taken over.
        Exception: Whatever fetching or scoring raised, after all else had ended.
    """
    few_arenas()
    posts, pictures = Stream(), Stream()
    refresh = _NowAndThen(meanwhile, every_s)
    with ThreadPoolExecutor(len(sources) + 2, thread_name_prefix="harvest") as pool:
        # Each in a copy of this context, by which an orchestrator knows whose the steps are.
        asked = [pool.submit(copy_context().run, ask, posts) for ask in sources.values()]
        fetched = pool.submit(copy_context().run, fetch, posts, pictures)
        scored = pool.submit(copy_context().run, score, pictures)
        try:
            _wait(asked, refresh, lost)
            posts.end()
            _wait([fetched], refresh, lost)
            pictures.end()
            _wait([scored], refresh, lost)
        except BaseException:
            posts.interrupt()
            pictures.interrupt()
            raise
    for step in (fetched, scored):
        step.result()
    failures = {name: future.exception() for name, future in zip(sources, asked, strict=True)}
    for name, failure in failures.items():
        if failure is not None:
            _log.error("%s: %s", name, failure)
    return Harvested(
        tuple(future.result() for future in asked if future.exception() is None),
        tuple(failure for failure in failures.values() if isinstance(failure, Exception)),
    )


def _wait(steps: Collection[Future[Any]], refresh: _NowAndThen, lost: threading.Event | None) -> None:
    while wait(steps, timeout=_LOOK_S).not_done:
        if lost is not None and lost.is_set():
            raise Busy("another process has taken over the earthquake: this run stops; what it has stored stays")
        refresh()


class _NowAndThen:
    def __init__(self, work: Callable[[], object], every_s: float) -> None:
        self._work = work
        self._every_s = every_s
        self._next = time.monotonic() + every_s

    def __call__(self) -> None:
        started = time.monotonic()
        if started < self._next:
            return
        try:
            self._work()
        except Exception:  # noqa: BLE001  # whatever it is, the harvest goes on
            _log.exception("the report was not refreshed; it is written at the end")
        self._next = time.monotonic() + max(self._every_s, _REST * (time.monotonic() - started))
