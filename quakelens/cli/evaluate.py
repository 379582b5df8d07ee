"""`quakelens evaluate`."""

from __future__ import annotations

from pathlib import Path

import click

from quakelens.terminal import echo, json_text


@click.command("evaluate")
@click.option("--manifest", required=True, type=click.Path(path_type=Path), help="CSV: image,label,event,source.")
@click.option("--model", "ref", default="champion", show_default=True, help="champion, starter or a version.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--plots", type=click.Path(path_type=Path, file_okay=False), help="Draw the plots into this folder.")
def command(manifest: Path, ref: str, as_json: bool, plots: Path | None) -> None:
    """Figures of a model on a labelled MANIFEST, with 95 % intervals, by earthquake and by source.

    Earthquakes that the model was trained on are named in the output: figures on them are too good.
    """
    from quakelens.engine import Engine
    from quakelens.evaluation.metrics import figures
    from quakelens.evaluation.on_manifest import predict
    from quakelens.params import read_params
    from quakelens.progress import progress
    from quakelens.registry.lookup import find
    from quakelens.settings import read_settings, workspace_of
    from quakelens.versioning import initialise

    settings = read_settings()
    workspace = workspace_of(settings)
    if not workspace.params.exists():
        initialise(workspace, settings)
    params = read_params(workspace.params)
    found = find(ref, workspace, settings)
    engine = Engine.open(found.folder, version=found.version, backend=settings.backend, exact=True)
    with progress("scoring") as report:
        judged = predict(engine, manifest, report)
    options = {"bootstrap": params.evaluation.bootstrap, "seed": params.evaluation.seed}
    result = figures(judged.predictions, engine.manifest.thresholds.damaged, **options)
    seen = sorted(set(judged.predictions.earthquakes) & set(engine.manifest.trained_on.earthquakes))
    result |= {
        "model": engine.label,
        "trained_on": seen,
        "grouped": judged.grouped,
        "unreadable": list(judged.unreadable),
    }
    if plots:
        from quakelens.evaluation.plots import draw_all

        draw_all(judged.predictions, judged.files, plots, worst=params.evaluation.worst)
    if as_json:
        click.echo(json_text(result))
        return
    from rich.console import Console

    from quakelens.cli.tables import figures_table

    Console().print(figures_table(f"{engine.label} on {manifest.name}", result))
    for line in judged.unreadable[:10]:
        echo(f"not read: {line}", err=True)
    if seen:
        echo(f"the model was trained on {', '.join(seen)}: figures on them are too good", err=True)
