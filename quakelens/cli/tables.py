"""Tables for a terminal."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from quakelens.evaluation.comparison import HEADER, compare_table
from quakelens.settings import Workspace
from quakelens.stages.evaluate import METRICS
from quakelens.terminal import cell


def figures_table(title: str, figures: dict[str, Any]) -> Table:
    """Figures by earthquake, of `quakelens.evaluation.metrics.figures`."""
    table = Table(*HEADER, title=cell(title))
    for row in compare_table(figures):
        table.add_row(*map(cell, row))
    return table


def show_figures(workspace: Workspace, console: Console) -> None:
    """Print the figures of the last evaluation: on held-out earthquakes, and by cross-validation."""
    metrics = json.loads((workspace.evaluated / METRICS).read_text(encoding="utf-8"))
    console.print(figures_table("Held-out earthquakes: no part in training", metrics["held_out"]))
    console.print(figures_table("Training earthquakes, each left out in turn", metrics["cross_validation"]))
