"""`quakelens export`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("export")
@click.argument("earthquake")
@click.option("--ids", "only_ids", is_flag=True, help="Only ids and what the model said, as networks allow to pass on.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write a file. Default: print.")
def command(earthquake: str, only_ids: bool, out: Path | None) -> None:
    """Write the ids of EARTHQUAKE's posts as CSV, for others who look them up by themselves."""
    from quakelens.errors import UsageError
    from quakelens.files import write_atomically
    from quakelens.report.ids import ids_table
    from quakelens.settings import read_settings, store_url_of, workspace_of
    from quakelens.store import open_store

    if not only_ids:
        raise UsageError("only ids may be passed on to others: say --ids")
    settings = read_settings()
    store = open_store(store_url_of(settings, workspace_of(settings)))
    table = ids_table(store, earthquake)
    if out is None:
        click.echo(table.replace("\r\n", "\n"), nl=False)
        return
    with write_atomically(out) as file:
        file.write(table.encode())
    click.echo(out)
