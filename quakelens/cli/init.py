"""`quakelens init`."""

from __future__ import annotations

import click


@click.command("init")
def command() -> None:
    """Make the workspace: params.yaml, dvc.yaml, DVC with a remote. What is there already stays."""
    from quakelens.model.starter import starter_folder
    from quakelens.settings import read_settings, workspace_of
    from quakelens.versioning import initialise

    settings = read_settings()
    workspace = workspace_of(settings)
    for path in initialise(workspace, settings):
        click.echo(f"wrote {path}")
    starter_folder()
    click.echo(f"the workspace {workspace.root} is ready")
