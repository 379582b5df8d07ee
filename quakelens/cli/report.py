"""`quakelens report`."""

from __future__ import annotations

import click


@click.command("report")
@click.argument("earthquake")
@click.option("--model", "ref", default="champion", show_default=True, help="champion, starter or a version.")
def command(earthquake: str, ref: str) -> None:
    """Write the report of EARTHQUAKE again from the store, asking no network."""
    from datetime import UTC, datetime

    from quakelens.model.bundle import read_manifest
    from quakelens.registry.lookup import find
    from quakelens.report.build import build_view
    from quakelens.report.write import write_report
    from quakelens.settings import read_settings, store_url_of, workspace_of
    from quakelens.store import earthquakes, open_store

    settings = read_settings()
    workspace = workspace_of(settings)
    store = open_store(store_url_of(settings, workspace))
    known = earthquakes.get(store, earthquake)
    model = find(ref, workspace, settings)
    manifest = read_manifest(model.folder)
    view = build_view(
        store, known.key, workspace.media, workspace.heatmaps,
        model_label=manifest.label(model.version), model_version=model.version, model_note=manifest.note,
        now=datetime.now(UTC), notice=None,
    )  # fmt: skip
    click.echo(write_report(view, workspace.reports / known.key).html)
