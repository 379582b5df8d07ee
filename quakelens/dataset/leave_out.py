"""Leaving whole earthquakes and whole sources out together: which pictures a fold judges, and which it learns from.

Every judged picture is judged once, by a model that has seen neither its earthquake nor its source:

1. Judged are pictures without a `group`, of a named earthquake or of none. The others help.
2. Of near-duplicates one counts: a judged one before one that helps, then the first by name.
3. Each earthquake with enough pictures of both classes is a fold; the others are one fold together.
4. A source of pictures of no earthquake is in the fold of the earthquake that it also shows; the remaining
   sources fill `source_folds` folds of their own, the largest first, each into the emptiest.
5. A fold is learnt for from everything outside it, less what comes from a source that it judges, and less
   near-duplicates of what it judges. Where that leaves fewer than `min_per_class` of a class, because one source shows
   most earthquakes, the other earthquakes' pictures stay whatever their source.
6. A picture that helps does so with every fold but those whose earthquakes it could show. One of an `unknown`
   earthquake could show any, unless it says what it cannot show; near-duplicates of it speak for it, too.

All of it depends on the pictures alone, not on their order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from quakelens.dataset.manifest import ANY, UNKNOWN, is_earthquake
from quakelens.errors import DataError

SMALL = "small"
"""Fold of the earthquakes that have too few pictures of a class."""

Helpers = Literal["none", "unknown", "all", "loose"]
"""Which pictures help beside the judged ones: `none`, those of `unknown` earthquakes, or `all`, the kept-apart
groups too, both by rule 6. `loose` is all of them for every fold, although some may show its earthquake."""


@dataclass(frozen=True, slots=True)
class Row:
    """What decides where a picture goes.

    Attributes:
        name: Sorts near-duplicates; different for each picture.
        damaged: The label.
        event: An earthquake's slug, `none` or `unknown`.
        source: Where it comes from.
        group: Why it stays out of the figures; empty if it does not.
        cluster: The same for near-duplicates.
        cannot_show: Earthquakes that it certainly does not show, or `any`.
    """

    name: str
    damaged: bool
    event: str
    source: str
    group: str
    cluster: str
    cannot_show: frozenset[str] = frozenset()

    @property
    def judged(self) -> bool:
        """Rule 1."""
        return not self.group and self.event != UNKNOWN


@dataclass(frozen=True, slots=True)
class Place:
    """Where a picture went.

    Attributes:
        fold: The fold that judges it: an earthquake's slug, `small`, or `sources-N`; empty if it only helps.
        not_for: Further folds for which it is not learnt from.
        counts: It is judged or learnt from; else a near-duplicate is in its place, or it does not help at all.
    """

    fold: str
    not_for: frozenset[str]
    counts: bool

    def teaches(self, fold: str) -> bool:
        """The fold is learnt for from it."""
        return self.counts and self.fold != fold and fold not in self.not_for


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """What is learnt from and what is judged together.

    Attributes:
        name: An earthquake's slug, `small`, or `sources-N`.
        train: Positions of the rows, sorted, `(n,) intp`.
        judged: Likewise.
    """

    name: str
    train: NDArray[np.intp]
    judged: NDArray[np.intp]


def leave_out(rows: Sequence[Row], *, min_per_class: int, source_folds: int, helpers: Helpers = "all") -> list[Place]:
    """The place of every row, in their order."""
    counted = {min(members, key=lambda row: (not row.judged, row.name)).name for members in clusters_of(rows).values()}
    of_row = _names(rows, counted, min_per_class, source_folds)
    not_for = _barred(rows, counted, of_row, helpers, min_per_class)
    return [
        Place(of_row.get(row.name, ""), frozenset(not_for[row.name]), row.name in counted and _helps(row, helpers))
        for row in rows
    ]


def folds_of(places: Sequence[Place]) -> list[Fold]:
    """The folds, by name.

    Raises:
        DataError: There are fewer than two folds: nothing could be learnt from.
    """
    names = sorted({place.fold for place in places} - {""})
    if len(names) < 2:
        raise DataError(
            "all pictures are of one earthquake and its sources, so none can be left out: add pictures of a second "
            "earthquake, or of no earthquake from other sources"
        )

    def positions(chosen: Iterable[bool]) -> NDArray[np.intp]:
        return np.flatnonzero(np.fromiter(chosen, dtype=np.bool_))

    return [
        Fold(
            name,
            positions(place.teaches(name) for place in places),
            positions(place.counts and place.fold == name for place in places),
        )
        for name in names
    ]


def clusters_of(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows by cluster."""
    clusters: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        clusters[row.cluster].append(row)
    return clusters


