"""The report of an earthquake as the store has it now."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

from quakelens.depot import Filed
from quakelens.errors import ModelError
from quakelens.harvest.archive import safe_name
from quakelens.model.bundle import read_manifest
from quakelens.registry.lookup import Found
from quakelens.report.build import build_view
from quakelens.report.view import ReportFiles
from quakelens.report.write import files_in, write_report
from quakelens.settings import Workspace
from quakelens.store import Store, earthquakes
from quakelens.store.locks import alone

_WAIT_S = 900.0
"""A page of a thousand pictures takes a minute or two."""


def report_on(
    store: Store, earthquake_id: str, model: Found, workspace: Workspace, now: datetime, notice: str | None = None
) -> ReportFiles:
    """Write the report of an earthquake, by any of its ids, with what one version of the model said.

    Raises:
        UsageError: The store does not know the earthquake.
        ModelError: The model's files cannot be read.
        Busy: Another process has been writing it for too long.
    """
    manifest = read_manifest(model.folder)
    return _write(
        store, earthquake_id, workspace, now, label=manifest.label(model.version), version=model.version,
        note=manifest.note, notice=notice,
    )  # fmt: skip


def report_again(
    store: Store, earthquake_id: str, version: str, folder: Path | None, workspace: Workspace, now: datetime
) -> ReportFiles:
    """Write a report again, its notice kept, also where the model that scored it is not at hand any more.

    Args:
        store: Has the earthquake.
        earthquake_id: Any of its ids.
        version: Of the model whose scores are shown.
        folder: Of that model's bundle; None where it is gone.
        workspace: Where the report is.
        now: UTC.

    Raises:
        UsageError, Busy: As `report_on`.
    """
    label, note = f"quakelens {version}", "The figures of this version are not at hand."
    if folder is not None:
        try:
            manifest = read_manifest(folder)
            label, note = manifest.label(version), manifest.note
        except ModelError:
            pass
    key = earthquakes.get(store, earthquake_id).key
    notice = notice_of(files_in(workspace.reports, key).html)
    return _write(store, key, workspace, now, label=label, version=version, note=note, notice=notice)


def notice_of(page: Filed) -> str | None:
    """The warning on top of a report's page; None without."""
    try:
        text = page.read_bytes().decode("utf-8", errors="replace")
    except OSError:
        return None
    found = _Notice()
    found.feed(text[:_HEAD])
    return found.text.removeprefix("Notice").strip() or None


_HEAD = 2_000_000  # characters in which the notice is found; styles come before it, pictures after


def _write(
    store: Store, earthquake_id: str, workspace: Workspace, now: datetime, *, label: str, version: str, note: str,
    notice: str | None,
) -> ReportFiles:  # fmt: skip
    key = earthquakes.get(store, earthquake_id).key  # unlike the preferred id it never changes
    with _alone(store, key):
        view = build_view(
            store,
            key,
            workspace.media,
            workspace.heatmaps,
            model_label=label,
            model_version=version,
            model_note=note,
            now=now,
            notice=notice,
        )
        return write_report(view, workspace.reports, key)


def _alone(store: Store, key: str) -> AbstractContextManager[None]:
    """What was looked up before a post was removed must not be written after the report without it."""
    return alone(store, f"report-{safe_name(key)}", f"the report of {key}", _WAIT_S)


class _Notice(HTMLParser):
    """Collects the text of the element of the class `notice`."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._depth or (("class", "notice") in attrs and not self.text):
            self._depth += 1

    def handle_endtag(self, tag: str) -> None:
        self._depth = max(0, self._depth - 1)

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.text += data
