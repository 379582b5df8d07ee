"""Which pictures a model learns from and which it is judged on: earthquakes and sources are kept whole.

Rules, in the order in which they are applied; the numbers recur in the code:

1. Rows with a `group`, of an `unknown` earthquake, or whose file is unusable are not judged.
2. Near-duplicates with different labels are left out: nobody knows which label is right.
3. Every earthquake is whole in `train` or `held_out`: as params.yaml names them, or by a hash of its name.
4. Pictures of no earthquake go by source: with the earthquakes that the source also shows, or by a hash.
5. Near-duplicates across the two stay in `held_out` only.
6. Of near-duplicates in one split only the first counts; the others name it in `duplicate_of`.
7. Both sides must hold enough of both classes.
8. Rows with a `group` or of an `unknown` earthquake join training where they do no harm (see `folds.py`); the others
   are left out.
9. Training pictures get a fold, and what they are not learnt from for (see `leave_out.py`).

Everything is a pure function of the pictures, in any order, and of the parameters.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from quakelens import params as sections
from quakelens.dataset.labelled import Labelled
from quakelens.dataset.manifest import NONE, UNKNOWN, is_earthquake
from quakelens.errors import DataError

Side = Literal["train", "held_out", "left_out"]
SIDES: tuple[Literal["train", "held_out"], ...] = ("train", "held_out")


@dataclass(frozen=True, slots=True)
class Assigned:
    """A picture and where it went.

    Attributes:
        picture: The labelled picture.
        cluster: Smallest sha256 among its near-duplicates, its own if it has none.
        split: `train`, `held_out` or `left_out`.
        fold: What is left out together with it in cross-validation; empty outside of training, and if it only helps.
        not_for: Further folds for which it is not learnt from.
        helps: It is learnt from and never judged.
        duplicate_of: sha256 of the near-duplicate that counts in its place; empty if it counts itself.
        reason: Why it is left out: `group`, `unknown_earthquake`, `unusable`, `label_conflict` or
            `near_held_out`; empty if it is not.
    """

    picture: Labelled
    cluster: str
    split: Side
    fold: str = ""
    not_for: frozenset[str] = frozenset()
    helps: bool = False
    duplicate_of: str = ""
    reason: str = ""

    @property
    def counts(self) -> bool:
        """It is in a split, and no near-duplicate stands for it."""
        return self.split != "left_out" and not self.duplicate_of


def share_of(seed: int, kind: str, name: str) -> float:
    """A number in 0 to 1 that depends on the name alone, so that adding others never changes it."""
    digest = hashlib.sha256(f"{seed}/{kind}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def assign(
    pictures: Iterable[Labelled],
    clusters: Mapping[str, str],
    params: sections.Split,
    unusable: frozenset[str] = frozenset(),
) -> list[Assigned]:
    """Put every picture into a split, rules 1 to 6; sorted by sha256 and path.

    Args:
        pictures: In any order.
        clusters: Smallest sha256 of the near-duplicates, by sha256; absent if it has none.
        params: Section `split`.
        unusable: `Labelled.path` of pictures whose file is missing or cannot be read.

    Raises:
        DataError: There are no pictures, no earthquake, or an earthquake to hold out does not exist.
    """
    ordered = sorted(pictures, key=lambda picture: (picture.sha256, picture.path))
    if not ordered:
        raise DataError("there are no labelled pictures: add some with `quakelens data add PATH`")
    rows = [_admit(picture, clusters, unusable) for picture in ordered]  # 1
    rows = _drop_conflicts(rows)  # 2
    counts = count_classes(row for row in rows if is_earthquake(row.picture.event))
    if not counts:
        raise DataError(
            "no picture belongs to a named earthquake, so none can be held out: add pictures of at least two "
            "earthquakes, each with its slug (such as 2015-nepal) in the column event"
        )
    held_out = _named(counts, params) if params.held_out else _chosen(counts, params)  # 3
    of_source = _sources(rows, held_out, params)  # 4
    rows = [_place(row, held_out, of_source) for row in rows]
    rows = _keep_held_out(rows)  # 5
    return _mark_duplicates(rows)  # 6


def count_classes(rows: Iterable[Assigned]) -> dict[str, tuple[int, int]]:
    """Damaged and not damaged by event, near-duplicates within an event once, left-out ones not at all."""
    seen: dict[str, dict[str, bool]] = defaultdict(dict)
    for row in rows:
        if row.counts:
            seen[row.picture.event][row.cluster] = row.picture.damaged
    return {event: (sum(labels.values()), len(labels) - sum(labels.values())) for event, labels in sorted(seen.items())}


def check_enough(rows: Sequence[Assigned], params: sections.Split) -> None:
    """Rule 7.

    Raises:
        DataError: Training or held-out has fewer than `min_per_class` pictures of a class; the message says
            what to add, or which earthquake would do.
    """
    for side in SIDES:
        counted = [row for row in rows if row.split == side and row.counts]
        damaged = sum(row.picture.damaged for row in counted)
        short = {"damaged": damaged, "not_damaged": len(counted) - damaged}
        lacking = {label: count for label, count in short.items() if count < params.min_per_class}
        if lacking:
            raise DataError(_say_short(side, lacking, rows, params))


def _admit(picture: Labelled, clusters: Mapping[str, str], unusable: frozenset[str]) -> Assigned:
    reason = ""
    if picture.path in unusable:
        reason = "unusable"
    elif picture.group:
        reason = "group"
    elif picture.event == UNKNOWN:
        reason = "unknown_earthquake"
    cluster = clusters.get(picture.sha256, picture.sha256)
    return Assigned(picture, cluster, "left_out" if reason else "train", reason=reason)


def _drop_conflicts(rows: list[Assigned]) -> list[Assigned]:
    labels: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.reason in ("", "unknown_earthquake"):
            labels[row.cluster].add(row.picture.label)
    return [
        replace(row, split="left_out", reason="label_conflict")
        if not row.reason and len(labels[row.cluster]) > 1
        else row
        for row in rows
    ]


def _named(counts: Mapping[str, tuple[int, int]], params: sections.Split) -> frozenset[str]:
    absent = [event for event in params.held_out if event not in counts]
    if absent:
        raise DataError(
            f"split.held_out in params.yaml names {', '.join(absent)}, of which no picture can be used; "
            f"there are: {', '.join(counts)}"
        )
    return frozenset(params.held_out)


def _chosen(counts: Mapping[str, tuple[int, int]], params: sections.Split) -> frozenset[str]:
    """By the hash of their names; while a side is short of a class, the one move that helps first."""
    order = {event: share_of(params.seed, "event", event) for event in counts}
    held = {event for event in counts if order[event] < params.held_out_share}
    while lack := _lack(counts, held, params.min_per_class):
        # Earthquakes with both classes first; into held-out the smallest hash first, back the largest first.
        moves = sorted(
            counts,
            key=lambda event: (
                0 in counts[event],
                event in held,
                -order[event] if event in held else order[event],
            ),
        )
        better = next((e for e in moves if _lack(counts, held ^ {e}, params.min_per_class) < lack), None)
        if better is None:
            break  # rule 7 decides, with the pictures of no earthquake, and says what to do
        held ^= {better}
    return frozenset(held)


def _lack(counts: Mapping[str, tuple[int, int]], held: set[str], needed: int) -> int:
    """How many pictures both sides lack to have `needed` of each class, earthquakes only."""
    lack = 0
    for side in (held, set(counts) - held):
        for label in (0, 1):
            lack += max(0, needed - sum(counts[event][label] for event in side))
    return lack


def _sources(
    rows: Iterable[Assigned], held_out: frozenset[str], params: sections.Split
) -> dict[str, Literal["train", "held_out"]]:
    """Where pictures of no earthquake go, by source."""
    sides: dict[str, set[str]] = defaultdict(set)
    sources = set()
    for row in rows:
        if row.reason:
            continue
        if is_earthquake(row.picture.event):
            sides[row.picture.source].add("held_out" if row.picture.event in held_out else "train")
        else:
            sources.add(row.picture.source)
    found: dict[str, Literal["train", "held_out"]] = {}
    for source in sources:
        if sides[source] == {"held_out"}:
            found[source] = "held_out"
        elif sides[source] == {"train"}:
            found[source] = "train"
        else:
            held = share_of(params.seed, "source", source) < params.held_out_share
            found[source] = "held_out" if held else "train"
    return found


def _place(row: Assigned, held_out: frozenset[str], of_source: Mapping[str, Side]) -> Assigned:
    if row.reason:
        return row
    if row.picture.event == NONE:
        return replace(row, split=of_source[row.picture.source])
    return replace(row, split="held_out" if row.picture.event in held_out else "train")


def _keep_held_out(rows: list[Assigned]) -> list[Assigned]:
    held = {row.cluster for row in rows if row.split == "held_out"}
    return [
        replace(row, split="left_out", reason="near_held_out") if row.split == "train" and row.cluster in held else row
        for row in rows
    ]


def _mark_duplicates(rows: list[Assigned]) -> list[Assigned]:
    first: dict[str, str] = {}
    marked = []
    for row in rows:
        if row.split != "left_out":
            stands = first.get(row.cluster)
            if stands is None:
                first[row.cluster] = row.picture.sha256
            else:
                row = replace(row, duplicate_of=stands)  # noqa: PLW2901
        marked.append(row)
    return marked


def _say_short(
    side: Literal["train", "held_out"],
    lacking: Mapping[str, int],
    rows: Sequence[Assigned],
    params: sections.Split,
) -> str:
    name = {"train": "training", "held_out": "held-out"}
    what = " and ".join(f"{count} {label}" for label, count in lacking.items())
    other = "held_out" if side == "train" else "train"
    there = count_classes(row for row in rows if row.split == other and is_earthquake(row.picture.event))
    here = count_classes(row for row in rows if row.split == side and is_earthquake(row.picture.event))
    fit = [
        f"{event} ({damaged} damaged, {intact} not)"
        for event, (damaged, intact) in there.items()
        if damaged >= params.min_per_class and intact >= params.min_per_class
    ]
    text = (
        f"the {name[side]} side has only {what} pictures, and needs {params.min_per_class} of each class "
        f"(split.min_per_class). Its earthquakes: {', '.join(here) or 'none'}. "
    )
    if len(fit) > 1:
        verb = "hold out" if side == "held_out" else "do not hold out"
        return text + f"In params.yaml, split.held_out, {verb} one of: {', '.join(fit)}; or add pictures"
    return text + (
        f"Add pictures of another earthquake, with {' and '.join(lacking)} buildings, with `quakelens data add PATH`"
    )
