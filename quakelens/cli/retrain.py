"""`quakelens retrain`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from quakelens.terminal import echo


@click.command("retrain")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
def command(as_json: bool) -> None:
    """Run the pipeline's changed stages, register the model, compare it with the champion, promote the better.

    With nothing changed it does no work. Killed and started again it goes on where it was.
    """
    from quakelens.orchestration import load_flow, speak
    from quakelens.params import read_params
    from quakelens.settings import read_settings, workspace_of

    workspace = workspace_of(read_settings())
    if workspace.params.exists():
        read_params(workspace.params)  # a wrong key is said before a server is started
    speak()
    outcome = load_flow("retrain", workspace)()
    if as_json:
        click.echo(json.dumps(asdict(outcome)))
        return
    if not outcome.changed:
        echo(f"nothing changed: version {outcome.version} stands ({outcome.reason})")
        return
    from rich.console import Console

    from quakelens.cli.tables import show_figures

    show_figures(workspace, Console())
    echo(f"version {outcome.version}: {outcome.reason}")
