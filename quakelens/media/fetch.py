"""Fetching the pictures of many posts at once."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import httpx

from quakelens.depot import Depot, Filed, as_depot
from quakelens.errors import MediaError
from quakelens.media.download import Downloader, HostPaused, Limits
from quakelens.media.guard import Resolver, system_resolver
from quakelens.media.keep import Stored

if TYPE_CHECKING:
    from quakelens.duplicates import PictureHash

__all__ = ["FetchFailure", "FetchJob", "Fetched", "Fetching", "Limits", "fetch_all"]

_MOST_PARKED = 2_000  # addresses in memory that wait for their host
_REMEMBERED = 10_000  # addresses whose outcome is kept: one that several posts share is downloaded once


@dataclass(frozen=True, slots=True)
class FetchJob:
    """One picture to fetch; `key` is the caller's own and comes back with the result."""

    key: str
    url: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A picture that is stored.

    Attributes:
        key: Of the job.
        sha256: Of the file, 64 hex digits.
        path: Its name in the depot: `ab/abcd....jpg`.
        bytes: Size of the file.
        width: Pixels, EXIF orientation applied.
        height: Pixels, EXIF orientation applied.
        format: By content, one of `quakelens.images.FORMATS`.
        fetched_at: UTC.
        hash: Of its content; None if it has none, or nobody was to look.
    """

    key: str
    sha256: str
    path: str
    bytes: int
    width: int
    height: int
    format: str
    fetched_at: datetime
    hash: PictureHash | None = None


@dataclass(frozen=True, slots=True)
class FetchFailure:
    """A picture that could not be fetched.

    Attributes:
        key: Of the job.
        reason: As in `MediaError`.
        message: What happened.
        final: As in `MediaError`.
        at: UTC.
        asked: False where nothing was asked for, as the host had asked to be left alone.
    """

    key: str
    reason: str
    message: str
    final: bool
    at: datetime
    asked: bool = True


def fetch_all(
    jobs: Iterable[FetchJob],
    depot: Path | Depot,
    limits: Limits,
    *,
    allow: frozenset[str] = frozenset(),
    resolve: Resolver = system_resolver,
) -> Iterator[Fetched | FetchFailure]:
    """Fetch pictures at once and give one result a job, in the order in which they are done.

    Jobs are taken from the iterable as there is room for them; an address that several jobs share is
    downloaded once, unless 10,000 others came between them. Those of a host that has its share of the
    connections wait until one of them is free, while jobs of other hosts go past. A picture is stored as
    `<sha256[:2]>/<sha256><extension>`, whole or not at all; one that is there already stays. When
    the consumer stops early, open downloads are cut.

    Args:
        jobs: What to fetch.
        depot: Where; of a path the folder.
        limits: How far.
        allow: `host:port` pairs that may be reached over http and on private addresses.
        resolve: Looks names up.

    Raises:
        OSError: A picture cannot be written.
    """
    fetching = Fetching(as_depot(depot), limits, allow=allow, resolve=resolve)
    try:
        for job in jobs:
            fetching.start(job)
            yield from fetching.done(wait=fetching.room <= 0)
        while fetching.is_busy:
            yield from fetching.done(wait=True)
    finally:
        fetching.close()


class Fetching:
    """Downloads under way, in threads of their own; used from one thread, which is not kept waiting."""

    def __init__(
        self,
        depot: Depot,
        limits: Limits,
        *,
        allow: frozenset[str] = frozenset(),
        resolve: Resolver = system_resolver,
        hash_file: Callable[[Filed], PictureHash | None] = lambda file: None,
        on_done: Callable[[], None] = lambda: None,
    ) -> None:
        """Start the threads.

        Args:
            depot: Where pictures are stored, see `fetch_all`.
            limits: How far.
            allow: `host:port` pairs that may be reached over http and on private addresses.
            resolve: Looks names up.
            hash_file: Makes a picture's hash, in the thread that fetched it.
            on_done: Called in that thread when a download has ended; `done` then gives its result.
        """
        self._depot = depot
        self._limits = limits
        self._downloader = Downloader(depot, limits, allow, resolve)
        self._pool = ThreadPoolExecutor(limits.connections, thread_name_prefix="fetch")
        self._hash_file = hash_file
        self._on_done = on_done
        self._jobs: dict[str, list[str]] = {}  # keys by address, until that is done
        self._busy: Counter[str] = Counter()  # downloads that run, by host
        self._parked: dict[str, deque[str]] = {}  # addresses that wait for their host
        self._ended: SimpleQueue[tuple[str, Future[_Outcome]]] = SimpleQueue()
        self._known: OrderedDict[str, _Outcome] = OrderedDict()
        self._ready: list[Fetched | FetchFailure] = []

    @property
    def room(self) -> int:
        """How many more jobs are worth starting now."""
        parked = sum(map(len, self._parked.values()))
        running = len(self._jobs) - parked
        return min(2 * self._limits.connections - running, _MOST_PARKED - parked)

    @property
    def is_busy(self) -> bool:
        """Whether `done` will give more results."""
        return bool(self._jobs or self._ready)

    @property
    def is_ready(self) -> bool:
        """Whether `done` gives a result now that `on_done` does not tell of."""
        return bool(self._ready)

    def start(self, job: FetchJob) -> None:
        """Start a job, let it wait for its turn, or have its result where another's is the same."""
        if job.url in self._known:
            self._ready.append(self._known[job.url].for_job(job.key))
        elif job.url in self._jobs:
            self._jobs[job.url].append(job.key)
        else:
            self._jobs[job.url] = [job.key]
            host = _host_of(job.url)
            if self._busy[host] < self._limits.per_host:
                self._run(job.url, host)
            else:
                self._parked.setdefault(host, deque()).append(job.url)

    def done(self, *, wait: bool = False) -> list[Fetched | FetchFailure]:
        """Results since the last call, one a job; `wait` for at least one if any is to come.

        Raises:
            OSError: A picture cannot be written.
        """
        results, self._ready = self._ready, []
        wait = wait and not results and bool(self._jobs)
        while True:
            try:
                url, future = self._ended.get(block=wait)
            except Empty:
                return results
            wait = False
            self._free(_host_of(url))
            outcome = self._known[url] = future.result()
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            results += [outcome.for_job(key) for key in self._jobs.pop(url)]

    def close(self) -> None:
        """Cut what is open."""
        self._downloader.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._downloader.close()

    def _run(self, url: str, host: str) -> None:
        self._busy[host] += 1
        future = self._pool.submit(self._fetch, url)
        future.add_done_callback(lambda ended: self._note(url, ended))

    def _free(self, host: str) -> None:
        self._busy[host] -= 1
        parked = self._parked.get(host)
        if parked:
            self._run(parked.popleft(), host)
        elif not self._busy[host]:
            del self._busy[host]
            self._parked.pop(host, None)

    def _note(self, url: str, future: Future[_Outcome]) -> None:
        self._ended.put((url, future))
        self._on_done()

    def _fetch(self, url: str) -> _Outcome:
        try:
            stored = self._downloader.fetch(url)
            return _Outcome(stored, datetime.now(UTC), self._hash_file(self._depot.file(stored.path)))
        except MediaError as error:
            return _Outcome(error, datetime.now(UTC))


def _host_of(url: str) -> str:
    """Whose connections a download takes; the guard judges the address, not this."""
    try:
        return httpx.URL(url).host
    except httpx.InvalidURL:
        return ""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one address."""

    result: Stored | MediaError
    at: datetime
    hash: PictureHash | None = None

    def for_job(self, key: str) -> Fetched | FetchFailure:
        found = self.result
        if isinstance(found, MediaError):
            asked = not isinstance(found, HostPaused)
            return FetchFailure(key, found.reason, str(found), found.final, self.at, asked)
        return Fetched(
            key, found.sha256, found.path, found.bytes, found.width, found.height, found.format,
            self.at, self.hash,
        )  # fmt: skip
