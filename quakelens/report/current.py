"""The report of an earthquake as the store has it now."""

from __future__ import annotations

from datetime import datetime

from quakelens.model.bundle import read_manifest
from quakelens.registry.lookup import Found
from quakelens.report.build import build_view
from quakelens.report.view import ReportFiles
from quakelens.report.write import write_report
from quakelens.settings import Workspace
from quakelens.store import Store, earthquakes


def report_on(
    store: Store, earthquake_id: str, model: Found, workspace: Workspace, now: datetime, notice: str | None = None
) -> ReportFiles:
    """Write the report of an earthquake, by any of its ids, with what one version of the model said.

    Raises:
        UsageError: The store does not know the earthquake.
        ModelError: The model's files cannot be read.
    """
    manifest = read_manifest(model.folder)
    key = earthquakes.get(store, earthquake_id).key  # unlike the preferred id it never changes
    view = build_view(
        store,
        key,
        workspace.media,
        workspace.heatmaps,
        model_label=manifest.label(model.version),
        model_version=model.version,
        model_note=manifest.note,
        now=now,
        notice=notice,
    )
    return write_report(view, workspace.reports / key)
