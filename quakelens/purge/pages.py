"""Taking removed posts out of the archive of raw pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from quakelens.depot import Depot
from quakelens.errors import UsageError
from quakelens.harvest.archive import PageArchive, sources_of
from quakelens.harvest.redaction import redact_page, redact_posts
from quakelens.progress import Report
from quakelens.sources.post import Gone
from quakelens.sources.readers import page_reader
from quakelens.store import Store, earthquakes, todo
from quakelens.store.todo import Task


def redact_pages(store: Store, depot: Depot, on_page: Report = lambda done, total: None) -> tuple[int, list[str]]:
    """Take the posts and authors that are on the list out of the pages that are on it.

    Args:
        store: Has the list.
        depot: Where the archived pages are.
        on_page: Called with how many pages are done, and of how many.

    Returns:
        How many pages changed, and a sentence for each that could not be looked at: then all stay on the list.
        The posts and authors stay there in any case, as others go by them too.
    """
    tasks = todo.pending(store, "pages", "page", "post", "author")
    gone = _by_source(tasks)
    work = [
        (source, path)
        for task in tasks
        if task.kind == "pages"
        for key in _keys(store, task.name)
        for source in sources_of(depot, key)
        for path in PageArchive(depot, key, source).paths()
    ]
    single = [(task.source, task.name) for task in tasks if task.kind == "page"]
    changed, problems = 0, []
    for done, (source, path) in enumerate(dict.fromkeys([*work, *single]), start=1):
        try:
            reader = page_reader(source)
            if (source, path) in single:
                changed += redact_page(store, depot, path, reader)
            for each in _concerned(gone, reader.network):
                changed += redact_posts(store, depot, path, reader, each.posts, each.authors)
        except (UsageError, ValueError) as error:
            problems.append(
                f"{error}: what was removed may still be in it; delete {depot.file(path)}, then run this again"
            )
        on_page(done, len(work) + len(single))
    if not problems:
        todo.done(store, [task for task in tasks if task.kind in ("pages", "page")])
    return changed, problems


def _by_source(tasks: Sequence[Task]) -> dict[str, Gone]:
    posts: dict[str, set[str]] = defaultdict(set)
    authors: dict[str, set[str]] = defaultdict(set)
    for task in tasks:
        if task.kind == "post":
            posts[task.source].add(task.name)
        elif task.kind == "author":
            authors[task.source].add(task.name)
    return {name: Gone(frozenset(posts[name]), frozenset(authors[name])) for name in {*posts, *authors}}


def _concerned(gone: Mapping[str, Gone], network: str | None) -> list[Gone]:
    """Ids mean something only within a network; the pages of an imported archive may be of any."""
    return list(gone.values()) if network is None else [gone[network]] if network in gone else []


def _keys(store: Store, key: str) -> list[str]:
    found = earthquakes.find(store, key)
    return sorted({key, *(earthquakes.keys_of(store, key) if found else ())})
