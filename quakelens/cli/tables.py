"""Tables for a terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from quakelens.evaluation.comparison import HEADER, compare_table


def figures_table(title: str, figures: dict[str, Any]) -> Table:
    """Figures by earthquake, of `quakelens.evaluation.metrics.figures`."""
    table = Table(*HEADER, title=title)
    for row in compare_table(figures):
        table.add_row(*row)
    return table
