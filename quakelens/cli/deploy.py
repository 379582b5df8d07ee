"""`quakelens deploy`."""

from __future__ import annotations

import click


@click.command("deploy")
def command() -> None:
    """Make the deployments, limits and notifications on the Prefect server that PREFECT_API_URL names.

    Done again it changes nothing, unless the deployments or the settings have changed. `quakelens serve` does it, too.
    """
    from quakelens.orchestration import load_flow
    from quakelens.settings import read_settings, workspace_of

    settings = read_settings()
    for line in load_flow("deploy", workspace_of(settings))(settings):
        click.echo(line)
