"""Pictures sorted into folders: ROOT/EARTHQUAKE/damaged and ROOT/EARTHQUAKE/not_damaged, or without the earthquake.

An earthquake's folder is named by its slug, `none` or `unknown`. Pictures may lie deeper below `damaged` and
`not_damaged`. Hidden files are passed over, and so is what file managers leave behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from quakelens.dataset.forms.building import Building
from quakelens.dataset.manifest import LABELS, Manifest, Row, is_event
from quakelens.errors import DataError

_LEFT_BEHIND = frozenset(("thumbs.db", "desktop.ini"))


def is_form(path: Path) -> bool:
    """Whether a folder holds `damaged` or `not_damaged`, or folders that do."""
    return path.is_dir() and any((path / part).is_dir() for part in _wanted(path))


def read(path: Path, event: str = "", source: str = "") -> Manifest:
    """Read a folder.

    Args:
        path: ROOT.
        event: What the pictures show, where ROOT holds `damaged` and `not_damaged` itself.
        source: Where they come from; empty for the name of ROOT.

    Raises:
        DataError: It is not of this form; or the event is missing, of bad form, or said twice.
    """
    if not is_form(path):
        raise DataError(f"{path} has no folder damaged or not_damaged, nor earthquakes' folders that have: make them")
    building = Building(path, path.resolve())
    source = source or path.resolve().name
    plain = any((path / label).is_dir() for label in LABELS)
    if plain and not is_event(event):
        given = f"`{event}` is no slug" if event else "nothing says what its pictures show"
        raise DataError(f"{path}: {given}: give --event, such as 2015-nepal, or none, or unknown")
    if not plain and event:
        raise DataError(f"{path} has a folder for each earthquake: leave --event out, or give one of these folders")
    for entry in _seen(path):
        if plain:
            _read_class(entry, "", event, source, building)
        elif not entry.is_dir() or not is_event(entry.name):
            building.bad(entry.name, 0, "is no folder of an earthquake: name it by a slug such as 2015-nepal, or none")
        else:
            for folder in _seen(entry):
                _read_class(folder, f"{entry.name}/", entry.name, source, building)
    return building.built()


def _wanted(path: Path) -> Iterator[str]:
    yield from LABELS
    for entry in _seen(path):
        if entry.is_dir():
            yield from (f"{entry.name}/{label}" for label in LABELS)


def _read_class(folder: Path, prefix: str, event: str, source: str, building: Building) -> None:
    if folder.name not in LABELS or not folder.is_dir():
        what = "is neither a folder damaged nor not_damaged, so it says no label: move what it holds"
        building.bad(f"{prefix}{folder.name}", 0, what)
        return
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        if not file.is_dir() and not any(_hidden(part) for part in parts):
            image = f"{prefix}{folder.name}/{'/'.join(parts)}"
            building.take(Row(line=0, image=image, label=folder.name, event=event, source=source))


def _seen(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if not _hidden(entry.name))


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LEFT_BEHIND
