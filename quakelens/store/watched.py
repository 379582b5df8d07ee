"""When the earthquake feeds were last read: by that one sees whether anybody watches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select

from quakelens.store.database import Store
from quakelens.store.tables import counters

_FEED = "feed/"  # before an agency's name; the values are seconds since 1970


def record(store: Store, agencies: Iterable[str], now: datetime) -> None:
    """Keep that the feeds of these agencies were read, and all that came of it was taken in."""
    names = [f"{_FEED}{agency}" for agency in agencies]
    with store.write() as connection:
        connection.execute(delete(counters).where(counters.c.name.in_(names)))
        if names:
            connection.execute(insert(counters), [{"name": name, "value": int(now.timestamp())} for name in names])


def last(store: Store) -> dict[str, datetime]:
    """When each agency's feed was last read, UTC; empty where none ever was."""
    query = select(counters.c.name, counters.c.value).where(counters.c.name.startswith(_FEED)).order_by(counters.c.name)
    with store.read() as connection:
        return {
            name.removeprefix(_FEED): datetime.fromtimestamp(value, UTC) for name, value in connection.execute(query)
        }
