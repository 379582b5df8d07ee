"""What a run came to as rows for its page in Prefect: words that people read, rounded figures, units in the names.

Prefect renders every text in a table as Markdown, so strangers' words are escaped with `markdown`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from quakelens.evaluation.gate import GateDecision
from quakelens.harvest.pages import PagesResult
from quakelens.harvest.summary import HarvestSummary
from quakelens.purge.summary import PurgeSummary
from quakelens.scoring_archive.results import ArchiveSummary
from quakelens.store.earthquakes import StoredEarthquake
from quakelens.terminal import visible

Row = dict[str, str | int | float | None]

WATCHED = 20
"""Earthquakes in the table of `watch`: it is written every minute."""

PLOTS = ("precision_recall", "reliability")
"""Of an evaluation, shown on the run's page; those with photographs stay in the workspace and MLflow."""

_MARKS = re.compile(r"([\\`*_\[\]<>|#!&~@:$(){}])")
_LONGEST = 500


def markdown(text: object) -> str:
    """Text that Markdown shows as it is, on one line: no link, no picture, no mark-up."""
    line = " ".join(visible(str(text)).split())
    if len(line) > _LONGEST:
        line = line[:_LONGEST] + "..."
    line = re.sub(r"(?i)\bwww\.", r"www\\.", _MARKS.sub(r"\\\1", line))
    return re.sub(r"^(\d+)([.)])|^([-+=])", r"\1\\\2\3", line)


def of_watch(known: Iterable[StoredEarthquake]) -> list[Row]:
    """Earthquakes and what was decided of them, those that are due first, then the newest."""
    ordered = sorted(known, key=lambda each: (each.due is not True, -each.earthquake.origin_time.timestamp()))
    return [
        {
            "earthquake": markdown(each.earthquake.title),
            "origin time (UTC)": f"{each.earthquake.origin_time:%Y-%m-%d %H:%M}",
            "depth (km)": None if each.earthquake.depth_km is None else round(each.earthquake.depth_km),
            "harvest": {True: "yes", False: "no", None: "undecided"}[each.due],
            "why": markdown(each.reason or ""),
        }
        for each in ordered[:WATCHED]
    ]


def of_sources(pages: Sequence[PagesResult]) -> list[Row]:
    """What each network gave and charged."""
    return [
        {
            "network": markdown(each.source),
            "new posts": each.new_posts,
            "requests": each.requests,
            "cost (USD, at most)": round(each.cost_usd, 2),
            "unreadable": len(each.problems),
            "ended": markdown(each.stopped_because or "all was asked for"),
        }
        for each in sorted(pages, key=lambda each: each.source)
    ]


def of_harvest(summary: HarvestSummary) -> list[Row]:
    """Counts of the earthquake, and how long a flag took."""
    figures: list[tuple[str, int | float | str]] = [
        ("posts", summary.posts),
        ("new posts of this run", summary.new_posts),
        ("pictures that posts carry", summary.media),
        ("pictures fetched", summary.fetched),
        ("pictures that could not be fetched", summary.failed),
        ("near-duplicates among them", summary.near_duplicates),
        ("pictures scored, near-duplicates once", summary.scored),
        ("flagged: damaged or unsure", summary.flagged),
        ("posts that could not be read", summary.skipped_lines),
        ("cost of this run (USD, at most)", round(summary.cost_usd, 2)),
    ]
    for name, told in (("from_post", "post"), ("from_page", "its page")):
        for share, words in (("p50", "half"), ("p95", "95 %")):
            if summary.latency is not None:
                figures.append((f"from {told} to flag, {words} within (s)", round(summary.latency[name][share])))
    figures.append(("report", markdown(summary.report or "none was written")))
    return [{"what": what, "figure": figure} for what, figure in figures]


def of_archive(summary: ArchiveSummary) -> list[Row]:
    """Counts of a run over an archive, and how fast its last start was."""
    rate = summary.pictures_per_s
    figures: list[tuple[str, int | float | str | None]] = [
        ("pictures", summary.pictures),
        ("damaged", summary.damaged),
        ("unsure", summary.unsure),
        ("pictures that could not be read", summary.errors),
        *((f"of those: {markdown(reason)}", count) for reason, count in summary.error_reasons.items()),
        ("model", markdown(summary.model)),
        ("pictures scored since the last start", summary.scored_now),
        ("pictures a second since then", None if rate is None else round(rate, 1)),
        ("rows", markdown(summary.results)),
    ]
    return [{"what": what, "figure": figure} for what, figure in figures]


def of_purge(summary: PurgeSummary) -> list[Row]:
    """What each network said of the posts that it was asked for, and what went."""
    return [
        {
            "network": markdown(each.source),
            "posts due": each.due,
            "still there": each.there,
            "removed": each.removed,
            "unknown": each.unknown,
            "cost (USD)": round(each.usd, 2),
            "ended": markdown(each.stopped_because or "all were asked for"),
        }
        for each in summary.networks
    ]


def of_retrain(held_out: Mapping[str, Any], decision: GateDecision) -> list[Row]:
    """Challenger and champion on each held-out earthquake, `all` last.

    Args:
        held_out: Figures of the challenger, see `quakelens.evaluation.metrics.figures`.
        decision: Of the gate, which compared the two on the pictures that neither has seen.
    """
    compared: Mapping[str, Any] = decision.figures.get("earthquakes", {})
    rows = [
        _trained(name, own, compared.get(name, {}))
        for name, own in sorted(held_out["earthquakes"].items(), key=lambda item: (-item[1]["n"], item[0]))
    ]
    whole = decision.figures.get("average_precision", {})
    return [*rows, _trained("all", held_out, whole if isinstance(whole, Mapping) else {})]


def _trained(name: str, own: Mapping[str, Any], compared: Mapping[str, Any]) -> Row:
    def figure(values: Mapping[str, Any], key: str) -> float | None:
        value = values.get(key)
        return round(float(value), 3) if isinstance(value, int | float) else None

    return {
        "held-out earthquake": markdown(name),
        "pictures": own["n"],
        "damaged": own["positives"],
        "AUC": figure(own, "auc"),
        "precision": figure(own, "precision"),
        "recall": figure(own, "recall"),
        "average precision": figure(own, "average_precision"),
        "of the champion, where neither has seen it": figure(compared, "champion"),
        "gain there": figure(compared, "gain"),
    }


def gate_page(version: str, decision: GateDecision, now: datetime) -> str:
    """The gate's decision as Markdown."""
    verdict = "becomes the champion" if decision.promote else "does not become the champion"
    return f"# Version {markdown(version)} {verdict}\n\n{markdown(decision.reason)}\n\n{now:%Y-%m-%d %H:%M} UTC\n"


def plots_page(folder: Path) -> str:
    """The plots of an evaluation as Markdown that holds them; empty where there are none."""
    told = []
    for name in PLOTS:
        path = folder / f"{name}.png"
        if path.is_file():
            data = base64.b64encode(path.read_bytes()).decode()
            told.append(f"![{name.replace('_', ' and ')}](data:image/png;base64,{data})")
    return "\n\n".join(told)
