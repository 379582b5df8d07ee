"""The figures of `scoring.py` as tables."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

DISTURBED = 0.1


def show(found: dict[str, Any], console: Console) -> None:
    """Print them."""
    sides = found["sides"]
    _scores(found, console)
    if any(side["group"] == "flagged" for side in sides.values()):
        _heatmaps(found, console)
    for precision, roofline in found["roofline"].items():
        _roofline(found, precision, roofline, console)
    table = Table("bar", "found", "asked", "", title="Bars")
    for name, bar in found["bars"].items():
        table.add_row(name, f"{bar['found']:g}", f"{bar['bar']:g}", "held" if bar["held"] else "MISSED")
    console.print(table)
    for title, why in found["skipped"].items():
        console.print(f"left out: {title}: {why}", highlight=False, markup=False)
    others = sorted(share for side in sides.values() for share in side["others"])
    console.print(
        f"other processes took {others[len(others) // 2]:.0%} of the cores during the median round, "
        f"{others[-1]:.0%} at most; {sum(share > DISTURBED for share in others)} of {len(others)} rounds lost more "
        f"than {DISTURBED:.0%}. The run took {found['took_s']:.0f} s",
        highlight=False,
    )


def _scores(found: dict[str, Any], console: Console) -> None:
    ratios = found["ratios"]
    rounds = len(found["sides"]["ours"]["rates"])
    table = Table(
        "side", "pictures/s", "least", "most", "ours is", "first look is", "p50 ms", "p99 ms", "peak MiB",
        title=f"From bytes to decisions: {found['pictures']} pictures, {rounds} rounds, "
        f"{found['second_look_share']:.0%} get a second look",
    )  # fmt: skip
    for name, side in found["sides"].items():
        if side["group"] != "score":
            continue
        waits = side.get("latency_ms", {})
        times = [ratios.get(ours, {}).get(name) for ours in ("ours", "ours-first")]
        table.add_row(
            side["title"], *(f"{value:.0f}" for value in (side["rate"], min(side["rates"]), max(side["rates"]))),
            *("" if value is None else f"{value:.1f} x" for value in times),
            *(f"{waits[key]:.1f}" if key in waits else "" for key in ("p50", "p99")), f"{side['peak_mib']}",
        )  # fmt: skip
    console.print(table)


def _heatmaps(found: dict[str, Any], console: Console) -> None:
    ratios = found["ratios"]
    rounds = len(found["sides"]["flagged-ours"]["rates"])
    table = Table(
        "side", "heat maps/s", "least", "most", "both looks are", "first look is", "peak MiB",
        title=f"From bytes to heat maps: {found['flagged']} flagged pictures, {rounds} rounds",
    )  # fmt: skip
    for name, side in found["sides"].items():
        if side["group"] != "flagged":
            continue
        times = [ratios.get(ours, {}).get(name) for ours in ("flagged-ours", "flagged-first")]
        table.add_row(
            side["title"], *(f"{value:.1f}" for value in (side["rate"], min(side["rates"]), max(side["rates"]))),
            *("" if value is None else f"{value:.2f} x" for value in times), f"{side['peak_mib']}",
        )  # fmt: skip
    console.print(table)


def _roofline(found: dict[str, Any], precision: str, roofline: dict[str, Any], console: Console) -> None:
    sides, parts = found["sides"], roofline["shares_of_pictures"]
    lines = [f"Roofline, {precision}"]
    for name, rate in roofline["rates"].items():
        by = " or ".join(sorted({way for way in sides[name]["by"] if way}))
        lines.append(f"  {sides[name]['title']}: {rate:.0f} pictures/s by {by}, at {parts[name]:.1%} of the pictures")
    for name, limit in roofline["limits"].items():
        own = [part for part in parts if name == "ours" or "first" in part]
        costs = " + ".join(f"{parts[part]:.3f}/{roofline['rates'][part]:.0f}" for part in own)
        lines.append(
            f"  {sides[name]['title']}: 1 / ({costs}) = {limit:.0f} pictures/s; {sides[name]['rate']:.0f} are "
            f"{roofline['shares'][name]:.0%} of it"
        )
    console.print("\n".join(lines), highlight=False)
