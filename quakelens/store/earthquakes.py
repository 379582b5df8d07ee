"""Earthquakes of the store, whatever their agencies call them today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from quakelens.earthquakes.earthquake import Earthquake
from quakelens.errors import UsageError
from quakelens.store.database import Store, insert_new
from quakelens.store.details import complete_in, merge_in
from quakelens.store.same import nearest_of_other_agency
from quakelens.store.tables import earthquake_ids, earthquake_posts, earthquakes, runs

_VALUES = (
    "origin_time", "latitude", "longitude", "depth_km", "magnitude", "magnitude_type", "place", "alert",
    "mmi", "updated", "url", "agency", "detail_url",
)  # fmt: skip

PREFERRED_AGENCY = "usgs"
"""Its announcements come with PAGER, ShakeMap and the ids of its partners."""


@dataclass(frozen=True, slots=True)
class StoredEarthquake:
    """An earthquake and what was decided of it.

    Attributes:
        key: Under which the store and the archive keep it; unlike `earthquake.id` it never changes.
        earthquake: Its newest announcement, with every id by which it was ever announced.
        due: Whether it is to be harvested, by the last decision; None before the first.
        reason: The last decision's.
    """

    key: str
    earthquake: Earthquake
    due: bool | None
    reason: str | None


def save(store: Store, earthquake: Earthquake, now: datetime) -> str:
    """Add an announcement, or revise the earthquake that it is of; an older one revises nothing.

    It is of the earthquake that has one of its ids; else of the one that another agency announced at
    about the same time and place, see `store.same`. The values of the USGS are preferred:
    once there, an announcement of the EMSC revises nothing.

    Returns:
        The earthquake's key.
    """
    with store.write() as connection:
        return save_in(connection, earthquake, now)


def save_in(connection: Connection, earthquake: Earthquake, now: datetime) -> str:
    """As `save`, within a transaction that writes."""
    ids = tuple(dict.fromkeys((earthquake.id, *earthquake.ids)))
    known = connection.execute(
        select(earthquakes)
        .join(earthquake_ids, earthquake_ids.c.earthquake == earthquakes.c.key)
        .where(earthquake_ids.c.id.in_(ids))
        .distinct()
        .order_by(earthquakes.c.first_seen, earthquakes.c.key)
    ).all()
    if known:
        key = _join(connection, known, earthquake)
    else:
        key = earthquake.id
        connection.execute(insert(earthquakes).values(key=key, first_seen=now, **_row_of(earthquake)))
    insert_new(connection, earthquake_ids, [{"id": each, "earthquake": key} for each in ids])
    key = _join_other_agency(connection, key)
    complete_in(connection, key)
    return key


def find(store: Store, earthquake_id: str) -> StoredEarthquake | None:
    """The earthquake that an agency knows, or once knew, under an id."""
    with store.read() as connection:
        key = key_of(connection, earthquake_id)
        return None if key is None else _load(connection, earthquakes.c.key == key)[0]


def get(store: Store, earthquake_id: str) -> StoredEarthquake:
    """As `find`.

    Raises:
        UsageError: The store does not know the id.
    """
    found = find(store, earthquake_id)
    if found is None:
        raise UsageError(
            f"the store knows no earthquake `{earthquake_id}`: run `quakelens harvest {earthquake_id}` "
            "first, or look the id up on the agency's page"
        )
    return found


def since(store: Store, origin_time: datetime) -> list[StoredEarthquake]:
    """Earthquakes from an origin time on, oldest first."""
    with store.read() as connection:
        return _load(connection, earthquakes.c.origin_time >= origin_time)


def set_decision(store: Store, key: str, *, due: bool, reason: str, now: datetime) -> None:
    """Keep what was decided of an earthquake."""
    with store.write() as connection:
        connection.execute(
            update(earthquakes).where(earthquakes.c.key == key).values(due=due, reason=reason, decided_at=now)
        )


def key_of(connection: Connection, earthquake_id: str) -> str | None:
    """The key of the earthquake with an id."""
    found: str | None = connection.scalar(
        select(earthquake_ids.c.earthquake).where(earthquake_ids.c.id == earthquake_id)
    )
    return found


def keys_of(store: Store, earthquake_id: str) -> list[str]:
    """The key of an earthquake, then those of the ones that were found to be the same.

    Raises:
        UsageError: The store does not know the id.
    """
    key = get(store, earthquake_id).key
    with store.read() as connection:
        merged = connection.scalars(
            select(earthquakes.c.key).where(earthquakes.c.merged_into == key).order_by(earthquakes.c.key)
        ).all()
    return [key, *merged]


def _row_of(earthquake: Earthquake) -> dict[str, Any]:
    return {"preferred_id": earthquake.id, **{name: getattr(earthquake, name) for name in _VALUES}}


def _join(connection: Connection, rows: Sequence[Row[Any]], announced: Earthquake | None = None) -> str:
    """Make one of rows, oldest first, and of an announcement; the preferred values of all of them stay.

    Returns:
        The key that stays.
    """
    key = _oldest_started(connection, [row.key for row in rows])
    best = max(rows, key=_preference)
    if announced is not None and _preference(announced) >= _preference(best):
        values = _row_of(announced)
    else:
        values = {name: getattr(best, name) for name in ("preferred_id", *_VALUES)}
    connection.execute(update(earthquakes).where(earthquakes.c.key == key).values(values))
    for row in rows:
        if row.key != key:
            _merge(connection, row.key, key)
    return key


def _preference(values: Earthquake | Row[Any]) -> tuple[bool, datetime]:
    return values.agency == PREFERRED_AGENCY, values.updated


def _join_other_agency(connection: Connection, key: str) -> str:
    """Merge an earthquake with the one that only other agencies have announced, if there is one."""
    row = connection.execute(select(earthquakes).where(earthquakes.c.key == key)).one()
    other = nearest_of_other_agency(connection, row)
    if other is None:
        return key
    # Of two that came at once the preferred agency's stays: its id names the folders.
    return _join(
        connection, sorted((row, other), key=lambda one: (one.first_seen, one.agency != PREFERRED_AGENCY, one.key))
    )


def _oldest_started(connection: Connection, keys: list[str]) -> str:
    """Of earthquakes that turn out to be one, the one that keeps its key: what is harvested stays."""
    started = set(connection.scalars(select(runs.c.earthquake).where(runs.c.earthquake.in_(keys))))
    return next((key for key in keys if key in started), keys[0])


def _merge(connection: Connection, gone: str, kept: str) -> None:
    connection.execute(update(earthquake_ids).where(earthquake_ids.c.earthquake == gone).values(earthquake=kept))
    links = connection.execute(
        select(earthquake_posts.c.source, earthquake_posts.c.post_id, earthquake_posts.c.lookback).where(
            earthquake_posts.c.earthquake == gone
        )
    ).mappings()
    insert_new(connection, earthquake_posts, [{**link, "earthquake": kept} for link in links])
    merge_in(connection, gone, kept)
    connection.execute(
        update(earthquakes)
        .where((earthquakes.c.key == gone) | (earthquakes.c.merged_into == gone))
        .values(merged_into=kept)
    )


def _load(connection: Connection, condition: Any) -> list[StoredEarthquake]:
    query: Select[Any] = (
        select(earthquakes)
        .where(condition, earthquakes.c.merged_into.is_(None))
        .order_by(earthquakes.c.origin_time, earthquakes.c.key)
    )
    rows = connection.execute(query).all()
    ids: dict[str, list[str]] = {row.key: [] for row in rows}
    names = select(earthquake_ids.c.earthquake, earthquake_ids.c.id).where(earthquake_ids.c.earthquake.in_(ids))
    for earthquake, name in connection.execute(names.order_by(earthquake_ids.c.id)):
        ids[earthquake].append(name)
    return [_stored(row, tuple(ids[row.key])) for row in rows]


def _stored(row: Row[Any], ids: tuple[str, ...]) -> StoredEarthquake:
    values = {name: getattr(row, name) for name in _VALUES}
    return StoredEarthquake(row.key, Earthquake(id=row.preferred_id, ids=ids, **values), row.due, row.reason)


def count(store: Store) -> int:
    """How many earthquakes the store knows."""
    with store.read() as connection:
        return (
            connection.scalar(select(func.count()).select_from(earthquakes).where(earthquakes.c.merged_into.is_(None)))
            or 0
        )
