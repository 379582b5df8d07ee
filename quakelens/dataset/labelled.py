"""The collection of labelled pictures on disk: one folder an earthquake, each tracked by DVC.

    data/labelled/2015-nepal/manifest.csv       one row a picture, sorted by sha256
    data/labelled/2015-nepal/images/            pictures, named by the first 16 digits of their sha256
    data/labelled/none/, data/labelled/unknown/ pictures of no earthquake, of an unknown one

A manifest never names a picture that is not there: pictures are written first and removed last.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from quakelens.dataset.manifest import Row, is_event, read_manifest
from quakelens.files import write_atomically
from quakelens.locks import exclusive

TABLE = "manifest.csv"
IMAGES = "images"

LOCK_WAIT_S = 300.0
"""How long to wait for another process that changes the collection."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture of the collection; the fields are the columns of its manifest.

    Attributes:
        image: Path relative to the folder of the earthquake.
        label: `damaged` or `not_damaged`.
        event: An earthquake's slug, `none` or `unknown`; also the name of the folder.
        source: Where it comes from.
        group: Why it stays out of the figures; empty if it does not.
        cannot_show: Earthquakes that it certainly does not show, with spaces between them; or `any`.
        note: Free text.
        licence: What is known of the rights on it.
        sha256: Of the file, 64 hex digits.
    """

    image: str
    label: str
    event: str
    source: str
    group: str
    cannot_show: str
    note: str
    licence: str
    sha256: str

    @property
    def path(self) -> str:
        """Relative to the folder of the collection."""
        return f"{self.event}/{self.image}"

    @property
    def damaged(self) -> bool:
        """The label is `damaged`."""
        return self.label == "damaged"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in the collection, and what to do.

    Attributes:
        kind: `not_pulled`, `no_manifest`, `bad_row`, `missing`, `changed`, `unreadable`,
            `unnamed` or `twice`.
        path: Relative to the folder of the collection.
        what: What is wrong and what to do.
    """

    kind: str
    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Collection:
    """What the manifests of the collection say: pictures sorted by sha256 and event, and their faults."""

    pictures: tuple[Labelled, ...]
    faults: tuple[Fault, ...]


def read_collection(labelled: Path) -> Collection:
    """Read every manifest of the collection; an absent folder is an empty collection.

    Pictures are not looked at. A row that cannot be used is a fault.

    Raises:
        DataError: A manifest is no readable CSV or lacks a column.
    """
    pictures: list[Labelled] = []
    faults: list[Fault] = []
    for event in events(labelled):
        name = f"{event}/{TABLE}"
        if not (labelled / name).is_file():
            faults.append(_absent(labelled, event, name))
            continue
        manifest = read_manifest(labelled / name)
        faults += [Fault("bad_row", name, str(problem)) for problem in manifest.problems]
        for row in manifest.rows:
            wrong = _wrong(row, event)
            if wrong:
                faults.append(Fault("bad_row", name, f"line {row.line}: {wrong}"))
            else:
                pictures.append(Labelled(**{field.name: getattr(row, field.name) for field in fields(Labelled)}))
    return Collection(tuple(sorted(pictures, key=lambda p: (p.sha256, p.event, p.image))), tuple(faults))


def events(labelled: Path) -> list[str]:
    """Names of the folders of the collection, sorted; also of those that DVC tracks but has not brought."""
    folders = {entry.name for entry in labelled.glob("*") if entry.is_dir()}
    tracked = {entry.stem for entry in labelled.glob("*.dvc")}
    return sorted(name for name in folders | tracked if is_event(name))


def write_manifest(labelled: Path, event: str, pictures: Iterable[Labelled]) -> bool:
    """Write the manifest of one folder if it changes; returns whether it did.

    Without pictures the manifest is removed: a folder without rows is no part of the collection.
    """
    pictures = sorted(pictures, key=lambda p: (p.sha256, p.image))
    if not pictures:
        (labelled / event / TABLE).unlink(missing_ok=True)
        return True
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Labelled)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(picture) for picture in pictures)
    return write_if_changed(labelled / event / TABLE, text.getvalue().encode())


def write_if_changed(path: Path, data: bytes) -> bool:
    """Write a file atomically unless it holds just that; returns whether it was written."""
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return False
    with write_atomically(path) as file:
        file.write(data)
    return True


@contextmanager
def locked(labelled: Path, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Keep other processes from changing the collection; leftovers of a killed one are cleared away.

    Raises:
        Busy: Another process did not finish within `wait_s` seconds.
    """
    lock = labelled.parent / "locks" / "labelled.lock"
    with exclusive(lock, f"the labelled pictures in {labelled}", wait_s):
        for leftover in (*labelled.glob(f"*/.{TABLE}-*"), *labelled.glob(f"*/{IMAGES}/.*-*")):
            leftover.unlink(missing_ok=True)
        yield


def remove_empty(labelled: Path, event: str) -> None:
    """Remove the folder of an event that holds nothing any more, and DVC's file that tracks it."""
    for folder in (labelled / event / IMAGES, labelled / event):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    if not (labelled / event).exists():
        (labelled / f"{event}.dvc").unlink(missing_ok=True)


def _absent(labelled: Path, event: str, name: str) -> Fault:
    if (labelled / f"{event}.dvc").is_file():
        return Fault("not_pulled", name, "DVC tracks the folder, but it is not here: run `dvc pull`")
    return Fault("no_manifest", name, "adding its pictures was interrupted: run `quakelens data add` again")


def _wrong(row: Row, event: str) -> str | None:
    if row.event != event:
        return f"event `{row.event}` in the folder {event}: correct it, or add the picture again under its event"
    if len(row.sha256) != 64 or set(row.sha256) - set("0123456789abcdef"):
        return "sha256 is missing or no 64 hex digits: remove the row and run `quakelens data add`"
    return None
