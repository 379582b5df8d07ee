"""Removing posts from everywhere.

1. One transaction takes them out of the store, leaves tombstones, and puts down what is to go from the files
   (`quakelens.store.removal`). From here on nothing harvests, shows or scores them, and a kill loses nothing: what
   is on the list stays there until it is done.
2. Archived pages lose them.
3. Pictures that no other post carries lose their files and heat maps.
4. Reports that showed them are written anew.
5. Labelled copies go, and what was derived from them, in this and earlier versions of the data.
6. The store's file loses the traces of deleted rows.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from quakelens.errors import Busy, QuakelensError
from quakelens.harvest.ingest import OnGone
from quakelens.params import Params
from quakelens.progress import progress
from quakelens.purge.labelled import Unlabelled, remove_labelled
from quakelens.purge.pages import redact_pages
from quakelens.purge.pictures import remove_files
from quakelens.purge.reports import OpenEngine, rewrite_reports
from quakelens.settings import Settings, Workspace
from quakelens.sources.post import Gone
from quakelens.store import Store, todo, traces
from quakelens.store.locks import alone
from quakelens.store.removal import Removed, remove_posts

_log = logging.getLogger("quakelens.purge")

WAIT_S = 600.0
"""How long to wait for another process that removes posts."""

HARVEST_WAIT_S = 2.0
"""The same within a harvest: what it cannot do stays on the list for `quakelens purge`."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What went from the files.

    Attributes:
        pages: Archived pages that were changed.
        files: Pictures and heat maps.
        reports: Written anew, or files of those that are no earthquake's any more.
        labelled: Labelled pictures.
        derived: Tables, features and sheets that changed or went.
        versions: Files of earlier versions of the data.
        problems: What could not be done, and what to do, a sentence each. It stays on the list.
    """

    pages: int = 0
    files: int = 0
    reports: int = 0
    labelled: int = 0
    derived: int = 0
    versions: int = 0
    problems: tuple[str, ...] = ()


def on_gone(store: Store, params: Params) -> OnGone:
    """What a harvest calls with the deletions that a page tells of: the rows go at once, the files with `complete`."""

    def remove(source: str, gone: Gone) -> None:
        removed = remove_posts(store, source, gone, datetime.now(UTC), params.duplicates)
        if removed.posts:
            _log.info("  %s: %d posts were deleted there and are removed", source, removed.posts)

    return remove


def remove(
    store: Store,
    workspace: Workspace,
    settings: Settings,
    params: Params,
    source: str,
    gone: Gone,
    now: datetime,
    *,
    asked: bool = False,
) -> tuple[Removed, Completed]:
    """Remove posts, and all posts of authors, from everywhere at once; see `complete` for what is raised."""
    removed = remove_posts(store, source, gone, now, params.duplicates, asked=asked)
    return removed, complete(store, workspace, settings, now)


def complete(
    store: Store,
    workspace: Workspace,
    settings: Settings,
    now: datetime,
    *,
    thorough: bool = True,
    open_engine: OpenEngine | None = None,
) -> Completed:
    """Do what is on the list. What fails stays there, and the rest is done all the same.

    Args:
        store: Has the list.
        workspace: Where the files are.
        settings: Where the models and the registry are.
        now: UTC.
        thorough: Also the labelled data and the store's file, which take their time; else they stay on the list.
        open_engine: In place of opening the model that scored a report.

    Raises:
        Busy: Another process removes posts for too long.
    """
    if not todo.pending(store):
        return Completed()
    wait_s = WAIT_S if thorough else HARVEST_WAIT_S
    with alone(store, "purge", "the removal of posts", wait_s):
        problems: list[str] = []
        with progress("archived pages") as report:
            pages, unread = redact_pages(store, workspace.pages, report)
        files = remove_files(store, workspace)
        reports, unwritten = rewrite_reports(store, workspace, settings, now, open_engine)
        problems += [*unread, *unwritten]
        if not problems:
            todo.done(store, todo.pending(store, "post", "author"))
        unlabelled = Unlabelled(0, 0, 0)
        if thorough:
            try:
                unlabelled, unreached = remove_labelled(store, workspace, settings, now)
                problems += unreached
            except QuakelensError as error:
                problems.append(str(error))
        try:
            _wipe(store, thorough=thorough)
        except QuakelensError as error:
            problems.append(str(error))
    for problem in problems:
        _log.warning("%s", problem)
    return Completed(
        pages, files, reports, unlabelled.pictures, unlabelled.derived, unlabelled.versions, tuple(problems)
    )


def complete_in_harvest(store: Store, workspace: Workspace, settings: Settings, now: datetime) -> None:
    """Do what is quick of the list, within a harvest: it is not kept waiting, and does not fail over it."""
    try:
        complete(store, workspace, settings, now, thorough=False)
    except Busy as error:
        _log.info("  removals are left to the next `quakelens purge`: %s", error)


def _wipe(store: Store, *, thorough: bool) -> None:
    """Last of all, as the list itself names what went."""
    tasks = todo.pending(store, "store")
    if not thorough:
        traces.wipe(store, rewrite=False, wait_s=HARVEST_WAIT_S)
        return
    traces.wipe(store, rewrite=bool(tasks))
    if tasks:
        todo.done(store, tasks)
        traces.wipe(store, rewrite=False)
