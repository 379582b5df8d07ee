"""Stage `prepare`: from the collection of labelled pictures to splits and folds, written out as tables."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quakelens import params as sections
from quakelens.dataset.folds import add_folds, add_helpers
from quakelens.dataset.hashes import hash_collection
from quakelens.dataset.labelled import Collection, Fault, Labelled, read_collection
from quakelens.dataset.manifest import NONE, is_earthquake
from quakelens.dataset.split import SIDES, Assigned, assign, check_enough
from quakelens.duplicates import PictureHash, cluster
from quakelens.errors import DataError
from quakelens.files import write_atomically, write_json

PICTURES = "pictures.csv"
SPLITS = "splits.csv"
SUMMARY = "prepare.json"

MAX_UNUSABLE_SHARE = 0.05
"""More rows than this that are bad or have no usable file point to a collection that is not whole."""

FEW_LEFT = 0.2
"""A fold that is learnt for from fewer damaged pictures than this share of those it judges says little of the model."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` wrote.

    Attributes:
        rows: One a labelled picture, sorted by sha256 and path.
        warnings: What a person should look at; nothing that stops the work.
        summary: The content of prepare.json.
    """

    rows: tuple[Assigned, ...]
    warnings: tuple[str, ...]
    summary: dict[str, Any]


def prepare(
    labelled: Path,
    out: Path,
    params: sections.Params,
    on_progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Split the collection and write `pictures.csv`, `splits.csv` and `prepare.json` into `out`.

    The files depend on the pictures and params.yaml alone, to the byte.

    Raises:
        DataError: The collection is empty or not whole, has no earthquake, names an earthquake to hold out
            that does not exist, or leaves one side without enough of a class.
    """
    collection = read_collection(labelled)
    hashes, unusable = hash_collection(
        labelled,
        collection.pictures,
        max_pixels=params.media.max_pixels,
        verify=True,
        on_progress=on_progress,
    )
    faults = [*collection.faults, *(unusable[path] for path in sorted(unusable))]
    _check_whole(collection, faults, labelled)
    rows = assign(collection.pictures, clusters_of(hashes, params.duplicates), params.split, frozenset(unusable))
    check_enough(rows, params.split)
    rows = add_folds(add_helpers(rows, params.split), params.split)
    warnings = _warnings(rows, faults)
    summary = _summary(rows, warnings)
    _write_table(out / PICTURES, [_picture_row(row) for row in rows])
    _write_table(out / SPLITS, _split_rows(rows))
    write_json(out / SUMMARY, summary)
    return Prepared(tuple(rows), tuple(warnings), summary)


def clusters_of(hashes: dict[str, PictureHash], params: sections.Duplicates) -> dict[str, str]:
    """The smallest sha256 among the near-duplicates of each picture, its own included, by sha256."""
    names = sorted(hashes)
    first = cluster([hashes[name] for name in names], params)
    return {name: names[position] for name, position in zip(names, first, strict=True)}


def _check_whole(collection: Collection, faults: Sequence[Fault], labelled: Path) -> None:
    absent = [fault for fault in faults if fault.kind == "not_pulled"]
    if absent:
        raise DataError(f"{labelled} is not whole: {absent[0].path}: {absent[0].what}")
    rows = len(collection.pictures) + sum(fault.kind == "bad_row" for fault in collection.faults)
    if not rows:
        raise DataError(f"{labelled} has no labelled pictures: add some with `quakelens data add PATH`")
    if len(faults) > MAX_UNUSABLE_SHARE * rows:
        raise DataError(
            f"{len(faults)} of the {rows} labelled pictures in {labelled} cannot be used; the first: "
            f"{faults[0].path}, {faults[0].what}. `quakelens data check` lists all"
        )


