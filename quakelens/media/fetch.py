"""Fetching the pictures of many posts at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from quakelens.errors import MediaError
from quakelens.media.download import Downloader, Limits, Stored
from quakelens.media.guard import Resolver, system_resolver

__all__ = ["FetchFailure", "FetchJob", "Fetched", "Limits", "fetch_all"]


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
    """A picture that could not be fetched; `reason` and `final` as in `MediaError`, `at` in UTC."""

    key: str
    reason: str
    message: str
    final: bool
    at: datetime


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
    downloaded once. A picture is stored as `directory/<sha256[:2]>/<sha256><extension>`, whole or not
    at all; one that is there already stays. When the consumer stops early, open downloads are cut.

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
    done: dict[str, _Outcome] = {}
    waiting: dict[str, list[str]] = {}  # keys of the jobs by address
    running: dict[Future[_Outcome], str] = {}
    try:
        for job in jobs:
            if job.url in done:
                yield done[job.url].for_job(job.key)
                continue
            if job.url in waiting:
                waiting[job.url].append(job.key)
                continue
            waiting[job.url] = [job.key]
            running[pool.submit(_fetch, downloader, job.url)] = job.url
            while len(running) >= 2 * limits.connections:
                yield from _collect(running, waiting, done)
        while running:
            yield from _collect(running, waiting, done)
    finally:
        downloader.stop()
        pool.shutdown(wait=True, cancel_futures=True)
        downloader.close()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one address."""

    result: Stored | MediaError
    at: datetime

    def for_job(self, key: str) -> Fetched | FetchFailure:
        found = self.result
        if isinstance(found, MediaError):
            return FetchFailure(key, found.reason, str(found), found.final, self.at)
        return Fetched(
            key, found.sha256, found.path, found.bytes, found.width, found.height, found.format,
            self.at,
        )  # fmt: skip


def _collect(
    running: dict[Future[_Outcome], str],
    waiting: dict[str, list[str]],
    done: dict[str, _Outcome],
) -> Iterator[Fetched | FetchFailure]:
    """Wait for at least one download and give the results of the jobs that share it."""
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        url = running.pop(future)
        done[url] = outcome = future.result()
        for key in waiting.pop(url):
            yield outcome.for_job(key)


def _fetch(downloader: Downloader, url: str) -> _Outcome:
    try:
        result: Stored | MediaError = downloader.fetch(url)
    except MediaError as error:
        result = error
    return _Outcome(result, datetime.now(UTC))
