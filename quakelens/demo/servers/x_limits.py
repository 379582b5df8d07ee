"""X's rate limits: so many requests of an endpoint in 15 minutes, and its headers."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

WINDOW_S = 15 * 60

LIMITS = {
    "recent": 450, "all": 300, "counts_recent": 300, "counts_all": 300, "lookup": 3_500, "user": 300,
    "compliance": 150, "usage": 50,
}  # fmt: skip
"""Requests of an app in 15 minutes (X API docs, Rate limits); the one for users is that of their page."""


@dataclass(slots=True)
class Limit:
    """The limit of one endpoint; times are real ones, in seconds since 1970.

    Attributes:
        most: Requests in a window.
        pause_s: The full archive takes one request in a second.
    """

    most: int
    pause_s: float = 0.0
    remaining: int = 0
    reset_at: float = 0.0
    last_at: float = 0.0

    def take(self) -> bool:
        """Count one request; False where it is refused."""
        now = time.time()
        if now >= self.reset_at:
            self.remaining, self.reset_at = self.most, math.ceil(now + WINDOW_S)
        if self.remaining == 0 or now < self.last_at + self.pause_s:
            return False
        self.remaining -= 1
        self.last_at = now
        return True

    def spend(self, seconds: float) -> None:
        """Leave nothing for so long."""
        self.remaining = 0
        self.reset_at = math.ceil(time.time() + seconds)

    @property
    def headers(self) -> dict[str, str]:
        """As X sends them with every answer of the endpoint."""
        return {
            "x-rate-limit-limit": str(self.most),
            "x-rate-limit-remaining": str(self.remaining),
            "x-rate-limit-reset": str(int(self.reset_at)),
        }
