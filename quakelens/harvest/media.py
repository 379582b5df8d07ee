"""Fetching the pictures of an earthquake's posts, and grouping those that repeat each other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from quakelens.errors import ImageError
from quakelens.images import decode, read_bytes
from quakelens.media.fetch import Fetched, FetchFailure, FetchJob, Limits, fetch_all
from quakelens.media.local import read_all
from quakelens.params import Params
from quakelens.store import Store, earthquakes
from quakelens.store import media as rows

if TYPE_CHECKING:
    from quakelens.duplicates import PictureHash
    from quakelens.hash_index import HashIndex

HASH_SIDE = 512
"""Pixels: a JPEG may be decoded this small for its hashes, which look at 32 x 32."""

Fetch = Callable[[Iterable[FetchJob]], Iterator[Fetched | FetchFailure]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MediaResult:
    """The pictures of an earthquake's posts; those of its look-back are not counted.

    Attributes:
        media: All.
        fetched: Of them, that are in the media folder.
        failed: That could not be fetched, so far or ever.
        near_duplicates: Fetched ones that repeat another, exactly or nearly.
        tried: In this run.
    """

    media: int
    fetched: int
    failed: int
    near_duplicates: int
    tried: int


def fetch_pending(
    store: Store,
    earthquake_id: str,
    media_dir: Path,
    params: Params,
    *,
    allow: frozenset[str] = frozenset(),
    fetch: Fetch | None = None,
    on_item: Callable[[int, int], None] | None = None,
) -> MediaResult:
    """Fetch what is not there yet; failures that may pass are tried again, up to `rows.MAX_TRIES` runs.

    Each result is stored as it comes, so a killed run loses only the downloads that were open.

    Args:
        store: Knows the media.
        earthquake_id: Any id of the earthquake.
        media_dir: Where the files lie, named by sha256.
        params: Its sections `media` and `duplicates`.
        allow: `host:port` pairs that may be reached on private addresses.
        fetch: In place of fetching over the network; files of an imported archive are read all the same.
        on_item: Called after each picture with how many are done and how many there are.
    """
    key = earthquakes.get(store, earthquake_id).key
    jobs = {f"{item.source}/{item.key}": item for item in rows.pending(store, key)}
    if jobs:
        groups = _Groups(store, params, media_dir)
        limits = Limits.of(params.media)
        # Apart from each other: an address that a network gives must never be taken for a path on this machine.
        here = [FetchJob(name, item.url) for name, item in jobs.items() if item.kind == "file"]
        wanted = [FetchJob(name, item.url) for name, item in jobs.items() if item.kind != "file"]
        fetched = fetch_all(wanted, media_dir, limits, allow=allow) if fetch is None else fetch(wanted)
        for done, result in enumerate(chain(read_all(here, media_dir, limits), fetched), start=1):
            item = jobs[result.key]
            if isinstance(result, Fetched):
                groups.store(item, result)
            else:
                rows.set_failed(
                    store, item, reason=result.reason, message=result.message, final=result.final,
                    at=result.at, asked=result.asked,
                )  # fmt: skip
            if on_item is not None:
                on_item(done, len(jobs))
    counts = rows.count_media(store, key)
    return MediaResult(counts.media, counts.fetched, counts.failed, counts.near_duplicates, len(jobs))


class _Groups:
    """Stores fetched pictures, each in the group of its near-duplicates."""

    def __init__(self, store: Store, params: Params, media_dir: Path) -> None:
        from quakelens.hash_index import HashIndex

        self._store = store
        self._folder = media_dir
        self._max_pixels = params.media.max_pixels
        self._index: HashIndex[str] = HashIndex(params.duplicates)
        self._seen = 0  # number of the last picture in the index
        with store.read() as connection:  # most of it before others have to wait for a transaction that writes
            self._catch_up(connection)

    def store(self, item: rows.PendingMedia, fetched: Fetched) -> None:
        hashed = self._hash(fetched)  # outside the transaction: others write meanwhile
        with self._store.write() as connection:
            known = rows.has_picture(connection, fetched.sha256)
            if not rows.is_wanted(connection, item):
                # Its posts were removed meanwhile. No other process stores the same file while this one writes.
                if not known:
                    (self._folder / fetched.path).unlink(missing_ok=True)
                return
            if not known and not (self._folder / fetched.path).is_file():
                # It lay there already, and was removed with the posts that carried it.
                rows.set_lost(connection, item, fetched.fetched_at)
                return
            if not known:
                self._catch_up(connection)
                near = [] if hashed is None else self._index.find(hashed)
                picture = rows.NewPicture(
                    sha256=fetched.sha256, path=fetched.path, bytes=fetched.bytes, width=fetched.width,
                    height=fetched.height, format=fetched.format, fetched_at=fetched.fetched_at, hash=hashed,
                )  # fmt: skip
                rows.add_picture(connection, picture, near)
            rows.set_fetched(connection, item, fetched.sha256, fetched.fetched_at)

    def _catch_up(self, connection: Connection) -> None:
        """Take in what this and other processes stored since."""
        for stored in rows.hashes_after(connection, self._seen):
            self._seen = stored.last
            self._index.extend(stored.sha256, stored.hashes)

    def _hash(self, fetched: Fetched) -> PictureHash | None:
        from quakelens.duplicates import hash_picture

        try:
            data = read_bytes(self._folder / fetched.path)
            return hash_picture(decode(data, max_pixels=self._max_pixels, at_least=HASH_SIDE))
        except ImageError as error:
            _log.warning("%s has no hash and matches by sha256 only: %s", fetched.path, error)
            return None
