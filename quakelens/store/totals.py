"""Counts over the whole store, by network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from quakelens.store.database import Store
from quakelens.store.tables import charges, media, pages, polls, posts


@dataclass(frozen=True, slots=True)
class PollTotals:
    """The last polls of one network over all earthquakes.

    Attributes:
        states: How many ended in each state, see `quakelens.store.polls.Poll`.
        polled_at: The last of them, UTC.
        next_at: When the first of the coming ones is due, UTC; None where none is.
    """

    states: dict[str, int]
    polled_at: datetime
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Totals:
    """What the store holds.

    Attributes:
        posts: By network.
        media: By network and status: `pending`, `fetched`, `failed`.
        failures: Media that could not be fetched, by network and reason.
        unreadable: Posts, or lines of an archive, that could not be read, by network.
        usd: US dollars booked, by network.
        polls: By network.
    """

    posts: dict[str, int]
    media: dict[tuple[str, str], int]
    failures: dict[tuple[str, str], int]
    unreadable: dict[str, int]
    usd: dict[str, float]
    polls: dict[str, PollTotals]


def totals(store: Store) -> Totals:
    """Count; the tables are read once each."""
    with store.read() as connection:

        def rows(query: Select[Any]) -> list[Any]:
            return list(connection.execute(query))

        states: dict[str, dict[str, int]] = {}
        for source, state, count in rows(
            select(polls.c.source, polls.c.state, func.count()).group_by(polls.c.source, polls.c.state)
        ):
            states.setdefault(source, {})[state] = count
        times = rows(
            select(polls.c.source, func.max(polls.c.polled_at), func.min(polls.c.next_at)).group_by(polls.c.source)
        )
        return Totals(
            posts={row[0]: row[1] for row in rows(select(posts.c.source, func.count()).group_by(posts.c.source))},
            media={
                (row[0], row[1]): row[2]
                for row in rows(
                    select(media.c.source, media.c.status, func.count()).group_by(media.c.source, media.c.status)
                )
            },
            failures={
                (row[0], str(row[1])): row[2]
                for row in rows(
                    select(media.c.source, media.c.reason, func.count())
                    .where(media.c.status == "failed")
                    .group_by(media.c.source, media.c.reason)
                )
            },
            unreadable={
                row[0]: int(row[1])
                for row in rows(select(pages.c.source, func.sum(pages.c.problem_count)).group_by(pages.c.source))
            },
            usd={
                row[0]: float(row[1])
                for row in rows(select(charges.c.source, func.sum(charges.c.usd)).group_by(charges.c.source))
            },
            polls={row[0]: PollTotals(states[row[0]], row[1], row[2]) for row in times},
        )
