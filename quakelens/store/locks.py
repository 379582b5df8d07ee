"""Locks between all processes that use one store, on this machine and on others."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from quakelens.errors import Busy
from quakelens.locks import WAIT_S, exclusive
from quakelens.store.database import Store

_PAUSE_S = 0.2
_log = logging.getLogger(__name__)


@contextmanager
def alone(store: Store, name: str, what: str, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold a lock while the block runs; a killed process releases it.

    With SQLite it is a file in the folder `locks` beside the store's. With PostgreSQL it is held by a connection of
    its own, so it is lost where that is cut: what it protects must bear to be done by two at once in that case.

    Args:
        store: Whose users are meant.
        name: Of the lock.
        what: It protects, for the message.
        wait_s: How long to wait for another process, in seconds.

    Raises:
        Busy: Another process held it for longer than that.
    """
    if store.url.get_backend_name() == "sqlite":
        file = Path(str(store.url.database)).parent / "locks" / f"{name}.lock"
        with exclusive(file, what, wait_s):
            yield
        return
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    deadline = time.monotonic() + wait_s
    with store.outside_transactions() as connection:
        while not connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": number}):
            if time.monotonic() > deadline:
                raise Busy(
                    f"another process, here or on another machine, has used {what} for more than {wait_s:.0f} s "
                    f"(lock `{name}` in {store!r}): wait for it, or stop it, and try again"
                )
            time.sleep(_PAUSE_S)
        try:
            yield
        finally:
            try:
                connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})
            except DBAPIError as error:
                _log.warning("the lock `%s` was lost before its work ended: %s", name, error.orig)