def _warnings(rows: Sequence[Assigned], faults: Sequence[Fault]) -> list[str]:
    warnings = [f"{fault.path}: {fault.what}" for fault in faults]
    labels: dict[str, set[str]] = defaultdict(set)
    clusters: dict[str, list[Labelled]] = defaultdict(list)
    for row in rows:
        if row.reason in ("label_conflict", "near_held_out"):
            clusters[f"{row.reason}/{row.cluster}"].append(row.picture)
        if row.counts and not row.helps and is_earthquake(row.picture.event):
            labels[row.picture.event].add(row.picture.label)
    for event, found in sorted(labels.items()):
        if len(found) == 1:
            warnings.append(f"{event} has {found.pop()} pictures only: it cannot be judged by itself")
    for name, members in sorted(clusters.items()):
        paths = ", ".join(picture.path for picture in members)
        if name.startswith("label_conflict"):
            warnings.append(f"near-duplicates with different labels, left out until corrected: {paths}")
        else:
            warnings.append(f"left out of training, near-duplicates of held-out pictures: {paths}")
    folds = {row.fold for row in rows if row.fold and is_earthquake(row.picture.event)}
    if len(folds) < 2:
        warnings.append(
            f"training has one fold of earthquakes only ({', '.join(folds)}): add an earthquake with both classes, or "
            "hold out another"
        )
    training = [row for row in rows if row.split == "train" and row.counts and row.picture.damaged]
    for fold in sorted(folds):
        judged = sum(row.fold == fold for row in training)
        left = sum(row.fold != fold and fold not in row.not_for for row in training)
        if left < FEW_LEFT * judged:
            warnings.append(
                f"{fold} has {judged} damaged pictures, and leaving it out leaves {left} to learn from: calibration, "
                "thresholds and the figures of cross-validation rest on few. Add another earthquake, or say in the "
                "column cannot_show what pictures of unknown earthquakes do not show"
            )
    return warnings


def _summary(rows: Sequence[Assigned], warnings: list[str]) -> dict[str, Any]:
    def classes(chosen: Sequence[Assigned]) -> dict[str, int]:
        damaged = sum(row.picture.damaged for row in chosen)
        return {"damaged": damaged, "not_damaged": len(chosen) - damaged}

    counted = [row for row in rows if row.counts and not row.helps]
    quakes = [row for row in counted if is_earthquake(row.picture.event)]
    size = Counter(row.cluster for row in rows)
    return {
        "pictures": len(rows),
        "splits": {side: classes([row for row in counted if row.split == side]) for side in SIDES},
        "earthquakes": {side: sorted({row.picture.event for row in quakes if row.split == side}) for side in SIDES},
        "folds": {
            fold: classes([row for row in counted if row.fold == fold])
            for fold in sorted({row.fold for row in counted if row.fold})
        },
        "helpers": classes([row for row in rows if row.counts and row.helps]),
        "left_out": dict(Counter(row.reason for row in rows if row.reason)),
        "near_duplicates": sum(bool(row.duplicate_of) for row in rows),
        "clusters": sum(count > 1 for count in size.values()),
        "warnings": warnings,
    }


def _picture_row(row: Assigned) -> dict[str, str]:
    picture = row.picture
    return {
        "sha256": picture.sha256,
        "path": picture.path,
        "label": picture.label,
        "event": picture.event,
        "source": picture.source,
        "group": picture.group,
        "cannot_show": picture.cannot_show,
        "cluster": row.cluster,
        "split": row.split,
        "fold": row.fold,
        "not_for": " ".join(sorted(row.not_for)),
        "duplicate_of": row.duplicate_of,
        "reason": row.reason,
    }


def _split_rows(rows: Sequence[Assigned]) -> list[dict[str, str]]:
    """One row an earthquake, and one a source of pictures of no earthquake; counts are those that count.

    Pictures that only help are counted by themselves, and say where others are only where there are no others.
    """
    counts: dict[tuple[str, str], list[int]] = {}
    place: dict[tuple[str, str], tuple[str, str]] = {}
    for row in rows:
        event, source = row.picture.event, row.picture.source
        key = ("source", source) if event == NONE else ("event", event)
        tally = counts.setdefault(key, [0, 0, 0])
        tally[2 if row.helps else int(not row.picture.damaged)] += row.counts
        if key not in place or (row.split != "left_out" and not (row.helps and place[key][0] != "left_out")):
            place[key] = (row.split, row.fold)
    return [
        {
            "kind": kind,
            "name": name,
            "split": place[kind, name][0],
            "fold": place[kind, name][1],
            "damaged": str(damaged),
            "not_damaged": str(intact),
            "helpers": str(helpers),
        }
        for (kind, name), (damaged, intact, helpers) in sorted(counts.items())
    ]


def _write_table(path: Path, rows: Sequence[dict[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with write_atomically(path) as file:
        file.write(text.getvalue().encode())
