"""`quakelens demo`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("demo")
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of real labelled photographs with a replay of posts beside it, instead of the drawn sample.",
)
def command(corpus: Path | None) -> None:
    """Run the whole loop once, with nothing to set up or start.

    It has a workspace of its own, .demo (or .demo-corpus) in the workspace's folder: nothing of yours is touched.
    """
    from rich.console import Console

    from quakelens.demo.run import run_demo
    from quakelens.orchestration import speak
    from quakelens.settings import Workspace, read_settings, workspace_of

    place = workspace_of(read_settings()).root / (".demo" if corpus is None else ".demo-corpus")
    speak()
    shown = run_demo(Workspace(place), corpus and corpus.resolve(), Console(width=110))
    click.echo(f"{shown.seconds:.0f} s; open {shown.report} in a browser")
