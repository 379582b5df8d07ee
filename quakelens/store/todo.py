"""What is gone from the store and is still to go from the files: kept until it is gone there, too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Connection, delete, select

from quakelens.store.database import Store, insert_new
from quakelens.store.tables import removals

Kind = Literal["post", "author", "pages", "page", "picture", "labelled", "folder", "group", "report", "store"]


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do.

    Attributes:
        kind: `post` and `author`, by id, are to be taken out of archived pages; `pages` are those of an
            earthquake, by key, to be looked through for them; `page` is a single one, by path, that holds what
            the store does not; `picture`, by sha256, leaves its file and heat maps behind, `labelled` its copies
            in the labelled data and what was derived from them; `folder` is an event of the labelled data to be
            tracked anew; `group` has lost the picture that a version of the model, the
            source, had scored; `report`, by an earthquake's key, is to be
            written again; `store` has traces in its file.
        source: The network of a post or an author, the version for a group, else empty.
        name: What it is about.
    """

    kind: Kind
    source: str
    name: str


def add(connection: Connection, tasks: Iterable[Task], now: datetime) -> None:
    """Within a transaction that writes: add what is to be done; what is there already stays."""
    rows = [{"kind": task.kind, "source": task.source, "name": task.name, "added_at": now} for task in tasks]
    insert_new(connection, removals, rows)


def pending(store: Store, *kinds: Kind) -> list[Task]:
    """What is to be done, of some kinds or all, in a stable order."""
    query = select(removals.c.kind, removals.c.source, removals.c.name)
    if kinds:
        query = query.where(removals.c.kind.in_(kinds))
    with store.read() as connection:
        return [Task(*row) for row in connection.execute(query.order_by(removals.c.kind, removals.c.name))]


def is_pending(store: Store, task: Task) -> bool:
    """Whether this is to be done."""
    with store.read() as connection:
        return connection.scalar(select(removals.c.name).where(_is(task))) is not None


def done(store: Store, tasks: Iterable[Task]) -> None:
    """Strike out what is done."""
    with store.write() as connection:
        for task in tasks:
            connection.execute(delete(removals).where(_is(task)))


def _is(task: Task) -> ColumnElement[bool]:
    return (removals.c.kind == task.kind) & (removals.c.source == task.source) & (removals.c.name == task.name)
