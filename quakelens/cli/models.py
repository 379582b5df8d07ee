"""`quakelens models`."""

from __future__ import annotations

import click

from quakelens.terminal import cell, json_text, visible


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(as_json: bool) -> None:
    """List the registered versions, the gate's decisions, and how the champion changed."""
    from quakelens.registry.registry import Registry
    from quakelens.settings import read_settings, workspace_of

    settings = read_settings()
    registry = Registry(workspace_of(settings), settings)
    registry.experiment()
    versions, history = registry.versions(), registry.history()
    if as_json:
        rows = [
            {
                "version": found.version,
                "champion": found.champion,
                "registered_at": found.registered_at.isoformat(),
                "run": found.run_id,
                "tags": {key: value for key, value in found.tags.items() if key not in ("gate", "figures")},
                "gate": found.gate,
                "figures": found.figures,
            }
            for found in versions
        ]
        moves = [
            {"at": move.at.isoformat(), "kind": move.kind, "before": move.before, "after": move.after,
             "reason": move.reason}
            for move in history
        ]  # fmt: skip
        click.echo(json_text({"versions": rows, "history": moves}, indent=2))
        return
    if not versions:
        click.echo("no model is registered yet; the starter is used. `quakelens retrain` makes one")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("version", "registered", "AUC", "average precision", "held out", "the gate", title="Models")
    for found in versions:
        held_out = found.figures.get("held_out", {})
        table.add_row(
            f"{found.version} *" if found.champion else found.version,
            f"{found.registered_at:%Y-%m-%d %H:%M}",
            _short(held_out.get("auc")),
            _short(held_out.get("average_precision")),
            f"{held_out.get('n', '')} pictures",
            cell((found.gate or {}).get("reason", "not judged yet")),
        )
    console = Console()
    console.print(table)
    for move in history:
        before = f"{move.before} -> " if move.before else ""
        console.print(
            f"{move.at:%Y-%m-%d %H:%M} UTC  {move.kind}  {before}{move.after}: {visible(move.reason)}", markup=False
        )


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
