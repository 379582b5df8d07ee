"""Connections and transactions of the store."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError

from quakelens.errors import Busy, QuakelensError, StorageError
from quakelens.files import no_space

BUSY_TIMEOUT_S = 30.0
"""How long a transaction waits for another process that writes."""

_POSTGRESQL_LOCK = 7_150_214_003  # any number, the same everywhere
_WRITES = "quakelens_writes"


class Store:
    """A database of the newest form; made by `open_store`. Safe to use from several threads."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self._engine = make_engine(url)
        # SQLite waits for another writer by trying again after ever longer pauses; threads need not.
        self._writing = threading.Lock() if url.get_backend_name() == "sqlite" else nullcontext()

    def __repr__(self) -> str:
        return f"Store({self.url.render_as_string(hide_password=True)})"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads; it sees one state of the store.

        Raises:
            StorageError: The database does not answer.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise self._told(error) from error

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: all of it is kept or nothing. One at a time, over all processes.

        Raises:
            Busy: Another process wrote for longer than `BUSY_TIMEOUT_S`.
            StorageError: The database does not answer, or has no space left; nothing of the transaction is kept.
        """
        try:
            with self._writing, self._engine.execution_options(**{_WRITES: True}).begin() as connection:
                if connection.dialect.name == "postgresql":
                    # What SQLite does by itself: steps that read and then write need no other care.
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})"))
                yield connection
        except DBAPIError as error:
            raise self._told(error) from error

    def _told(self, error: DBAPIError) -> QuakelensError | DBAPIError:
        """The same for people where it is the database's state; as it is where it is a mistake of ours."""
        cause = (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
        if "database is locked" in cause:
            return Busy(
                f"another process has written to {self!r} for more than {BUSY_TIMEOUT_S:.0f} s: "
                "wait for it, or stop it, and try again"
            )
        if "disk is full" in cause or getattr(error.orig, "sqlstate", None) == "53100":
            return no_space(Path(self.url.database or ""), cause)
        if error.connection_invalidated or isinstance(error, OperationalError):
            return StorageError(
                f"{self!r} does not answer ({cause}): see that its server runs, or its disk is there. What was stored "
                "stays; a harvest is started again by watch, anything else by the same command"
            )
        return error

    @contextmanager
    def plain(self) -> Iterator[Any]:
        """A cursor of the driver, outside of any transaction and with a short wait for locks; for SQLite."""
        connection = self._engine.raw_connection()
        cursor = connection.cursor()
        try:
            cursor.execute("PRAGMA busy_timeout = 1000")
            yield cursor
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")
            cursor.close()
            connection.close()

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def make_engine(url: URL) -> Engine:
    """An engine whose SQLite connections keep foreign keys and start transactions themselves."""
    engine = create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin)
    return engine


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, leaving those whose primary key is there already as they are."""
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def _set_up(connection: Any, _: Any) -> None:
    # The driver must not start transactions by itself: `_begin` chooses their kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, as its author may expect
    # A killed process loses nothing. A power cut can lose the last transactions, never the file; pages
    # come back from the archive, and the rest is done again.
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later could not wait for another writer in SQLite.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
