"""Keeping the store small and its queries quick."""

from __future__ import annotations

from sqlalchemy import text

from quakelens.store.database import Store

_WORTH = 0.25
"""Share of an SQLite file that must be empty for it to be written anew, which takes time and as much space again."""


def refresh(store: Store, *, in_use: bool) -> int:
    """Renew what the database knows of its tables, and give back space that removed rows left.

    PostgreSQL gives it back by itself.

    Args:
        store: Any.
        in_use: Whether anybody is writing; an SQLite file is then not written anew, as they would have to wait.

    Returns:
        Bytes given back.
    """
    if store.url.get_backend_name() != "sqlite":
        with store.write() as connection:
            connection.execute(text("ANALYZE"))
        return 0
    with store.plain() as cursor:
        cursor.execute("PRAGMA optimize")

        def number(name: str) -> int:
            return int(cursor.execute(f"PRAGMA {name}").fetchone()[0])

        pages, empty = number("page_count"), number("freelist_count")
        if in_use or empty < _WORTH * pages:
            return 0
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return (pages - number("page_count")) * number("page_size")
