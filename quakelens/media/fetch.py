"""Fetching the pictures of many posts at once."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from quakelens.errors import MediaError
from quakelens.media.download import Downloader, HostPaused, Limits
from quakelens.media.guard import Resolver, system_resolver
from quakelens.media.keep import Stored

__all__ = ["FetchFailure", "FetchJob", "Fetched", "Limits", "fetch_all"]

_MOST_PARKED = 10_000  # addresses in memory that wait for their host
_REMEMBERED = 10_000  # addresses in memory that are done; older ones would be downloaded again


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
        path: Relative to the directory, with forward slashes: `ab/abcd....jpg`.
        bytes: Size of the file.
        width: Pixels, EXIF orientation applied.
        height: Pixels, EXIF orientation applied.
        format: By content, one of `quakelens.images.FORMATS`.
        fetched_at: UTC.
    """

    key: str
    sha256: str
    path: str
    bytes: int
    width: int
    height: int
    format: str
    fetched_at: datetime


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
    directory: Path,
    limits: Limits,
    *,
    allow: frozenset[str] = frozenset(),
    resolve: Resolver = system_resolver,
) -> Iterator[Fetched | FetchFailure]:
    """Fetch pictures at once and give one result a job, in the order in which they are done.

    Jobs are taken from the iterable as there is room for them; an address that several jobs share is
    downloaded once, unless 10,000 others came between them. Those of a host that has its share of the
    connections wait until one of them is free, while jobs of other hosts go past. A picture is stored as
    `directory/<sha256[:2]>/<sha256><extension>`, whole or not at all; one that is there already stays. When
    the consumer stops early, open downloads are cut.

    Args:
        jobs: What to fetch.
        directory: Where; made if need be.
        limits: How far.
        allow: `host:port` pairs that may be reached over http and on private addresses.
        resolve: Looks names up.

    Raises:
        OSError: A picture cannot be written.
    """
    downloader = Downloader(directory, limits, allow, resolve)
    pool = ThreadPoolExecutor(limits.connections, thread_name_prefix="fetch")
    queue = _Queue(limits, lambda url: pool.submit(_fetch, downloader, url))
    try:
        for job in jobs:
            known = queue.add(job)
            if known is not None:
                yield known
            while queue.full:
                yield from queue.collect()
        while queue.running:
            yield from queue.collect()
    finally:
        downloader.stop()
        pool.shutdown(wait=True, cancel_futures=True)
        downloader.close()


class _Queue:
    """Downloads that run, and addresses that wait for their host."""

    def __init__(self, limits: Limits, start: Callable[[str], Future[_Outcome]]) -> None:
        self._limits = limits
        self._start = start
        self._done: dict[str, _Outcome] = {}
        self._jobs: dict[str, list[str]] = {}  # keys by address, until that is done
        self._busy: Counter[str] = Counter()  # downloads that run, by host
        self._parked: dict[str, deque[str]] = {}
        self.running: dict[Future[_Outcome], str] = {}

    @property
    def full(self) -> bool:
        """Whether something must be done before more is added."""
        parked = sum(map(len, self._parked.values()))
        return len(self.running) >= 2 * self._limits.connections or parked >= _MOST_PARKED

    def add(self, job: FetchJob) -> Fetched | FetchFailure | None:
        """Start a job, let it wait for its turn, or give its result where it is there already."""
        if job.url in self._done:
            return self._done[job.url].for_job(job.key)
        if job.url in self._jobs:
            self._jobs[job.url].append(job.key)
            return None
        self._jobs[job.url] = [job.key]
        host = _host_of(job.url)
        if self._busy[host] < self._limits.per_host:
            self._run(job.url, host)
        else:
            self._parked.setdefault(host, deque()).append(job.url)
        return None

    def collect(self) -> Iterator[Fetched | FetchFailure]:
        """Wait for at least one download; give the results of the jobs that share it, and start what waited."""
        for future in wait(self.running, return_when=FIRST_COMPLETED).done:
            url = self.running.pop(future)
            self._done[url] = outcome = future.result()
            if len(self._done) > _REMEMBERED:
                del self._done[next(iter(self._done))]
            host = _host_of(url)
            self._busy[host] -= 1
            parked = self._parked.get(host)
            if parked:
                self._run(parked.popleft(), host)
            for key in self._jobs.pop(url):
                yield outcome.for_job(key)

    def _run(self, url: str, host: str) -> None:
        self._busy[host] += 1
        self.running[self._start(url)] = url


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

    def for_job(self, key: str) -> Fetched | FetchFailure:
        found = self.result
        if isinstance(found, MediaError):
            asked = not isinstance(found, HostPaused)
            return FetchFailure(key, found.reason, str(found), found.final, self.at, asked)
        return Fetched(
            key, found.sha256, found.path, found.bytes, found.width, found.height, found.format,
            self.at,
        )  # fmt: skip


def _fetch(downloader: Downloader, url: str) -> _Outcome:
    try:
        result: Stored | MediaError = downloader.fetch(url)
    except MediaError as error:
        result = error
    return _Outcome(result, datetime.now(UTC))
