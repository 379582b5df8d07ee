"""Asking a source with patience: failures that pass are waited for, the others stop the source."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeVar

from quakelens.errors import RateLimited, SourceRefused, SourceUnavailable
from quakelens.harvest.archive import Request
from quakelens.sources.post import Page
from quakelens.sources.source import Source

Answer = TypeVar("Answer")

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

    Attributes:
        requests: That were made for the page.
        state: As in `quakelens.store.polls.Poll`: `budget` is no failure, `limited` goes on at `resume_at`,
            `down` failed in a way that passes, `refused` asks for a person.
        resume_at: When the network gives more, UTC, if it said so.
        charged: Whether the last request may have been charged for.
    """

    def __init__(
        self,
        message: str,
        requests: int,
        state: Literal["budget", "limited", "down", "refused"],
        *,
        resume_at: datetime | None = None,
        charged: bool = False,
    ) -> None:
        super().__init__(message)
        self.requests = requests
        self.state = state
        self.resume_at = resume_at
        self.charged = charged


def ask(source: Source, request: Request, patience: Patience) -> tuple[Page, int]:
    """Ask for a page until it comes.

    Returns:
        The page, and how many requests it took.

    Raises:
        Stopped: The source refuses, stays down, or is limited for too long.
    """
    return patiently(
        source.name,
        lambda: source.search(
            request.query,
            start_time=request.start_time,
            end_time=request.end_time,
            since_id=request.since_id,
            next_token=request.token,
            page_size=request.page_size,
        ),
        patience,
    )


def patiently(name: str, request: Callable[[], Answer], patience: Patience) -> tuple[Answer, int]:
    """Make a request until it is answered; see `ask`."""
    charged = False
    for attempt in range(1, patience.attempts + 1):
        try:
            answer = request()
        except SourceRefused as error:
            raise Stopped(str(error), attempt, "refused", charged=charged) from error
        except RateLimited as error:
            wait = _pause(attempt, patience)
            if error.reset_time is not None:
                wait = max(0.0, (error.reset_time - patience.clock()).total_seconds()) + patience.jitter()
            if wait > patience.max_wait_s or attempt == patience.attempts:
                told = f"{error}; {wait:.0f} s is longer than this run waits, so it goes on in a later one"
                raise Stopped(told, attempt, "limited", resume_at=error.reset_time, charged=charged) from error
            problem: Exception = error
        except SourceUnavailable as error:
            charged = charged or error.charged
            wait, problem = _pause(attempt, patience), error
            if attempt == patience.attempts:
                told = f"{name} failed {attempt} times, at last: {problem}"
                raise Stopped(told, attempt, "down", charged=charged) from problem
        else:
            return answer, attempt
        _log.info("%s: %s; trying again in %.1f s", name, problem, wait)
        patience.sleep(wait)
    raise AssertionError("attempts is at least 1")


def _pause(attempt: int, patience: Patience) -> float:
    longest = min(patience.max_pause_s, patience.pause_s * 2.0 ** (attempt - 1))
    return longest * (0.5 + patience.jitter() / 2)
