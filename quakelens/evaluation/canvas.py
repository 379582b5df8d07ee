"""The look of every plot: one palette, a title that says on what, and a PNG; no pyplot, no global state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from quakelens.evaluation.predictions import Predictions
from quakelens.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, RED, GREY, INK = "#1f5f8b", "#c2452d", "#8a8f98", "#20242a"
_DPI = 120
_NAMES = 4


def scope(predictions: Predictions) -> str:
    """On what a plot was measured, such as `412 pictures (80 damaged); held-out earthquake: 2015-nepal`."""
    names = predictions.earthquakes
    pictures = f"{len(predictions):,} pictures ({int(predictions.label.sum()):,} damaged)"
    if not names:
        return f"{pictures}; no named earthquake"
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    noun = "earthquake" if len(names) == 1 else "earthquakes"
    return f"{pictures}; held-out {noun}: {', '.join(names[:_NAMES])}{more}"


def new_plot(title: str, predictions: Predictions, *, height: float = 5.4) -> tuple[Figure, Axes]:
    """An empty plot with its title over what it was measured on."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, height), dpi=_DPI, facecolor="white")
    axes = figure.add_axes((0.11, 0.58 / height, 0.84, 1 - 1.5 / height))
    write_title(figure, title, scope(predictions), left=0.11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def write_title(figure: Figure, title: str, under: str, *, left: float) -> None:
    """Title and line under it, at a fixed distance in inches from the top."""
    from textwrap import wrap

    height = figure.get_figheight()
    width = int((1 - left) * figure.get_figwidth() * 15.5)
    figure.text(
        left, 1 - 0.36 / height, title, fontsize=14, fontweight="bold", color=INK, va="center",
        parse_math=False,
    )  # fmt: skip
    lines = "\n".join(wrap(under, width)[:2])
    figure.text(left, 1 - 0.53 / height, lines, fontsize=9, color="#555b64", va="top", parse_math=False)


def say_undefined(axes: Axes, why: str) -> None:
    """Say in the middle of an empty plot why nothing is drawn."""
    axes.text(0.5, 0.5, why, ha="center", va="center", color=GREY, fontsize=12, transform=axes.transAxes)


def save(figure: Figure, path: Path) -> Path:
    """Write the plot as a PNG, whole or not at all; the same plot gives the same bytes."""
    with write_atomically(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})
    return path
