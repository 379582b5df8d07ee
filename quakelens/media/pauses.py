"""Hosts that ask to be left alone for a while."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST_S = 86_400.0


class Pauses:
    """What hosts asked for, shared by all downloads of a run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}

    def ask(self, host: str, seconds: float) -> None:
        """Leave a host alone from now on for so long, or for longer if it asked for that before."""
        with self._lock:
            self._until[host] = max(self._until.get(host, 0.0), time.monotonic() + seconds)

    def left_s(self, host: str) -> float:
        """Seconds until the host may be asked again, 0 if now."""
        with self._lock:
            return max(0.0, self._until.get(host, 0.0) - time.monotonic())


def retry_after_s(header: str | None, now: datetime | None = None) -> float:
    """Seconds that a `Retry-After` header asks to wait, at most a day; 0 where it says nothing that is a time.

    Args:
        header: Seconds, or a date as HTTP writes it (RFC 9110, 10.2.3).
        now: UTC.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_S)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if at.tzinfo is None:  # "-0000": UTC, from nowhere in particular
        at = at.replace(tzinfo=UTC)
    return min(max(0.0, (at - (now or datetime.now(UTC))).total_seconds()), _LONGEST_S)
