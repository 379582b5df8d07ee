"""Failures that a stand-in shows at chosen requests."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

FaultKind = Literal[
    "503",  # the service's own JSON
    "503-html",  # a proxy's page
    "html",  # a page with status 200
    "400",  # a query that is not understood
    "401",
    "402",  # no credits
    "403",  # not enrolled
    "403-spend",  # the spending limit is reached
    "409",
    "409-rules",  # a stream without rules
    "429",  # without the time of reset
    "429-reset",  # and so it stays for `seconds`
    "429-old",  # the form of API v1.1
    "429-connections",  # too many streams
    "usage-cap",  # a 429 that waiting does not help
    "cut",  # the connection ends in the middle of the body
    "reset",  # the connection is reset before any byte
    "slow",  # the answer comes after `seconds`
    "partial",  # the answer is whole but for one thing that it reports missing
    "empty",  # a page without posts, and a token for the next one
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure."""

    kind: FaultKind
    seconds: float = 1.0


class Faults:
    """Failures by the number of the request, counted from 1; other requests are answered."""

    def __init__(self, at: Mapping[int, Fault] | None = None, *, always: Fault | None = None) -> None:
        """Plan the failures; `always` is shown where `at` names none."""
        self._at = dict(at or {})
        self._always = always
        self._lock = threading.Lock()
        self._count = 0

    @property
    def count(self) -> int:
        """Requests so far."""
        return self._count

    def take(self) -> Fault | None:
        """Count one request and give its failure."""
        with self._lock:
            self._count += 1
            return self._at.get(self._count, self._always)


def demo_faults() -> Faults:
    """What the demo meets: a 503 at the second request, a spent rate limit at the fourth."""
    return Faults({2: Fault("503"), 4: Fault("429-reset", 1.0)})
