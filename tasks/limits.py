"""Holding a global concurrency limit of the Prefect server, so that it is free at once when its holder was killed.

Prefect's own `concurrency` frees the place of a killed process when its lease has run out, after minutes. Here the
lease is noted in a file: who then holds the lock file beside it knows that whoever noted it is gone, and gives it back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError

from quakelens.errors import Busy, UsageError
from quakelens.files import write_atomically

logger = logging.getLogger("quakelens.limits")

LEASE_S = 180.0
"""A holder on another machine that was not heard of for so long is taken for gone."""


@contextmanager
def held(limit: str, note: Path) -> Iterator[None]:
    """Hold one place of a limit while the block runs. Call it only while holding a lock that goes with `note`.

    A server that cannot be reached later on does not stop the block.

    Args:
        limit: Its name.
        note: File for the lease.

    Raises:
        Busy: Another machine has the place.
        UsageError: The server has no such limit.
    """
    with get_client(sync_client=True) as client:
        if note.is_file():
            _give_back(client, UUID(note.read_text(encoding="ascii")))
        lease = _take(client, limit)
        with write_atomically(note) as file:
            file.write(str(lease).encode())
    stop = threading.Event()
    thread = threading.Thread(target=_renew, args=(lease, stop), name=f"renew-{limit}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        with get_client(sync_client=True) as client:
            _give_back(client, lease)
        note.unlink(missing_ok=True)


def _take(client: SyncPrefectClient, limit: str) -> UUID:
    try:
        answer = client.increment_concurrency_slots_with_lease([limit], 1, "concurrency", LEASE_S).json()
    except PrefectHTTPStatusError as error:
        if error.response.status_code == httpx.codes.LOCKED:
            raise Busy(f"another machine holds `{limit}`: wait for it to end, and try again") from None
        raise
    if not answer["limits"]:
        raise UsageError(
            f"the Prefect server at {client.api_url} has no concurrency limit `{limit}`, so that two machines could "
            "be at it at once: run `quakelens deploy`"
        )
    return UUID(answer["lease_id"])


def _renew(lease: UUID, stop: threading.Event) -> None:
    while not stop.wait(LEASE_S / 4):
        try:
            with get_client(sync_client=True) as client:
                client.renew_concurrency_lease(lease, LEASE_S)
        except httpx.HTTPError as error:
            logger.warning("the place at the Prefect server's limit is not renewed: %s", error)


def _give_back(client: SyncPrefectClient, lease: UUID) -> None:
    try:
        client.release_concurrency_slots_with_lease(lease)
    except httpx.HTTPError as error:
        logger.debug("lease %s is not given back, it ends by itself: %s", lease, error)
