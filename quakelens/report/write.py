"""Writing a report: the page, GeoJSON and CSV, each whole or not at all."""

from __future__ import annotations

from pathlib import Path

from quakelens.depot import Depot, as_depot
from quakelens.report.page import render
from quakelens.report.rows import csv_table, geojson
from quakelens.report.view import ReportFiles, ReportView


def names_of(folder: str) -> tuple[str, str, str]:
    """Names of a report's page, GeoJSON and CSV."""
    start = f"{folder}/" if folder else ""
    return f"{start}index.html", f"{start}posts.geojson", f"{start}posts.csv"


def files_in(reports: Depot, folder: str) -> ReportFiles:
    """Where the files of a report are."""
    return ReportFiles(*map(reports.file, names_of(folder)))


def write_report(view: ReportView, place: Path | Depot, folder: str = "") -> ReportFiles:
    """Write `index.html`, `posts.geojson` and `posts.csv` into a folder of a place for files, or into the place itself.

    Each file is replaced in one step, so a reader sees the former one or the new one. Pictures that
    cannot be read stay in the report as a card that says so.

    Raises:
        OSError: They cannot be written.
    """
    reports = as_depot(place)
    html, points, table = names_of(folder)
    # All three are made before any is replaced: they belong together.
    contents = {points: geojson(view), table: csv_table(view), html: render(view)}
    for name, content in contents.items():
        # A lone surrogate from a broken feed would otherwise lose the whole report.
        reports.put(name, content.encode("utf-8", errors="replace"))
    return files_in(reports, folder)
