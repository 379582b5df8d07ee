"""What is found out about an earthquake beyond its announcements: the agency's detail, and what to search for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, insert, select, update

from quakelens.earthquakes.detail import Detail
from quakelens.sources.topic import Topic
from quakelens.store.database import Store
from quakelens.store.tables import earthquake_details, earthquakes

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # while no detail was fetched


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out.

    Attributes:
        detail: PAGER and ShakeMap as last fetched; None before that.
        topic: What is searched for; None before the first harvest.
        made_of: What the topic was made of, to know when it must be made anew.
        updated: `Earthquake.updated` of the announcement for which the detail was fetched.
        fetched_at: When the detail was fetched, UTC.
    """

    detail: Detail | None = None
    topic: Topic | None = None
    made_of: str | None = None
    updated: datetime | None = None
    fetched_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Document:
    detail: Detail | None = None
    topic: Topic | None = None
    made_of: str | None = None


_DOCUMENT = TypeAdapter(_Document)


def find(store: Store, key: str) -> Found:
    """What is kept of an earthquake; empty before anything is."""
    with store.read() as connection:
        return _read(connection, key)


def save_detail(store: Store, key: str, detail: Detail, updated: datetime, now: datetime) -> None:
    """Keep a detail in place of the last one; its alert and intensity complete the earthquake's announcement."""
    with store.write() as connection:
        _write(connection, key, replace(_read(connection, key), detail=detail, updated=updated, fetched_at=now))
        complete_in(connection, key)


def save_topic(store: Store, key: str, topic: Topic, made_of: str) -> None:
    """Keep what is searched for."""
    with store.write() as connection:
        _write(connection, key, replace(_read(connection, key), topic=topic, made_of=made_of))


def complete_in(connection: Connection, key: str) -> None:
    """Give an earthquake whose announcement lacks them the alert and the intensity of its detail."""
    lacking = connection.execute(
        select(earthquakes.c.alert, earthquakes.c.mmi).where(
            earthquakes.c.key == key, earthquakes.c.alert.is_(None) | earthquakes.c.mmi.is_(None)
        )
    ).one_or_none()
    if lacking is None:
        return
    detail = _read(connection, key).detail
    if detail is None:
        return
    values: dict[str, Any] = {}
    if lacking.alert is None:
        values["alert"] = detail.alert
    if lacking.mmi is None:
        values["mmi"] = detail.mmi
    connection.execute(update(earthquakes).where(earthquakes.c.key == key).values(values))


def merge_in(connection: Connection, gone: str, kept: str) -> None:
    """Of two earthquakes that are one, the kept one's topic and the newer detail stay."""
    old, found = _read(connection, gone), _read(connection, kept)
    if found.topic is None:
        found = replace(found, topic=old.topic, made_of=old.made_of)
    if old.detail is not None and (found.detail is None or (old.updated or _NEVER) > (found.updated or _NEVER)):
        found = replace(found, detail=old.detail, updated=old.updated, fetched_at=old.fetched_at)
    if found != Found():
        _write(connection, kept, found)


def _read(connection: Connection, key: str) -> Found:
    row = connection.execute(select(earthquake_details).where(earthquake_details.c.earthquake == key)).one_or_none()
    if row is None:
        return Found()
    document = _DOCUMENT.validate_json(row.document)
    found = Found(document.detail, document.topic, document.made_of)
    return found if found.detail is None else replace(found, updated=row.detail_updated, fetched_at=row.fetched_at)


def _write(connection: Connection, key: str, found: Found) -> None:
    document = _Document(found.detail, found.topic, found.made_of)
    connection.execute(delete(earthquake_details).where(earthquake_details.c.earthquake == key))
    connection.execute(
        insert(earthquake_details).values(
            earthquake=key, fetched_at=found.fetched_at or _NEVER, detail_updated=found.updated or _NEVER,
            document=_DOCUMENT.dump_json(document).decode(),
        )
    )  # fmt: skip
