"""Which announcements of different agencies are of one earthquake."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from quakelens.earthquakes.earthquake import agency_of
from quakelens.earthquakes.places import distance_km
from quakelens.store.tables import earthquake_ids, earthquakes

MAX_S = 60.0
MAX_KM = 100.0
MAX_MAGNITUDE = 0.7
"""How far two announcements of one earthquake are apart at most: seconds between the origin times, kilometres between
the epicentres, units of magnitude where both have one. Wide enough for first, automatic solutions, which agencies
make of different stations; two earthquakes of one agency are never taken for one by them."""


def nearest_of_other_agency(connection: Connection, row: Row[Any]) -> Row[Any] | None:
    """The row of the earthquake that only other agencies than a row's have announced and that is the same.

    Of several the nearest. None if there is none.

    Args:
        connection: Within a transaction.
        row: Of the table `earthquakes`.
    """
    span = timedelta(seconds=MAX_S)
    near = connection.execute(
        select(earthquakes).where(
            earthquakes.c.key != row.key,
            earthquakes.c.merged_into.is_(None),
            earthquakes.c.origin_time.between(row.origin_time - span, row.origin_time + span),
        )
    ).all()
    agencies = _agencies(connection, [row.key, *(other.key for other in near)])
    found = []
    for other in near:
        apart = _apart(row, other)
        if apart is not None and not agencies[row.key] & agencies[other.key]:
            found.append((apart, other.key, other))
    return min(found, key=lambda each: each[:2])[2] if found else None


def _agencies(connection: Connection, keys: Sequence[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {key: set() for key in keys}
    ids = select(earthquake_ids.c.earthquake, earthquake_ids.c.id).where(earthquake_ids.c.earthquake.in_(keys))
    for key, earthquake_id in connection.execute(ids):
        found[key].add(agency_of(earthquake_id))
    return found


def _apart(one: Row[Any], other: Row[Any]) -> float | None:
    """How far two earthquakes are apart, in units of what is allowed; None if they are not the same."""
    seconds = abs((one.origin_time - other.origin_time).total_seconds())
    km = distance_km(one.latitude, one.longitude, other.latitude, other.longitude)
    if seconds > MAX_S or km > MAX_KM:
        return None
    if one.magnitude is None or other.magnitude is None:
        return math.hypot(seconds / MAX_S, km / MAX_KM)
    # Magnitudes have one or two decimals: 6.4 and 5.7 are 0.7 apart, whatever floats say.
    if round(abs(one.magnitude - other.magnitude), 6) > MAX_MAGNITUDE:
        return None
    return math.hypot(seconds / MAX_S, km / MAX_KM)
