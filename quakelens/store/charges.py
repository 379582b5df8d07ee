"""What the networks charged: the most a request can cost is booked before it is made, the true cost after.

A request that was under way when its process was killed, or whose answer was lost, keeps its booking until the same
request is made again; where that may cost once more, the booking is kept beside. The sum never says less than what was
spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from quakelens.errors import BudgetReached
from quakelens.store.database import Store
from quakelens.store.tables import charges

_ASIDE = "@"  # in no key of a request
_CENT = 1e-6  # sums of floats; far below any price


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent, US dollars: on one earthquake over all runs, and in one UTC day on all."""

    earthquake_usd: float = float("inf")
    day_usd: float = float("inf")


UNLIMITED = Budget()


@dataclass(frozen=True, slots=True)
class Charge:
    """One request that costs.

    Attributes:
        key: Of the request: one that is made again after a crash has the same. Of a page, its archive path.
        earthquake: The key under which the store keeps it; None for what concerns several.
        source: The network.
        what: `search`, `count` or `lookup`.
        at: When it is made, UTC.
    """

    key: str
    earthquake: str | None
    source: str
    what: str
    at: datetime


def reserve(
    store: Store, charge: Charge, usd: float, keys: Sequence[str], budget: Budget, *, shifting: bool = False
) -> bool:
    """Book the most that a request can cost, before it is made.

    A booking of the same request from before is replaced: X charges for a post once in a UTC day. One from another
    day stays beside the new one.

    Args:
        store: Keeps the books.
        charge: The request.
        usd: The most that it can cost.
        keys: The earthquake and those found to be the same, whose charges count as its own.
        budget: What may be spent.
        shifting: The same request may cost anew when it is made again. A booking of one whose answer was lost then
            stays beside the new one too; see `forget_lost`.

    Returns:
        Whether the booking may be taken back should the request be refused: no earlier one is in it.

    Raises:
        BudgetReached: It could cost more than is left; nothing is booked.
    """
    if usd <= 0:
        return True
    with store.write() as connection:
        replaces = _set_aside(connection, charge, shifting=shifting)
        left = _left(connection, keys, charge.at, budget, charge.key)
        if usd > left + _CENT:
            raise BudgetReached(_explain(connection, keys, charge, usd, budget))
        _put(connection, charge, usd, units=0, settled=False)
        return not replaces


def forget_lost(store: Store, prefix: str, now: datetime) -> None:
    """Drop the bookings of today's lost answers below a key's beginning, once all that they held came again."""
    with store.write() as connection:
        connection.execute(
            delete(charges).where(
                func.substr(charges.c.key, 1, len(prefix)) == prefix,
                charges.c.key.contains(_ASIDE, autoescape=True),
                charges.c.settled.is_(False),
                charges.c.day == _day(now),
            )
        )


def settle(store: Store, charge: Charge, usd: float, units: int) -> None:
    """Book what a request cost in the end."""
    with store.write() as connection:
        settle_in(connection, charge, usd, units)


def settle_in(connection: Connection, charge: Charge, usd: float, units: int) -> None:
    """As `settle`, within a transaction that writes."""
    if usd > 0 or units > 0 or _known(connection, charge.key):
        _put(connection, charge, usd, units=units, settled=True)


def release(store: Store, key: str) -> None:
    """Take back the booking of a request that was refused, and so cost nothing."""
    with store.write() as connection:
        connection.execute(delete(charges).where(charges.c.key == key, charges.c.settled.is_(False)))


def settled_units(store: Store, key: str) -> int | None:
    """What a settled request gave: posts, or of a count its result; None if it was not settled."""
    with store.read() as connection:
        found: int | None = connection.scalar(
            select(charges.c.units).where(charges.c.key == key, charges.c.settled.is_(True))
        )
        return found


def left(store: Store, keys: Sequence[str], now: datetime, budget: Budget, *, but: str | None = None) -> float:
    """US dollars that may still be spent on an earthquake now; a booking under the key `but` is not counted."""
    with store.read() as connection:
        return _left(connection, keys, now, budget, but)


def spent_usd(store: Store, keys: Sequence[str], source: str | None = None) -> float:
    """What an earthquake has cost so far, of one source or all."""
    with store.read() as connection:
        return _of_earthquake(connection, keys, None, source)


def spent_on_day_usd(store: Store, day: datetime, what: str | None = None) -> float:
    """What a UTC day has cost so far, for one purpose or all."""
    with store.read() as connection:
        return _of_day(connection, day, None, what)


def _set_aside(connection: Connection, charge: Charge, *, shifting: bool) -> bool:
    """Move an earlier booking out of the way where it must stay; whether one is left to be replaced."""
    found = connection.execute(select(charges.c.day, charges.c.settled).where(charges.c.key == charge.key)).first()
    if found is None:
        return False
    if found.day == _day(charge.at) and (found.settled or not shifting):
        return True
    number = 1
    while _known(connection, f"{charge.key}{_ASIDE}{number}"):
        number += 1
    aside = f"{charge.key}{_ASIDE}{number}"
    connection.execute(update(charges).where(charges.c.key == charge.key).values(key=aside))
    return False


def _left(connection: Connection, keys: Sequence[str], now: datetime, budget: Budget, but: str | None) -> float:
    return min(
        budget.earthquake_usd - _of_earthquake(connection, keys, but),
        budget.day_usd - _of_day(connection, now, but),
    )


def _of_earthquake(connection: Connection, keys: Sequence[str], but: str | None, source: str | None = None) -> float:
    query = select(func.coalesce(func.sum(charges.c.usd), 0.0)).where(charges.c.earthquake.in_(keys))
    if but is not None:
        query = query.where(charges.c.key != but)
    if source is not None:
        query = query.where(charges.c.source == source)
    return float(connection.execute(query).scalar_one())


def _of_day(connection: Connection, now: datetime, but: str | None, what: str | None = None) -> float:
    query = select(func.coalesce(func.sum(charges.c.usd), 0.0)).where(charges.c.day == _day(now))
    if what is not None:
        query = query.where(charges.c.what == what)
    if but is not None:
        query = query.where(charges.c.key != but)
    return float(connection.execute(query).scalar_one())


def _explain(connection: Connection, keys: Sequence[str], charge: Charge, usd: float, budget: Budget) -> str:
    own = _of_earthquake(connection, keys, charge.key)
    if usd > budget.earthquake_usd - own + _CENT:
        return (
            f"{own:.2f} US dollars were spent on the earthquake {charge.earthquake}, and the next request to "
            f"{charge.source} may cost {usd:.3f}: raise QUAKELENS_BUDGET_EARTHQUAKE_USD, now "
            f"{budget.earthquake_usd:.2f}, to go on"
        )
    day = _of_day(connection, charge.at, charge.key)
    return (
        f"{day:.2f} US dollars were spent today (UTC), and the next request to {charge.source} may cost {usd:.3f}: "
        f"it goes on tomorrow, or raise QUAKELENS_BUDGET_DAY_USD, now {budget.day_usd:.2f}"
    )


def _put(connection: Connection, charge: Charge, usd: float, *, units: int, settled: bool) -> None:
    values = {
        "earthquake": charge.earthquake, "source": charge.source, "what": charge.what, "day": _day(charge.at),
        "usd": usd, "units": units, "settled": settled,
    }  # fmt: skip
    if _known(connection, charge.key):
        connection.execute(update(charges).where(charges.c.key == charge.key).values(values))
    else:
        connection.execute(insert(charges).values(key=charge.key, **values))


def _known(connection: Connection, key: str) -> bool:
    return connection.scalar(select(charges.c.key).where(charges.c.key == key)) is not None


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()
