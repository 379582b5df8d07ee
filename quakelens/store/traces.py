"""Leaving no trace of deleted rows in the store's file.

SQLite keeps what is deleted: in pages that are free, in cells that moved, in the log of the last transactions.
`secure_delete`, which every connection sets, overwrites the first; writing the file anew and emptying the log take
the rest. PostgreSQL writes its tables anew likewise; its log of transactions, of which only its administrator can read
anything, goes with its own rotation, and archives and backups of it by theirs.
"""

from __future__ import annotations

import time

from sqlalchemy import text

from quakelens.errors import Busy
from quakelens.store.database import Store
from quakelens.store.tables import metadata

WAIT_S = 60.0


def wipe(store: Store, *, rewrite: bool = True, wait_s: float = WAIT_S) -> None:
    """Write the file anew and empty its log; with PostgreSQL, write the tables anew.

    Args:
        store: After rows were deleted.
        rewrite: Also write the file anew, which takes a second for each 100 MB and lets nobody write meanwhile.
        wait_s: How long to wait for others who read or write.

    Raises:
        Busy: They did not end within `wait_s` seconds; what is deleted may still be found in the file.
    """
    if store.url.get_backend_name() != "sqlite":
        if rewrite:
            with store.outside_transactions() as connection:
                connection.execute(text(f"VACUUM (FULL, ANALYZE) {', '.join(sorted(metadata.tables))}"))
        return
    deadline = time.monotonic() + wait_s
    with store.plain() as cursor:
        while True:
            problem = _try(cursor, rewrite=rewrite)
            if problem is None:
                return
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
    raise Busy(
        f"another process has used {store!r} for more than {wait_s:.0f} s ({problem}), so that deleted rows can still "
        "be found in its file: wait for it, or stop it, and run `quakelens purge` again"
    )


def _try(cursor: object, *, rewrite: bool) -> str | None:
    """One attempt; returns what stood in its way."""
    import sqlite3

    assert isinstance(cursor, sqlite3.Cursor)
    try:
        if rewrite:
            cursor.execute("VACUUM")
        busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        if "locked" not in str(error) and "busy" not in str(error):
            raise
        return str(error)
    return "it reads an older state" if busy else None
