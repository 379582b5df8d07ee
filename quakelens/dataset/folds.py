"""What training learns from: pictures that only help, and the folds of cross-validation.

A picture that helps is never judged. It joins training if it certainly shows no held-out earthquake, shares neither a
source nor a near-duplicate with what is held out, and has no near-duplicate with another label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quakelens import params as sections
from quakelens.dataset.leave_out import Row, clusters_of, could_show, leave_out
from quakelens.dataset.manifest import is_earthquake
from quakelens.dataset.split import Assigned

_WAITING = ("group", "unknown_earthquake")


def add_helpers(rows: Sequence[Assigned], params: sections.Split) -> list[Assigned]:
    """Let pictures with a `group` and of an `unknown` earthquake into training where they cannot do harm."""
    if not params.helpers:
        return list(rows)
    held = [row for row in rows if row.split == "held_out"]
    events = {row.picture.event for row in held if is_earthquake(row.picture.event)} | set(params.held_out)
    sources = {row.picture.source for row in held}
    clusters = clusters_of(_row(row) for row in rows if row.reason != "unusable")
    held_clusters = {row.cluster for row in held}

    def helps(row: Assigned) -> bool:
        if row.reason not in _WAITING or row.picture.source in sources or row.cluster in held_clusters:
            return False
        members = clusters[row.cluster]
        return len({member.damaged for member in members}) == 1 and not could_show(members, events)

    admitted = [replace(row, split="train", reason="", helps=True) if helps(row) else row for row in rows]
    stands: dict[str, str] = {}  # near-duplicates that count: judged ones before those that help
    for row in admitted:
        if row.split == "train" and not row.helps and not row.duplicate_of:
            stands[row.cluster] = row.picture.sha256
    marked = []
    for row in admitted:
        if row.helps and row.cluster in stands:
            marked.append(replace(row, duplicate_of=stands[row.cluster]))
            continue
        if row.helps:
            stands[row.cluster] = row.picture.sha256
        marked.append(row)
    return marked


def add_folds(rows: Sequence[Assigned], params: sections.Split) -> list[Assigned]:
    """Give every training picture the fold that judges it, and the folds for which it is not learnt from.

    The rules are those of `leave_out`; rows that are not in training stay as they are.
    """
    train = [row for row in rows if row.split == "train"]
    places = leave_out(
        [_row(row) for row in train], min_per_class=params.min_per_class, source_folds=params.source_folds
    )
    placed = {
        (row.picture.sha256, row.picture.path): replace(row, fold=place.fold, not_for=place.not_for)
        for row, place in zip(train, places, strict=True)
    }
    return [placed.get((row.picture.sha256, row.picture.path), row) for row in rows]


def _row(row: Assigned) -> Row:
    picture = row.picture
    return Row(
        name=f"{picture.sha256}/{picture.path}",
        damaged=picture.damaged,
        event=picture.event,
        source=picture.source,
        group=picture.group,
        cluster=row.cluster,
        cannot_show=frozenset(picture.cannot_show.split()),
    )
