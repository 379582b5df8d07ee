"""`quakelens report`."""

from __future__ import annotations

import click


@click.command("report")
@click.argument("earthquake")
@click.option("--model", "ref", default="champion", show_default=True, help="champion, starter or a version.")
def command(earthquake: str, ref: str) -> None:
    """Write the report of EARTHQUAKE again from the store, asking no network; a notice on top of it stays."""
    from datetime import UTC, datetime

    from quakelens.registry.lookup import find
    from quakelens.report.current import notice_of, report_on
    from quakelens.report.write import files_in
    from quakelens.settings import read_settings, store_url_of, workspace_of
    from quakelens.store import earthquakes, open_store

    settings = read_settings()
    workspace = workspace_of(settings)
    store = open_store(store_url_of(settings, workspace))
    model = find(ref, workspace, settings)
    notice = notice_of(files_in(workspace.reports, earthquakes.get(store, earthquake).key).html)
    click.echo(report_on(store, earthquake, model, workspace, datetime.now(UTC), notice).html)
