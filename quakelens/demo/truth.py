"""How the demo's harvest compares with what its live pictures are known to show."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

from quakelens.demo.material import Material
from quakelens.registry.lookup import find
from quakelens.settings import Settings, Workspace, store_url_of
from quakelens.store import open_store
from quakelens.store.scores import group_scores


def agreement(workspace: Workspace, material: Material, earthquake: str) -> str:
    """A sentence: how many pictures of either kind got which decision; `earthquake` is the store's key."""
    model = find("champion", workspace, Settings())
    store = open_store(store_url_of(Settings(), workspace))
    try:
        scored = group_scores(store, earthquake, model.version).values()
    finally:
        store.close()
    decisions = {score.sha256: score.decision for score in scored if score.decision is not None}
    counts = {"damaged": {"damaged": 0, "unsure": 0, "not_damaged": 0}}
    counts["not_damaged"] = dict(counts["damaged"])
    for image, label in _labels(material.truth):
        sha256 = hashlib.sha256((material.images / image).read_bytes()).hexdigest()
        if sha256 in decisions:
            counts[label][decisions[sha256]] += 1
    damaged, other = counts["damaged"], counts["not_damaged"]
    return (
        f"of {sum(damaged.values())} harvested pictures that show damage the champion ({model.version}) called "
        f"{damaged['damaged']} damaged, {damaged['unsure']} unsure, {damaged['not_damaged']} not damaged; of "
        f"{sum(other.values())} others {other['damaged']}, {other['unsure']} and {other['not_damaged']}"
    )


def _labels(truth: Path) -> list[tuple[str, str]]:
    with truth.open(newline="", encoding="utf-8") as file:
        return [(row["image"], row["label"]) for row in csv.DictReader(file)]
