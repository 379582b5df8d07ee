"""`quakelens rollback`."""

from __future__ import annotations

import click


@click.command("rollback")
@click.option("--reason", default="by hand", show_default=True, help="Kept with the record.")
def command(reason: str) -> None:
    """Go back to the champion before the present one."""
    from quakelens.orchestration import announce_champion
    from quakelens.registry.registry import Registry
    from quakelens.settings import read_settings, workspace_of

    settings = read_settings()
    workspace = workspace_of(settings)
    move = Registry(workspace, settings).rollback(reason)
    click.echo(f"champion: version {move.after} (before: {move.before})")
    announce_champion(move.after, move.reason, workspace)
