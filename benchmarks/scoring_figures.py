"""What follows from the rates of `scoring.py`: ratios, the roofline, and which bars are held."""

from __future__ import annotations

import statistics
from typing import Any

PEERS = ("plain-1", "plain-32", "timm", "timm-bf16", "huggingface", "onnxruntime")
F32, SHIPPED = "f32", "as it ships"
OURS = ("ours", "ours-heatmaps", "flagged-ours")
BARS = {
    "times the batch-32 eager loop": 10.0,
    "times the best peer": 3.5,
    "share of the roofline": 0.9,
    "single picture, p99 in ms": 60.0,
    "heat maps of the first look, times pytorch-grad-cam": 10.0,
    "heat maps of both looks, times pytorch-grad-cam": 10.0,
    "cost of heat maps over scoring": 0.1,
    "peak memory in MiB": 1.2e9 / 2**20,
}
AT_MOST = ("single picture, p99 in ms", "cost of heat maps over scoring", "peak memory in MiB")


def figures(found: dict[str, Any]) -> dict[str, Any]:
    """Ratios, roofline and bars."""
    sides = found["sides"]
    roofline = {
        precision: limits
        for precision in (F32, SHIPPED)
        if (limits := _roofline(sides, precision, found["second_look_share"], found["exact_share"]))
    }
    ratios = _ratios(sides)
    return {"ratios": ratios, "roofline": roofline, "bars": _bars(sides, ratios, roofline)}


def ratio(sides: dict[str, Any], ours: str, other: str) -> float | None:
    """The median of each round's ratio."""
    if ours not in sides or other not in sides:
        return None
    return statistics.median(a / b for a, b in zip(sides[ours]["rates"], sides[other]["rates"], strict=True))


def _ratios(sides: dict[str, Any]) -> dict[str, dict[str, float]]:
    pairs = [(ours, peer) for ours in ("ours", "ours-first") for peer in PEERS]
    pairs += [("flagged-first", f"gradcam-first-{batch}") for batch in (1, 8)]
    pairs += [("flagged-ours", f"gradcam-{kind}") for kind in ("first-1", "first-8", "second-1", "second-8")]
    pairs += [("flagged-ours", "flagged-scores"), ("ours-heatmaps", "ours")]
    ratios: dict[str, dict[str, float]] = {}
    for ours, other in pairs:
        found = ratio(sides, ours, other)
        if found is not None:
            ratios.setdefault(ours, {})[other] = round(found, 3)
    return ratios


def _roofline(sides: dict[str, Any], precision: str, second: float, exact: float) -> dict[str, Any] | None:
    parts = {"decode-first": 1.0, "inference-first-f32": 1.0, "decode-second": second, "inference-second-f32": second}
    if precision == SHIPPED:
        parts |= {"inference-first-bf16": 1.0, "inference-first-f32": exact}
    if not all(name in sides for name in parts):
        return None
    if precision == SHIPPED and sides["inference-first-bf16"]["facts"]["precision"] != "bf16":
        return None  # this processor has no bfloat16: all is float32
    rounds = range(len(sides["ours"]["rates"]))
    costs = {name: [share / sides[name]["rates"][at] for at in rounds] for name, share in parts.items()}
    both = [sum(cost[at] for cost in costs.values()) for at in rounds]
    one = [sum(cost[at] for name, cost in costs.items() if "first" in name) for at in rounds]
    limits = {"ours-first": one, "ours": both}
    return {
        "shares_of_pictures": parts,
        "rates": {name: sides[name]["rate"] for name in parts},
        "limits": {name: round(1 / statistics.median(cost), 1) for name, cost in limits.items()},
        # Of each round, as what disturbs a machine comes and goes.
        "shares": {
            name: round(statistics.median(sides[name]["rates"][at] * cost[at] for at in rounds), 3)
            for name, cost in limits.items()
            if name in sides
        },
    }


def _bars(sides: dict[str, Any], ratios: dict[str, dict[str, float]], roofline: dict[str, Any]) -> dict[str, Any]:
    against = ratios.get("ours", {})
    first = [value for name, value in ratios.get("flagged-first", {}).items() if name.startswith("gradcam")]
    second = [value for name, value in ratios.get("flagged-ours", {}).items() if name.startswith("gradcam-second")]
    cost = ratios.get("flagged-ours", {}).get("flagged-scores")
    found = {
        "times the batch-32 eager loop": against.get("plain-32"),
        "times the best peer": min((against[peer] for peer in PEERS if peer in against), default=None),
        "share of the roofline": roofline.get(SHIPPED, roofline.get(F32, {})).get("shares", {}).get("ours"),
        "single picture, p99 in ms": sides["ours"]["latency_ms"]["p99"],
        # Like with like: its map of the second look's network alone against our two looks and the map.
        "heat maps of the first look, times pytorch-grad-cam": min(first, default=None),
        "heat maps of both looks, times pytorch-grad-cam": min(second, default=None),
        "cost of heat maps over scoring": None if cost is None else round(1 / cost - 1, 3),
        "peak memory in MiB": max(sides[name]["peak_mib"] for name in OURS if name in sides),
    }
    return {
        name: {
            "found": value,
            "bar": round(BARS[name], 1),
            "held": value <= BARS[name] if name in AT_MOST else value >= BARS[name],
        }
        for name, value in found.items()
        if value is not None
    }
