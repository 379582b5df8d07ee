"""`quakelens promote`."""

from __future__ import annotations

import click


@click.command("promote")
@click.argument("version")
@click.option("--reason", default="by hand", show_default=True, help="Kept with the record.")
def command(version: str, reason: str) -> None:
    """Make a registered VERSION the champion, whatever the gate said."""
    from quakelens.orchestration import announce_champion
    from quakelens.registry.registry import Registry
    from quakelens.settings import read_settings, workspace_of

    settings = read_settings()
    workspace = workspace_of(settings)
    move = Registry(workspace, settings).promote(version, reason)
    click.echo(f"champion: version {move.after} (before: {move.before or 'none'})")
    announce_champion(move.after, move.reason, workspace)
