"""Figures by earthquake as rows of text, for a terminal."""

from __future__ import annotations

from typing import Any

HEADER = ("earthquake", "n", "damaged", "AUC (95 %)", "AP", "precision", "recall")


def compare_table(figures: dict[str, Any], champion: dict[str, Any] | None = None) -> list[tuple[str, ...]]:
    """Rows for the columns `HEADER`: one an earthquake, most pictures first, and `all` last.

    Args:
        figures: Of `quakelens.evaluation.metrics.figures`; the challenger's, if there is a champion.
        champion: Figures of the champion on the same pictures; then cells read `champion -> challenger`.
    """
    before = champion or {}
    events = sorted(figures["earthquakes"].items(), key=lambda item: (-item[1]["n"], item[0]))
    rows = [_row(name, own, before.get("earthquakes", {}).get(name)) for name, own in events]
    return [*rows, _row("all", figures, champion)]


def short(value: float | None) -> str:
    """A figure of 0 to 1 with three places, such as `.876`; `-` if it is undefined."""
    if value is None:
        return "-"
    text = f"{value:.3f}".replace("-0.000", "0.000")
    return text.replace("0.", ".", 1) if abs(float(text)) < 1 else text


def _row(name: str, own: dict[str, Any], before: dict[str, Any] | None) -> tuple[str, ...]:
    def cell(key: str) -> str:
        now = short(own[key])
        return now if before is None else f"{short(before[key])} -> {now}"

    interval = own["auc_ci"]
    told = "" if interval is None else f" ({short(interval[0])} to {short(interval[1])})"
    return (
        name,
        str(own["n"]),
        str(own["positives"]),
        cell("auc") + told,
        cell("average_precision"),
        cell("precision"),
        cell("recall"),
    )
