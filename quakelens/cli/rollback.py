"""`quakelens rollback`."""

from __future__ import annotations

import click


@click.command("rollback")
@click.option("--reason", default="by hand", show_default=True, help="Kept with the record.")
def command(reason: str) -> None:
    """Go back to the champion before the present one."""
    from quakelens.registry.registry import Registry
    from quakelens.settings import read_settings, workspace_of

    settings = read_settings()
    move = Registry(workspace_of(settings), settings).rollback(reason)
    click.echo(f"champion: version {move.after} (before: {move.before})")
