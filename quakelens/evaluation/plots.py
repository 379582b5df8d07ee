"""Plots of one model on labelled pictures, each a PNG: what a person looks at before a model goes live."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from quakelens.evaluation.calibration import equal_mass_bins, expected_calibration_error
from quakelens.evaluation.canvas import BLUE, GREY, INK, RED, new_plot, save, say_undefined
from quakelens.evaluation.intervals import wilson
from quakelens.evaluation.mistakes import choose_mistakes, worst_mistakes
from quakelens.evaluation.predictions import Predictions
from quakelens.evaluation.thresholds import precision_at

__all__ = ["confusion", "draw_all", "precision_recall", "reliability", "risk_coverage", "worst_mistakes"]

ONE_CLASS = "not defined: the pictures are all of one class"
PREVALENCE = 0.05
"""Share of damage of the second precision-recall curve: that of a typical harvest, not of a test set."""

_BINS = 10


def draw_all(predictions: Predictions, files: Mapping[str, Path], folder: Path, *, worst: int) -> tuple[Path, ...]:
    """Draw every plot into a folder.

    Args:
        predictions: At least one row.
        files: Where the pictures are, by sha256; a missing one is an empty tile.
        folder: Made if need be.
        worst: Pictures on the sheet of the worst mistakes.
    """
    sheet = folder / "worst_mistakes.png"
    return (
        precision_recall(predictions, folder / "precision_recall.png"),
        reliability(predictions, folder / "reliability.png"),
        confusion(predictions, folder / "confusion.png"),
        risk_coverage(predictions, folder / "risk_coverage.png"),
        worst_mistakes(choose_mistakes(predictions, files, worst), sheet, predictions=predictions),
    )


def precision_recall(predictions: Predictions, path: Path, *, prevalence: float = PREVALENCE) -> Path:
    """Precision over recall: in the mix at hand, and if only `prevalence` of the pictures showed damage."""
    figure, axes = new_plot("Precision and recall", predictions)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.03), xlabel="recall", ylabel="precision")
    label, flagged = predictions.label, predictions.flagged
    if label.all() or not label.any():
        say_undefined(axes, ONE_CLASS)
        return save(figure, path)
    from sklearn.metrics import average_precision_score, roc_curve

    alarm_rate, recall, _ = roc_curve(label, predictions.probability, drop_intermediate=False)
    average = average_precision_score(label, predictions.probability)
    mix = float(label.mean())
    point = (float(flagged[label].mean()), float(flagged[~label].mean()))
    for share, colour, name in (
        (mix, BLUE, f"these pictures, {mix:.0%} damaged: average precision {average:.3f}"),
        (prevalence, RED, f"the same model where {prevalence:.0%} show damage"),
    ):
        precision = precision_at(share, recall[1:], alarm_rate[1:])
        axes.step(recall[1:], precision, where="pre", color=colour, linewidth=1.8, label=name)
        if flagged.any():
            axes.plot(
                point[0], precision_at(share, *point), "o", color=colour, markersize=8,
                markeredgecolor="white", zorder=3, clip_on=False,
            )  # fmt: skip
    axes.plot([], [], "o", color=GREY, label="at the model's own threshold")
    axes.legend(loc="lower left", frameon=True, framealpha=0.9, edgecolor="none", fontsize=9)
    return save(figure, path)


def reliability(predictions: Predictions, path: Path) -> Path:
    """What share is damaged, by what the model said, in ten bins of equal mass with Wilson intervals."""
    figure, axes = new_plot("Reliability: does the probability mean what it says?", predictions)
    probability, label = predictions.probability, predictions.label
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2, label="perfectly calibrated")
    bin_of = equal_mass_bins(probability, _BINS)
    for number in np.unique(bin_of):
        inside = bin_of == number
        hits, count = int(label[inside].sum()), int(inside.sum())
        x, y = float(probability[inside].mean()), hits / count
        low, high = wilson(hits, count)
        axes.plot([x, x], [low, high], color=BLUE, linewidth=2, alpha=0.6, solid_capstyle="butt")
        axes.plot(x, y, "o", color=BLUE, markersize=7, markeredgecolor="white")
    axes.plot([], [], "o-", color=BLUE, label="share damaged, 95% interval")
    counts, edges = np.histogram(probability, bins=20, range=(0, 1))
    tall = 0.16 * counts / max(int(counts.max()), 1)
    axes.bar(
        edges[:-1], tall, width=0.05, align="edge", bottom=-0.24, color="#c9d6e2", edgecolor="white",
        linewidth=0.8, label="pictures by probability",
    )  # fmt: skip
    for left, top, count in zip(edges[:-1], tall, counts, strict=True):
        if count:
            axes.text(left + 0.025, top - 0.235, f"{count}", ha="center", va="bottom", fontsize=7, color=INK)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.25, 1.04), xlabel="probability that the model gave")
    axes.set_ylabel("share that is damaged")
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    error = expected_calibration_error(probability, label)
    axes.legend(
        loc="upper left", frameon=True, framealpha=0.9, edgecolor="none", fontsize=9,
        title=f"expected calibration error {error:.3f}", title_fontsize=9, alignment="left",
    )  # fmt: skip
    return save(figure, path)


def confusion(predictions: Predictions, path: Path) -> Path:
    """Counts of the three decisions by the two labels, shaded by their share of the label."""
    figure, axes = new_plot("Decisions by label", predictions, height=4.0)
    axes.set_position((0.2, 0.18, 0.75, 0.58))
    decisions = ("damaged", "unsure", "not_damaged")
    decided = np.array(predictions.decision)
    counts = np.array(
        [[int((decided[rows] == name).sum()) for name in decisions]
         for rows in (predictions.label, ~predictions.label)]
    )  # fmt: skip
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.2, aspect="auto")
    right_or_wrong = ((BLUE, INK, RED), (RED, INK, BLUE))
    for row in range(2):
        for column in range(3):
            dark = shares[row, column] > 0.55
            axes.text(
                column, row - 0.1, f"{counts[row, column]:,}", ha="center", va="center", fontsize=17,
                fontweight="bold", color="white" if dark else right_or_wrong[row][column],
            )  # fmt: skip
            axes.text(
                column, row + 0.24, f"{shares[row, column]:.1%}" if totals[row, 0] else "no picture",
                ha="center", va="center", fontsize=9, color="white" if dark else INK,
            )  # fmt: skip
    axes.set_xticks(range(3), [name.replace("_", " ") for name in decisions], fontsize=10)
    axes.set_yticks(range(2), ["damaged", "not damaged"], fontsize=10)
    axes.set(xlabel="decision", ylabel="label")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return save(figure, path)


def risk_coverage(predictions: Predictions, path: Path) -> Path:
    """Share of errors among the pictures answered, if only the most confident ones are answered.

    The curve answers by the more probable label, most confident first; the point is what the model's own
    two thresholds do, which leave the unsure ones out.
    """
    figure, axes = new_plot("Errors among the pictures that get an answer", predictions)
    probability, label = predictions.probability, predictions.label
    confidence = np.maximum(probability, 1 - probability)
    order = np.argsort(-confidence, kind="stable")
    wrong = ((probability >= 0.5) != label)[order]
    ends = np.append(np.flatnonzero(np.diff(confidence[order])), len(label) - 1)  # ties are one step
    answered = ends + 1
    risk = np.cumsum(wrong)[ends] / answered
    axes.plot(
        answered / len(label), risk, color=BLUE, linewidth=1.8, drawstyle="steps-post",
        label=f"most confident first; errors if all are answered {risk[-1]:.1%}",
    )  # fmt: skip
    decided = np.array([decision != "unsure" for decision in predictions.decision])
    top = float(risk.max())
    if decided.any():
        own = float((predictions.flagged != label)[decided].mean())
        top = max(top, own)
        axes.plot(
            float(decided.mean()), own, "o", color=RED, markersize=9, markeredgecolor="white", zorder=3,
            clip_on=False,
            label=f"the model's thresholds: {decided.mean():.0%} answered, {own:.1%} of them wrong",
        )  # fmt: skip
    axes.set(xlim=(0, 1.01), ylim=(0, max(0.02, 1.3 * top)))
    axes.set(xlabel="share of pictures answered", ylabel="share of errors among them")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}" if value < 0.001 else f"{value:.1%}")
    axes.legend(loc="upper left", frameon=True, framealpha=0.9, edgecolor="none", fontsize=9)
    return save(figure, path)
