"""Folds of the training pictures: each leaves out an earthquake and whole sources together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from quakelens import params as sections
from quakelens.dataset.manifest import is_earthquake
from quakelens.dataset.split import Assigned, count_classes, share_of

SMALL = "small"
"""Fold of the earthquakes that have fewer than `min_per_class` pictures of a class."""


def add_folds(rows: Sequence[Assigned], params: sections.Split) -> list[Assigned]:
    """Give every training picture its fold; the other rows stay as they are.

    Each earthquake is a fold of its own, small ones together. The sources of pictures of no earthquake are
    spread over these folds: with the earthquake that they also show, otherwise so that each fold gets as many
    pictures as the others, the largest source first.
    """
    train = [row for row in rows if row.split == "train"]
    of_event = _event_folds(train, params.min_per_class)
    of_source = _source_folds(train, of_event, params.seed)

    def fold(row: Assigned) -> str:
        if row.split != "train":
            return ""
        event = row.picture.event
        return of_event[event] if is_earthquake(event) else of_source[row.picture.source]

    return [replace(row, fold=fold(row)) for row in rows]


def _event_folds(train: Sequence[Assigned], min_per_class: int) -> dict[str, str]:
    counts = count_classes(train)
    folds = {}
    for event in {row.picture.event for row in train if is_earthquake(row.picture.event)}:
        folds[event] = event if min(counts.get(event, (0, 0))) >= min_per_class else SMALL
    return folds


def _source_folds(train: Sequence[Assigned], of_event: Mapping[str, str], seed: int) -> dict[str, str]:
    shown: dict[str, Counter[str]] = defaultdict(Counter)
    size: Counter[str] = Counter()
    for row in train:
        if is_earthquake(row.picture.event):
            shown[row.picture.source][of_event[row.picture.event]] += row.counts
        else:
            size[row.picture.source] += row.counts
    load = dict.fromkeys(sorted(set(of_event.values())), 0)
    if not load:
        return dict.fromkeys(size, "")
    found: dict[str, str] = {}
    for source in sorted(size):
        if source in shown:
            found[source] = min(shown[source], key=lambda fold: (-shown[source][fold], fold))
            load[found[source]] += size[source]
    rest = sorted(set(size) - set(found), key=lambda name: (-size[name], share_of(seed, "fold", name), name))
    for source in rest:
        found[source] = min(load, key=lambda fold: (load[fold], share_of(seed, "fold", fold), fold))
        load[found[source]] += size[source]
    return found