def could_show(members: Collection[Row], events: Collection[str]) -> bool:
    """Whether a picture, given with its near-duplicates, could show one of these earthquakes; rule 6."""
    if any(row.event in events for row in members):
        return True
    if not events or all(row.event != UNKNOWN for row in members):
        return False
    cannot = frozenset().union(*(row.cannot_show for row in members))
    return ANY not in cannot and not cannot.issuperset(events)


def _helps(row: Row, helpers: Helpers) -> bool:
    return row.judged or helpers in ("all", "loose") or (helpers == "unknown" and not row.group)


def _names(rows: Sequence[Row], counted: Collection[str], min_per_class: int, source_folds: int) -> dict[str, str]:
    """Rules 3 and 4: the fold of every judged row, by name; near-duplicates that do not count weigh nothing."""
    judged = [row for row in rows if row.judged]
    counts: dict[str, Counter[bool]] = defaultdict(Counter)
    for row in judged:
        if is_earthquake(row.event):
            counts[row.event][row.damaged] += row.name in counted
    of_event = {
        event: event if min(count[True], count[False]) >= min_per_class else SMALL for event, count in counts.items()
    }
    shown: dict[str, Counter[str]] = defaultdict(Counter)
    loads: Counter[str] = Counter()
    for row in judged:
        if row.event in of_event:
            shown[row.source][of_event[row.event]] += row.name in counted
        else:
            loads[row.source] += row.name in counted
    of_source = {source: min(folds, key=lambda fold: (-folds[fold], fold)) for source, folds in shown.items()}
    of_source |= _spread({source: load for source, load in loads.items() if source not in shown}, source_folds)
    return {row.name: of_event.get(row.event) or of_source[row.source] for row in judged}


def _spread(loads: Mapping[str, int], folds: int) -> dict[str, str]:
    filled = {f"sources-{number + 1}": 0 for number in range(folds)}
    found = {}
    for source in sorted(loads, key=lambda name: (-loads[name], name)):
        found[source] = min(filled, key=lambda fold: (filled[fold], fold))
        filled[found[source]] += loads[source]
    return found


def _barred(
    rows: Sequence[Row], counted: Collection[str], of_row: Mapping[str, str], helpers: Helpers, min_per_class: int
) -> dict[str, set[str]]:
    """Rules 5 and 6: the folds for which each row is not learnt from, but for its own, by name."""
    not_for: dict[str, set[str]] = defaultdict(set)
    clusters = clusters_of(rows)
    for fold in set(of_row.values()):
        inside = [row for row in rows if of_row.get(row.name) == fold]
        events = {row.event for row in inside if is_earthquake(row.event)}
        sources = {row.source for row in inside}
        near = {row.cluster for row in inside}
        outside = [row for row in rows if of_row.get(row.name) != fold]
        left = Counter(
            row.damaged
            for row in outside
            if row.judged and row.name in counted and row.source not in sources and row.cluster not in near
        )
        short = min(left[True], left[False]) < min_per_class
        for row in outside:
            if row.judged:
                barred = row.source in sources and not (short and is_earthquake(row.event))
            else:
                barred = helpers != "loose" and (row.source in sources or could_show(clusters[row.cluster], events))
            if barred or row.cluster in near:
                not_for[row.name].add(fold)
    return not_for
