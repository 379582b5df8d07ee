"""Storing fetched pictures, each in the group of those that it repeats."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from quakelens.depot import Depot, Filed
from quakelens.errors import ImageError
from quakelens.images import decode, read_bytes
from quakelens.media.fetch import Fetched, FetchFailure
from quakelens.params import Params
from quakelens.store import Store
from quakelens.store import media as rows

if TYPE_CHECKING:
    from quakelens.duplicates import PictureHash
    from quakelens.hash_index import HashIndex

HASH_SIDE = 512
"""Pixels: a JPEG may be decoded this small for its hashes, which look at 32 x 32."""

_log = logging.getLogger(__name__)


def hash_file(file: Filed, *, max_pixels: int) -> PictureHash | None:
    """Hash a picture that is kept; None if it cannot be decoded."""
    from quakelens.duplicates import hash_picture

    try:
        return hash_picture(decode(read_bytes(file), max_pixels=max_pixels, at_least=HASH_SIDE))
    except ImageError as error:
        _log.warning("%s has no hash and matches by sha256 only: %s", file, error)
        return None


class PictureGroups:
    """Stores what was fetched, or why it was not; used from one thread."""

    def __init__(self, store: Store, params: Params, depot: Depot) -> None:
        from quakelens.hash_index import HashIndex

        self._store = store
        self._depot = depot
        self._index: HashIndex[str] = HashIndex(params.duplicates)
        self._seen = 0  # number of the last picture in the index
        with store.read() as connection:  # most of it before others have to wait for a transaction that writes
            self._catch_up(connection)

    def store(self, results: Sequence[tuple[rows.PendingMedia, Fetched | FetchFailure]]) -> list[str]:
        """Store results in one transaction.

        Returns:
            sha256 of the pictures that were fetched.
        """
        fetched: list[str] = []
        with self._store.write() as connection:
            for item, result in results:
                if isinstance(result, FetchFailure):
                    rows.set_failed(
                        connection, item, reason=result.reason, message=result.message, final=result.final,
                        at=result.at, asked=result.asked,
                    )  # fmt: skip
                elif self._add(connection, item, result):
                    fetched.append(result.sha256)
        return fetched

    def _add(self, connection: Connection, item: rows.PendingMedia, fetched: Fetched) -> bool:
        known = rows.has_picture(connection, fetched.sha256)
        if not rows.is_wanted(connection, item):
            # Its posts were removed meanwhile. No other process stores the same file while this one writes.
            if not known:
                self._depot.delete(fetched.path)
            return False
        if not known and not self._depot.file(fetched.path).exists():
            # It lay there already, and was removed with the posts that carried it.
            rows.set_lost(connection, item, fetched.fetched_at)
            return False
        if not known:
            self._catch_up(connection)
            near = [] if fetched.hash is None else self._index.find(fetched.hash)
            picture = rows.NewPicture(
                sha256=fetched.sha256, path=fetched.path, bytes=fetched.bytes, width=fetched.width,
                height=fetched.height, format=fetched.format, fetched_at=fetched.fetched_at, hash=fetched.hash,
            )  # fmt: skip
            rows.add_picture(connection, picture, near)
        rows.set_fetched(connection, item, fetched.sha256, fetched.fetched_at)
        return True

    def _catch_up(self, connection: Connection) -> None:
        """Take in what this and other processes stored since."""
        for stored in rows.hashes_after(connection, self._seen):
            self._seen = stored.last
            self._index.extend(stored.sha256, stored.hashes)
