"""`quakelens stage`: what the stages of dvc.yaml run."""

from __future__ import annotations

import click


@click.command("stage")
@click.argument("name", type=click.Choice(["prepare", "features", "train", "evaluate", "export"]))
def command(name: str) -> None:
    """Run the stage NAME on the workspace. `quakelens retrain` runs those whose inputs changed, in order."""
    from quakelens.params import read_params
    from quakelens.progress import progress
    from quakelens.settings import read_settings, workspace_of

    workspace = workspace_of(read_settings())
    params = read_params(workspace.params)
    with progress(name) as report:
        if name == "prepare":
            from quakelens.dataset.prepare import prepare

            prepared = prepare(workspace.labelled, workspace.prepared, params, on_progress=report)
            for warning in prepared.warnings:
                click.echo(f"warning: {warning}")
        elif name == "features":
            from quakelens.stages import features

            computed = features.run(workspace.labelled, workspace.cache, workspace.features, params, report)
            click.echo(f"features: {computed} pictures computed, the others were known")
        elif name == "train":
            from quakelens.stages import train

            train.run(workspace.prepared, workspace.features, workspace.trained, params)
        elif name == "evaluate":
            from quakelens.stages import evaluate

            evaluate.run(
                workspace.prepared,
                workspace.features,
                workspace.trained,
                workspace.labelled,
                workspace.evaluated,
                params.evaluation,
            )
        else:
            from quakelens.stages import export

            export.run(workspace.trained, workspace.evaluated, workspace.exported, params.model)
