"""Writing the reports anew that showed a removed post."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable, Collection
from datetime import datetime

from quakelens.depot import Depot
from quakelens.errors import ModelError, QuakelensError, RegistryError
from quakelens.harvest.scoring import Scorer, score_pending
from quakelens.registry.lookup import Found, find
from quakelens.registry.names import CHAMPION
from quakelens.report.current import report_again
from quakelens.report.write import files_in, names_of
from quakelens.settings import Settings, Workspace
from quakelens.store import Store, earthquakes, todo
from quakelens.store.scores import last_model, unscored

_log = logging.getLogger(__name__)

OpenEngine = Callable[[Found], Scorer]


def rewrite_reports(
    store: Store, workspace: Workspace, settings: Settings, now: datetime, open_engine: OpenEngine | None = None
) -> tuple[int, list[str]]:
    """Write the reports on the list again, and any other that still names a post on the list.

    Where the picture that stood for its near-duplicates went, another of them is scored in its place first.
    A report whose earthquake goes on under another key is deleted.

    Args:
        store: Has the list.
        workspace: Where the reports are.
        settings: Where the models are.
        now: UTC.
        open_engine: In place of opening the model that scored the report.

    Returns:
        How many reports changed, and a sentence for each that could not be written; those stay on the list.
    """
    tasks = todo.pending(store, "report")
    groups = todo.pending(store, "group")
    dead = {(task.source, task.name) for task in todo.pending(store, "post")}
    reports = workspace.reports
    names = {task.name for task in tasks} | _holding(reports, dead)
    changed, problems = 0, []
    for name in sorted(names):
        files = files_in(reports, name)
        try:
            known = earthquakes.find(store, name)
            if known is None or known.key != name:
                changed += sum(reports.delete(each) for each in names_of(name))
            elif files.html.exists() or files.csv.exists():
                version = last_model(store, name) or next((task.source for task in groups), None)
                _rewrite(store, workspace, settings, name, version, {task.name for task in groups}, now, open_engine)
                changed += 1
        except (QuakelensError, OSError) as error:
            problems.append(f"the report of {name} could not be written anew: {error}")
            continue
        todo.done(store, [task for task in tasks if task.name == name])
    if not problems:
        todo.done(store, groups)
    return changed, problems


def _rewrite(
    store: Store, workspace: Workspace, settings: Settings, key: str, version: str | None, groups: Collection[str],
    now: datetime, open_engine: OpenEngine | None,
) -> None:  # fmt: skip
    model = _model(version or CHAMPION, workspace, settings)
    if model is not None and version is not None and unscored(store, key, version, groups):
        try:
            engine = (open_engine or _open)(model)
            score_pending(store, key, engine, workspace.media, workspace.heatmaps, groups=groups, clock=lambda: now)
        except ModelError as error:
            _log.warning("near-duplicates of removed pictures are scored by the next harvest: %s", error)
    shown = version or (CHAMPION if model is None else model.version)
    report_again(store, key, shown, None if model is None else model.folder, workspace, now)


def _model(ref: str, workspace: Workspace, settings: Settings) -> Found | None:
    try:
        return find(ref, workspace, settings)
    except (ModelError, RegistryError) as error:
        _log.warning("a report is written without its model: %s", error)
        return None


def _open(model: Found) -> Scorer:
    from quakelens.engine import Engine

    return Engine.open(model.folder, version=model.version)


def _holding(reports: Depot, dead: Collection[tuple[str, str]]) -> set[str]:
    """Names of the reports that list one of some posts."""
    found = set()
    for name in reports.folders() if dead else ():
        try:
            table = files_in(reports, name).csv.read_bytes().decode("utf-8", errors="replace")
        except FileNotFoundError:
            continue
        rows = csv.DictReader(io.StringIO(table, newline=""))
        if any((row.get("source"), (row.get("post_id") or "").removeprefix("'")) in dead for row in rows):
            found.add(name)
    return found
