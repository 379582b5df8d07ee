"""Writing a report: the page, GeoJSON and CSV, each whole or not at all."""

from __future__ import annotations

from pathlib import Path

from quakelens.files import write_atomically
from quakelens.report.page import render
from quakelens.report.rows import csv_table, geojson
from quakelens.report.view import ReportFiles, ReportView


def files_in(directory: Path) -> ReportFiles:
    """Where the files of a report are."""
    return ReportFiles(
        html=directory / "index.html",
        geojson=directory / "posts.geojson",
        csv=directory / "posts.csv",
    )


def write_report(view: ReportView, directory: Path) -> ReportFiles:
    """Write `index.html`, `posts.geojson` and `posts.csv` into a directory, made if it is missing.

    Each file is replaced in one step, so a reader sees the former one or the new one. Pictures that
    cannot be read stay in the report as a card that says so.

    Raises:
        OSError: The directory cannot be written.
    """
    files = files_in(directory)
    # All three are made before any is replaced: they belong together.
    contents = {
        files.geojson: geojson(view),
        files.csv: csv_table(view),
        files.html: render(view),
    }
    for path, content in contents.items():
        with write_atomically(path) as file:
            # A lone surrogate from a broken feed would otherwise lose the whole report.
            file.write(content.encode("utf-8", errors="replace"))
    return files
