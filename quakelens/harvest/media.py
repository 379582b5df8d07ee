"""Fetching the pictures of an earthquake's posts, while posts are still coming or afterwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from quakelens.depot import Depot, Filed, as_depot
from quakelens.harvest.picture_groups import PictureGroups, hash_file
from quakelens.harvest.stream import Stream
from quakelens.media.fetch import Fetched, FetchFailure, Fetching, FetchJob, Limits
from quakelens.media.local import read_all
from quakelens.params import Params
from quakelens.store import Store, earthquakes
from quakelens.store import media as rows

if TYPE_CHECKING:
    from quakelens.duplicates import PictureHash

Fetch = Callable[[Iterable[FetchJob]], Iterator[Fetched | FetchFailure]]

_LOOK_AHEAD = 500
"""Pictures that are looked up at once; what comes meanwhile waits for them."""

_MOST_RETRIES = 10_000
"""Failures of earlier runs that one run tries again."""


@dataclass(frozen=True, slots=True)
class MediaResult:
    """The pictures of an earthquake's posts; those of its look-back are not counted.

    Attributes:
        media: All.
        fetched: Of them, that are kept here.
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
    media_dir: Path | Depot,
    params: Params,
    *,
    allow: frozenset[str] = frozenset(),
    fetch: Fetch | None = None,
    posts: Stream | None = None,
    on_stored: Callable[[list[str]], None] = lambda shas: None,
    on_item: Callable[[int, int | None], None] | None = None,
) -> MediaResult:
    """Fetch what is not there yet; failures that may pass are tried again, up to `rows.MAX_TRIES` runs.

    Results are stored as they come, those that come together in one transaction, so a killed run loses only
    the downloads that were open. What was never tried goes before what failed in earlier runs.

    Args:
        store: Knows the media.
        earthquake_id: Any id of the earthquake.
        media_dir: Where the files lie, named by sha256; of a path the folder.
        params: Its sections `media` and `duplicates`.
        allow: `host:port` pairs that may be reached on private addresses.
        fetch: In place of fetching over the network, one job a call; files of an imported archive are read all
            the same.
        posts: Says when there are more; the pictures are fetched as their posts come, until it ends. None:
            all posts are there.
        on_stored: Called with the sha256 of pictures that posts now carry.
        on_item: Called as pictures are done with their number and how many there are, None while posts come.

    Raises:
        OSError: A picture cannot be written.
        Interrupted: `posts` was interrupted.
    """
    key = earthquakes.get(store, earthquake_id).key
    depot = as_depot(media_dir)
    coming = posts or Stream(ended=True)
    limits = Limits.of(params.media)
    hash_of = partial(hash_file, max_pixels=params.media.max_pixels)
    network: _Downloads = (
        Fetching(depot, limits, allow=allow, hash_file=hash_of, on_done=coming.nudge) if fetch is None
        else _OneByOne(fetch, depot, hash_of)
    )  # fmt: skip
    # Apart from each other: an address that a network gives must never be taken for a path on this machine.
    files = _OneByOne(lambda jobs: read_all(jobs, depot, limits), depot, hash_of)
    try:
        groups = PictureGroups(store, params, depot)
        tried = _Fetcher(store, key, coming, network, files, groups, on_stored, on_item).run()
    finally:
        network.close()
    counts = rows.count_media(store, key)
    return MediaResult(counts.media, counts.fetched, counts.failed, counts.near_duplicates, tried)


@dataclass(slots=True)
class _Fetcher:
    """Keeps as many downloads going as there is room for, and stores what comes."""

    store: Store
    key: str
    coming: Stream
    network: _Downloads
    files: _Downloads
    groups: PictureGroups
    on_stored: Callable[[list[str]], None]
    on_item: Callable[[int, int | None], None] | None

    def run(self) -> int:
        """Work until no more posts come and nothing is left to fetch; gives how many pictures were tried."""
        queue: deque[rows.PendingMedia] = deque()
        retries = deque(rows.to_retry(self.store, self.key, _MOST_RETRIES))
        under_way: dict[str, rows.PendingMedia] = {}
        tried, looked, left, through = 0, -1, False, False
        while True:
            self.coming.check()
            changes, items, ended = self.coming.changes, self.coming.items, self.coming.ended
            results = [*self.network.done(), *self.files.done()]
            if results:
                tried += len(results)
                self._keep([(under_way.pop(result.key), result) for result in results])
                if self.on_item is not None:
                    more = len(queue) + len(retries) + len(under_way)
                    self.on_item(tried, tried + more if through else None)
            if not queue and (left or items != looked or (ended and not through)):
                limit = _LOOK_AHEAD + len(under_way)
                found = rows.pending(self.store, self.key, limit)
                queue.extend(item for item in found if _name(item) not in under_way)
                looked, left, through = items, len(found) == limit, ended
            while (waiting := queue or retries) and self._way_of(waiting[0]).room > 0:
                item = waiting.popleft()
                under_way[_name(item)] = item
                self._way_of(item).start(FetchJob(_name(item), item.url))
            if self.network.is_ready or self.files.is_ready:
                continue
            if not under_way and not queue and not retries and through and not left:
                return tried
            self.coming.wait(changes)

    def _way_of(self, item: rows.PendingMedia) -> _Downloads:
        return self.files if item.kind == "file" else self.network

    def _keep(self, results: list[tuple[rows.PendingMedia, Fetched | FetchFailure]]) -> None:
        stored = self.groups.store(results)
        if stored:
            self.on_stored(stored)


def _name(item: rows.PendingMedia) -> str:
    return f"{item.source}/{item.key}"


class _Downloads(Protocol):
    """What is needed of `quakelens.media.fetch.Fetching`."""

    @property
    def room(self) -> int: ...

    @property
    def is_ready(self) -> bool: ...

    def start(self, job: FetchJob) -> None: ...

    def done(self) -> list[Fetched | FetchFailure]: ...

    def close(self) -> None: ...


class _OneByOne:
    """Fetches by a function, in the thread that asks."""

    def __init__(self, fetch: Fetch, depot: Depot, hash_of: Callable[[Filed], PictureHash | None]) -> None:
        self._fetch = fetch
        self._depot = depot
        self._hash_of = hash_of
        self._ready: list[Fetched | FetchFailure] = []

    @property
    def room(self) -> int:
        return 1 - len(self._ready)

    @property
    def is_ready(self) -> bool:
        return bool(self._ready)

    def start(self, job: FetchJob) -> None:
        result = next(iter(self._fetch([job])), None)
        if isinstance(result, Fetched):
            result = replace(result, hash=self._hash_of(self._depot.file(result.path)))
        elif result is None:
            result = FetchFailure(job.key, "network", f"nothing came of {job.url}", False, datetime.now(UTC))
        self._ready.append(result)

    def done(self) -> list[Fetched | FetchFailure]:
        results, self._ready = self._ready, []
        return results

    def close(self) -> None:
        pass
