"""Asking a source with patience: failures that pass are waited for, the others stop the source."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from quakelens.errors import RateLimited, SourceRefused, SourceUnavailable
from quakelens.harvest.archive import Request
from quakelens.sources.post import Page
from quakelens.sources.source import Source

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a source, in seconds.

    Attributes:
        attempts: Requests for one page before the source counts as down.
        pause_s: Before the second request; it doubles from one to the next.
        max_pause_s: Longest such pause.
        max_wait_s: Longest wait for a rate limit; a longer one ends the source's part of this run.
        sleep: Waits.
        clock: The present, UTC.
        jitter: A number from 0 to 1, so that several processes do not come back at once.
    """

    attempts: int = 4
    pause_s: float = 2.0
    max_pause_s: float = 30.0
    max_wait_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    jitter: Callable[[], float] = random.random


class Stopped(Exception):
    """The source gives no more in this run; the message says why.

    `refused` asks for a person; `budget` means that the limit was reached, which is no failure.
    """

    def __init__(self, message: str, requests: int, *, refused: bool = False, budget: bool = False) -> None:
        super().__init__(message)
        self.requests = requests
        self.refused = refused
        self.budget = budget


def ask(source: Source, request: Request, patience: Patience) -> tuple[Page, int]:
    """Ask for a page until it comes.

    Returns:
        The page, and how many requests it took.

    Raises:
        Stopped: The source refuses, stays down, or is limited for too long.
    """
    for attempt in range(1, patience.attempts + 1):
        try:
            page = source.search(
                request.query,
                start_time=request.start_time,
                end_time=request.end_time,
                since_id=request.since_id,
                next_token=request.token,
                page_size=request.page_size,
            )
        except SourceRefused as error:
            raise Stopped(str(error), attempt, refused=True) from error
        except RateLimited as error:
            wait = _pause(attempt, patience)
            if error.reset_time is not None:
                wait = max(0.0, (error.reset_time - patience.clock()).total_seconds()) + patience.jitter()
            if wait > patience.max_wait_s:
                raise Stopped(
                    f"{error}; {wait:.0f} s is longer than this run waits, so run it again then", attempt
                ) from error
            problem: Exception = error
        except SourceUnavailable as error:
            wait, problem = _pause(attempt, patience), error
        else:
            return page, attempt
        if attempt == patience.attempts:
            raise Stopped(f"{source.name} failed {attempt} times, at last: {problem}", attempt) from problem
        _log.info("%s: %s; trying again in %.1f s", source.name, problem, wait)
        patience.sleep(wait)
    raise AssertionError("attempts is at least 1")


def _pause(attempt: int, patience: Patience) -> float:
    longest = min(patience.max_pause_s, patience.pause_s * 2.0 ** (attempt - 1))
    return longest * (0.5 + patience.jitter() / 2)
