"""Checking the collection of labelled pictures, and counting it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quakelens.dataset.hashes import hash_collection
from quakelens.dataset.labelled import IMAGES, Fault, Labelled, events, read_collection
from quakelens.images import MAX_PIXELS


@dataclass(frozen=True, slots=True)
class CheckReport:
    """How many pictures were read, and everything that is wrong, sorted by path."""

    pictures: int
    faults: tuple[Fault, ...]

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One folder of the collection: an earthquake, `none` or `unknown`.

    Attributes:
        event: Name of the folder.
        damaged: Pictures that show damage, grouped ones not counted.
        not_damaged: Pictures that do not, grouped ones not counted.
        grouped: Pictures with a `group`, which stay out of the figures.
        sources: How many different sources.
    """

    event: str
    damaged: int
    not_damaged: int
    grouped: int
    sources: int


def check(
    labelled: Path, *, max_pixels: int = MAX_PIXELS, on_progress: Callable[[int, int], None] | None = None
) -> CheckReport:
    """Read every manifest and every picture again.

    Found are bad rows, files that are missing, changed or unreadable, files that no manifest names, and
    pictures that are under two earthquakes. Nothing is changed.

    Raises:
        DataError: A manifest is no readable CSV or lacks a column.
    """
    collection = read_collection(labelled)
    _, unusable = hash_collection(
        labelled, collection.pictures, max_pixels=max_pixels, verify=True, on_progress=on_progress
    )
    faults = [*collection.faults, *unusable.values()]
    named = {picture.path for picture in collection.pictures}
    for event in events(labelled):
        for file in sorted((labelled / event / IMAGES).glob("*")):
            path = f"{event}/{IMAGES}/{file.name}"
            if path not in named:
                what = "no row names it: add its manifest again, or delete the file"
                faults.append(Fault("unnamed", path, what))
    places: dict[str, list[str]] = defaultdict(list)
    for picture in collection.pictures:
        places[picture.sha256].append(picture.path)
    for paths in places.values():
        if len(paths) > 1:
            what = f"the same picture is {' and '.join(paths[1:])}: remove all but one of the rows"
            faults.append(Fault("twice", paths[0], what))
    return CheckReport(len(collection.pictures), tuple(sorted(faults, key=lambda f: (f.path, f.kind, f.what))))


def summary(labelled: Path) -> list[SummaryRow]:
    """Count the collection by folder, sorted by name; pictures are not looked at.

    Raises:
        DataError: A manifest is no readable CSV or lacks a column.
    """
    by_event: dict[str, list[Labelled]] = defaultdict(list)
    for picture in read_collection(labelled).pictures:
        by_event[picture.event].append(picture)
    rows = []
    for event, pictures in sorted(by_event.items()):
        labels = Counter(picture.label for picture in pictures if not picture.group)
        rows.append(
            SummaryRow(
                event=event,
                damaged=labels["damaged"],
                not_damaged=labels["not_damaged"],
                grouped=sum(bool(picture.group) for picture in pictures),
                sources=len({picture.source for picture in pictures}),
            )
        )
    return rows
