"""Polls: when each network was last asked for an earthquake's posts, what came of it, and when it is next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select

from quakelens.store.database import Store
from quakelens.store.tables import polls

CLOCKS_DIFFER = timedelta(minutes=5)
"""What lies further in the future was written by a clock that was wrong."""


@dataclass(frozen=True, slots=True)
class Poll:
    """The last poll of a network for an earthquake.

    Attributes:
        source: The network.
        polled_at: UTC.
        next_at: When it is due again, UTC; None: not by itself any more.
        state: `done`, `budget` (the limit was reached), `limited` (until `next_at`), `down` (it failed) or
            `refused` (a person must act).
        failures: Polls in a row, this one among them, that ended as `down` or `refused`.
        message: Why it did not end as `done`.
    """

    source: str
    polled_at: datetime
    next_at: datetime | None
    state: str
    failures: int
    message: str | None

    def is_due(self, now: datetime) -> bool:
        """Whether it is time; so it is where a clock that was wrong says of the last time that it is yet to come."""
        return self.next_at is not None and (self.next_at <= now or self.polled_at > now + CLOCKS_DIFFER)


def record(store: Store, key: str, poll: Poll) -> None:
    """Keep a poll in place of the network's last one."""
    with store.write() as connection:
        connection.execute(delete(polls).where(polls.c.earthquake == key, polls.c.source == poll.source))
        connection.execute(
            insert(polls).values(
                earthquake=key, source=poll.source, polled_at=poll.polled_at, next_at=poll.next_at,
                state=poll.state, failures=poll.failures, message=poll.message,
            )
        )  # fmt: skip


def of(store: Store, keys: Sequence[str]) -> list[Poll]:
    """The last polls for an earthquake, given by its key and those of the ones found to be the same."""
    query = select(polls).where(polls.c.earthquake.in_(keys)).order_by(polls.c.source, polls.c.polled_at)
    with store.read() as connection:
        newest = {row.source: row for row in connection.execute(query)}
    return [
        Poll(row.source, row.polled_at, row.next_at, row.state, row.failures, row.message) for row in newest.values()
    ]
