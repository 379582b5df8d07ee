"""Leaving whole earthquakes and whole sources out together: the folds behind the figures of a small corpus.

Every judged picture is judged once, by a model that has seen neither its earthquake nor its source:

1. Judged are pictures without a `group`, of a named earthquake or of none; of near-duplicates one.
2. Each earthquake with enough pictures of both classes is a fold; the others are one fold together.
3. A source of pictures of no earthquake is in the fold of the earthquake that it also shows; the remaining
   sources fill `source_folds` folds of their own, the largest first, each into the emptiest.
4. A fold is learnt for from everything outside it, less what comes from a source that it judges, and less
   near-duplicates of what it judges.
5. Pictures with a `group` and of an `unknown` earthquake are never judged. They help with a fold unless they
   could show an earthquake of it: by default they could show any, unless a note says what they cannot show.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from quakelens.dataset.manifest import UNKNOWN, is_earthquake
from quakelens.errors import DataError

SMALL = "small"
"""Fold of the earthquakes that have too few pictures of a class."""

ANY = "any"
"""In a note: the picture can show none of the earthquakes that are named in the corpus."""

Helpers = Literal["none", "unknown", "all", "loose"]
"""Which pictures help beside the judged ones: `none`, those of `unknown` earthquakes, or `all`, the kept-apart
groups too, both by rule 5. `loose` is all of them for every fold, although some may show its earthquake."""


@dataclass(frozen=True, slots=True)
class Row:
    """What decides where a picture goes.

    Attributes:
        damaged: The label.
        event: An earthquake's slug, `none` or `unknown`.
        source: Where it comes from.
        group: Why it stays out of the figures; empty if it does not.
        cluster: The same for near-duplicates.
        cannot_show: Earthquakes that it certainly does not show, or `ANY`.
    """

    damaged: bool
    event: str
    source: str
    group: str
    cluster: str
    cannot_show: frozenset[str] = frozenset()

    @property
    def judged(self) -> bool:
        """Rule 1, but for near-duplicates."""
        return not self.group and self.event != UNKNOWN


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


def leave_out(rows: Sequence[Row], *, min_per_class: int, source_folds: int, helpers: Helpers) -> list[Fold]:
    """The folds, by name; the same whatever the order of the rows.

    Raises:
        DataError: There are fewer than two folds: nothing could be learnt from.
    """
    judged = _first_of_clusters(rows)
    of_row = _names(rows, judged, min_per_class, source_folds)
    names = sorted(set(of_row.values()))
    if len(names) < 2:
        raise DataError(
            "all pictures are of one earthquake and its sources, so none can be left out: add pictures of a second "
            "earthquake, or of no earthquake from other sources"
        )
    return [_fold(name, rows, of_row, helpers) for name in names]


def _first_of_clusters(rows: Sequence[Row]) -> list[int]:
    first: dict[str, int] = {}
    for position, row in enumerate(rows):
        if row.judged:
            first.setdefault(row.cluster, position)
    return sorted(first.values())


def _names(rows: Sequence[Row], judged: Sequence[int], min_per_class: int, source_folds: int) -> dict[int, str]:
    counts: dict[str, Counter[bool]] = defaultdict(Counter)
    for position in judged:
        counts[rows[position].event][rows[position].damaged] += 1
    of_event = {
        event: event if min(count[True], count[False]) >= min_per_class else SMALL
        for event, count in counts.items()
        if is_earthquake(event)
    }
    shown: dict[str, Counter[str]] = defaultdict(Counter)
    loads: Counter[str] = Counter()
    for position in judged:
        row = rows[position]
        if row.event in of_event:
            shown[row.source][of_event[row.event]] += 1
        else:
            loads[row.source] += 1
    of_source = {source: min(folds, key=lambda fold: (-folds[fold], fold)) for source, folds in shown.items()}
    of_source |= _spread({source: load for source, load in loads.items() if source not in shown}, source_folds)
    return {position: of_event.get(rows[position].event) or of_source[rows[position].source] for position in judged}


def _spread(loads: Mapping[str, int], folds: int) -> dict[str, str]:
    filled = {f"sources-{number + 1}": 0 for number in range(folds)}
    found = {}
    for source in sorted(loads, key=lambda name: (-loads[name], name)):
        found[source] = min(filled, key=lambda fold: (filled[fold], fold))
        filled[found[source]] += loads[source]
    return found


def _fold(name: str, rows: Sequence[Row], of_row: Mapping[int, str], helpers: Helpers) -> Fold:
    judged = [position for position, fold in of_row.items() if fold == name]
    events = {rows[position].event for position in judged if is_earthquake(rows[position].event)}
    sources = {rows[position].source for position in judged}
    clusters = {rows[position].cluster for position in judged}

    def helps(position: int, row: Row) -> bool:
        if row.cluster in clusters:
            return False
        if row.judged:
            return position in of_row and of_row[position] != name and row.source not in sources
        if helpers == "none" or (helpers == "unknown" and row.group):
            return False
        return helpers == "loose" or (row.source not in sources and not _could_show(row, events))

    train = [position for position, row in enumerate(rows) if helps(position, row)]
    return Fold(name, np.array(train, dtype=np.intp), np.array(sorted(judged), dtype=np.intp))


def _could_show(row: Row, events: Collection[str]) -> bool:
    if is_earthquake(row.event):
        return row.event in events
    if row.event != UNKNOWN or ANY in row.cannot_show:
        return False
    return not row.cannot_show.issuperset(events)
