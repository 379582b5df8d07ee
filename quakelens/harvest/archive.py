"""The archive of raw pages: what a network sent, as it sent it, before anything is read from it.

The files say by themselves how far a search has come, so that no page is asked for twice:

    <archive>/<earthquake>/<source>/<kind>-<digest of the query>/<walk>-<page>.gz

A walk is one search from its newest post to its oldest, a page after the other. Each file is gzip of
one line of JSON, the request and what the next one needs, and below it the response.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import posixpath
import re
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quakelens.depot import Depot, as_depot
from quakelens.sources.post import Page
from quakelens.store import Store
from quakelens.store.locks import alone

_FILE = re.compile(r"^(?P<walk>\d{6})-(?P<page>\d{6})\.gz$")
_SAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for. Times are UTC; `asked_at` is the present by which the search was planned."""

    earthquake: str
    source: str
    kind: str
    query: str
    start_time: datetime
    end_time: datetime | None
    since_id: str | None
    token: str | None
    page_size: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class ArchivedPage:
    """One file; `path` is relative to the archive, with forward slashes."""

    path: str
    walk: int
    number: int
    request: Request
    next_token: str | None
    newest_id: str | None
    fetched_at: datetime
    raw: bytes


class PageArchive:
    """The pages of one earthquake from one source; `depot` has those of all."""

    def __init__(self, root: Path | Depot, earthquake: str, source: str) -> None:
        self.depot = as_depot(root)
        self._folder = f"{safe_name(earthquake)}/{safe_name(source)}"

    def paths(self, kind: str | None = None) -> list[str]:
        """Every page, of a kind or all, in the order in which it was asked for within each search."""
        return self._paths("" if kind is None else f"{kind}-")

    def read(self, path: str) -> ArchivedPage:
        """Read a page.

        Raises:
            ValueError: The file is damaged.
        """
        name = _FILE.match(posixpath.basename(path))
        assert name is not None
        try:
            content = gzip.decompress(self.depot.file(path).read_bytes())
            head, _, raw = content.partition(b"\n")
            values = json.loads(head)
            request = {**values["request"]}
            for key in ("start_time", "end_time", "asked_at"):
                request[key] = None if request[key] is None else datetime.fromisoformat(request[key])
            return ArchivedPage(
                path=path, walk=int(name["walk"]), number=int(name["page"]), request=Request(**request),
                next_token=values["next_token"], newest_id=values["newest_id"],
                fetched_at=datetime.fromisoformat(values["fetched_at"]), raw=raw,
            )  # fmt: skip
        except (EOFError, zlib.error, gzip.BadGzipFile, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the archived page {path} is damaged ({error})") from error

    def path_of(self, request: Request, walk: int, number: int) -> str:
        """Where a page will be, before it is asked for."""
        return self._file(request, walk, number)

    def add(self, request: Request, walk: int, number: int, page: Page) -> ArchivedPage:
        """Keep a page, whole or not at all."""
        path = self._file(request, walk, number)
        head = {
            "request": {name: _plain(value) for name, value in asdict(request).items()},
            "next_token": page.next_token,
            "newest_id": page.newest_id,
            "fetched_at": _plain(page.fetched_at),
        }
        content = json.dumps(head, ensure_ascii=False).encode() + b"\n" + page.raw
        self.depot.put(path, gzip.compress(content, 6, mtime=0))
        return ArchivedPage(
            path=path, walk=walk, number=number, request=request,
            next_token=page.next_token, newest_id=page.newest_id, fetched_at=page.fetched_at, raw=page.raw,
        )  # fmt: skip

    def walks(self, kind: str, query: str) -> dict[int, list[str]]:
        """The pages of a search by walk, both in their order."""
        found: dict[int, list[str]] = {}
        for path in self._paths(f"{_search(kind, query)}/"):
            found.setdefault(int(posixpath.basename(path).partition("-")[0]), []).append(path)
        return found

    def _file(self, request: Request, walk: int, number: int) -> str:
        return f"{self._folder}/{_search(request.kind, request.query)}/{walk:06d}-{number:06d}.gz"

    def _paths(self, start: str) -> list[str]:
        names = self.depot.names(f"{self._folder}/{start}")
        return [name for name in names if _FILE.match(posixpath.basename(name))]


def _search(kind: str, query: str) -> str:
    return f"{kind}-{hashlib.sha256(query.encode()).hexdigest()[:12]}"


def sources_of(root: Path | Depot, earthquake: str) -> list[str]:
    """Names of the sources of which pages of an earthquake are archived; of damaged ones nothing is told."""
    depot, found = as_depot(root), set()
    for folder in depot.folders(f"{safe_name(earthquake)}/"):
        for name in depot.names(f"{safe_name(earthquake)}/{folder}/"):
            if not name.endswith(".gz"):
                continue
            try:
                with gzip.open(io.BytesIO(depot.file(name).read_bytes())) as page:
                    found.add(str(json.loads(page.readline())["request"]["source"]))
                break
            except (EOFError, zlib.error, OSError, KeyError, TypeError, ValueError):
                continue
    return sorted(found)


def rewrite(store: Store, depot: Depot, path: str, change: Callable[[bytes], bytes]) -> bool:
    """Change the response in an archived page; its head stays. One process at a time, whole or not at all.

    Returns:
        Whether it changed; not so if the page is not there any more.

    Raises:
        ValueError: The file is damaged.
        Busy: Another process rewrites pages for more than a minute.
    """
    with alone(store, "pages", f"the archived pages in {depot}"):
        try:
            head, _, raw = gzip.decompress(depot.file(path).read_bytes()).partition(b"\n")
        except FileNotFoundError:
            return False
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"the archived page {path} is damaged ({error})") from error
        changed = change(raw)
        if changed == raw:
            return False
        depot.put(path, gzip.compress(head + b"\n" + changed, 6, mtime=0))
        return True


def safe_name(name: str) -> str:
    """A name for a file or folder out of an id that a stranger may have chosen; different ids stay so."""
    safe = _SAFE.sub("_", name)[:80].lstrip(".")
    if safe and safe == name:
        return safe
    return f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
