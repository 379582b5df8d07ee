"""Connections and transactions of the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError

from quakelens.errors import Busy, DiskFull, QuakelensError, StorageError
from quakelens.files import no_space

BUSY_TIMEOUT_S = 30.0
"""How long a transaction waits for another process that writes."""

RECONNECT_S = 60.0
"""How long a transaction waits for PostgreSQL's server to be there before it begins: a restart takes seconds."""

_POSTGRESQL_LOCK = 7_150_214_003  # any number, the same everywhere
_WRITES = "quakelens_writes"
_RECONNECT_PAUSE_S = 0.5
_CONNECTING: dict[str, Any] = {
    "application_name": "quakelens", "connect_timeout": 10,
    "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3,
}  # fmt: skip
_SESSION = {
    "lock_timeout": f"{BUSY_TIMEOUT_S:.0f}s", "idle_in_transaction_session_timeout": "10min",
    "tcp_keepalives_idle": "30s", "tcp_keepalives_interval": "10s", "tcp_keepalives_count": "3",
}  # fmt: skip


class Store:
    """A database of the newest form; made by `open_store`. Safe to use from several threads."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self._engine = make_engine(url)
        self._is_sqlite = url.get_backend_name() == "sqlite"
        self._writers = self._engine.execution_options(**{_WRITES: True})
        # One state of the store for all that a transaction reads, as SQLite gives it.
        self._readers = (
            self._engine if self._is_sqlite
            else self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        )  # fmt: skip
        # SQLite waits for another writer by trying again after ever longer pauses; threads need not.
        self._writing = threading.Lock() if self._is_sqlite else nullcontext()

    def __repr__(self) -> str:
        return f"Store({self.url.render_as_string(hide_password=True)})"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads; it sees one state of the store.

        Raises:
            StorageError: The database does not answer, a server for longer than `RECONNECT_S`, or the connection was
                lost, or no space is left; nothing of the transaction is kept.
        """
        with self._explained(), self._begun(self._readers) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: all of it is kept or nothing. One at a time, over all processes.

        Raises:
            Busy: Another process wrote for longer than `BUSY_TIMEOUT_S`.
            StorageError: As `read`.
        """
        with self._explained(), self._writing, self._begun(self._writers) as connection:
            yield connection

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

    @contextmanager
    def outside_transactions(self) -> Iterator[Connection]:
        """A connection each of whose statements stands by itself; for PostgreSQL."""
        with self._explained(), self._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            yield connection

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def _begun(self, engine: Engine) -> Iterator[Connection]:
        """A transaction. Until it has begun, nothing is lost by trying again, so a server may be restarted."""
        deadline = time.monotonic() + RECONNECT_S
        while True:
            try:
                connection = engine.connect()
                try:
                    connection.begin()
                    if engine is self._writers and not self._is_sqlite:
                        # What SQLite does by itself: steps that read and then write need no other care.
                        connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})"))
                except BaseException:
                    connection.close()
                    raise
                break
            except OperationalError as error:
                if self._is_sqlite or _is_lock_timeout(error) or time.monotonic() > deadline:
                    raise
                time.sleep(_RECONNECT_PAUSE_S)
        with connection:
            yield connection
            connection.commit()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._told(error) from error

    def _told(self, error: DBAPIError) -> QuakelensError | DBAPIError:
        """The same for people where it is the database's state; as it is where it is a mistake of ours."""
        cause = (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
        if "database is locked" in cause or _is_lock_timeout(error):
            return Busy(
                f"another process has written to {self!r} for more than {BUSY_TIMEOUT_S:.0f} s: "
                "wait for it, or stop it, and try again"
            )
        if self._is_sqlite and "disk is full" in cause:
            return no_space(Path(self.url.database or ""), cause)
        if getattr(error.orig, "sqlstate", None) == "53100":
            return DiskFull(f"{self!r} has no space left ({cause}): make room on its server; nothing of this is kept")
        if error.connection_invalidated or isinstance(error, OperationalError):
            return StorageError(
                f"{self!r} does not answer ({cause}): see that its server runs, or its disk is there. What was stored "
                "stays; a harvest is started again by watch, anything else by the same command"
            )
        return error


def make_engine(url: URL) -> Engine:
    """An engine whose SQLite connections keep foreign keys and start transactions themselves.

    PostgreSQL's wait for locks for a bounded time, and are noticed to be dead, on both sides, within a minute or two:
    a machine that lost its power must not hold a lock for hours.
    """
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url)
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin)
        return engine
    given = {name: value for name, value in _CONNECTING.items() if name not in url.query}
    engine = create_engine(url, pool_pre_ping=True, connect_args=given)
    event.listen(engine, "connect", _set_up_postgresql)
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


def _set_up_postgresql(connection: Any, _: Any) -> None:
    connection.autocommit = True  # what a transaction sets goes when it is rolled back
    cursor = connection.cursor()
    cursor.execute("; ".join(f"SET {name} = '{value}'" for name, value in _SESSION.items()))
    cursor.close()
    connection.autocommit = False


def _is_lock_timeout(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == "55P03"


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later could not wait for another writer in SQLite.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
