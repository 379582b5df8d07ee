"""ASONAM17's damage images: pictures of four disasters and of a web search, labelled for the severity of damage.

Its lists (`nepal.train`, `nepal.dev`, `nepal.test` and so on) hold a picture a line: its path, then 0, 1 or 2 (none,
mild, severe), or the name of the class, behind a space, a tab or a comma. The path begins with the folder of the
collection. The data set's own division into training and test is not used: near-duplicates cross it.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from quakelens.dataset.forms.building import (
    PICTURE_SUFFIXES,
    UNREADABLE,
    Building,
    Shown,
    head_of,
    lines_of,
    name_in,
)
from quakelens.dataset.manifest import NONE, UNKNOWN, Manifest, Row
from quakelens.errors import DataError

SHOWN = {
    "nepal_eq": Shown("2015-nepal"),
    "ecuador_eq": Shown("2016-ecuador"),
    "ruby_typhoon": Shown(NONE, "storm"),
    "matthew_hurricane": Shown(NONE, "storm"),
    # Found by searching the web for damaged buildings, roads and bridges: any earthquake's, or none's.
    "ggImage/building_damage": Shown(UNKNOWN, "cause-unclear"),
    "ggImage/road_damage": Shown(UNKNOWN, "cause-unclear"),
    "ggImage/bridge_damage": Shown(UNKNOWN, "cause-unclear"),
    "ggImage/extra_none_ggIM": Shown(NONE),
}
"""Its collections, by folder."""

CLASSES = {"0": "none", "1": "mild", "2": "severe", "none": "none", "mild": "mild", "severe": "severe"}

_LINE = re.compile(r"(?P<image>\S.*?)(?:\s*,\s*|\s+)(?P<label>[^\s,]+)\s*")
_CLASS_IN_NAME = re.compile(r"_(none|mild|severe)_im_")
_SUFFIXES = frozenset(("", ".train", ".dev", ".test", ".txt", ".csv", ".tsv", ".lst"))
_LOOKED_AT = 50


def lists_in(path: Path) -> list[Path]:
    """The lists that a file or folder is or holds; empty if it is not of this form."""
    if path.is_file():
        return [path] if _is_list(path) else []
    found = (file for pattern in ("*", "*/*") for file in path.glob(pattern) if file.suffix.lower() in _SUFFIXES)
    return sorted(file for file in found if file.is_file() and _is_list(file))


def read(path: Path) -> Manifest:
    """Read the lists that a file or folder is or holds.

    Raises:
        DataError: There is no such list.
    """
    lists = lists_in(path)
    if not lists:
        raise DataError(
            f"{path} has no list of ASONAM17's form: give its folder, or a file with a picture a line, such as "
            "`nepal_eq/nepal_eq_mild_im_1.jpg 1`"
        )
    root = _root(lists)
    building = Building(path, root)
    for file in lists:
        name = name_in(file.resolve(), root)
        for number, line in lines_of(file):
            _take(line, (name, number), building)
    return building.built()


def _is_list(file: Path) -> bool:
    lines = head_of(file)[:_LOOKED_AT]
    return sum(_parsed(line) is not None for line in lines) * 2 > len(lines)


def _root(lists: list[Path]) -> Path:
    """The folder of a list, or the one above it: whichever has the folder of a picture of the lists."""
    folders = [above for file in lists for above in list(file.resolve().parents)[:2]]
    wanted = {collection.split("/")[0] for collection in SHOWN}
    return next((above for above in folders if any((above / name).is_dir() for name in wanted)), folders[0])


def _parsed(line: str) -> tuple[str, str] | None:
    """The path and the class of a line; None if it is no line of a list."""
    found = _LINE.fullmatch(line)
    if not found or found["label"].lower() not in CLASSES:
        return None
    image = found["image"].strip().strip('"')
    return (image, CLASSES[found["label"].lower()]) if PurePosixPath(image).suffix.lower() in PICTURE_SUFFIXES else None


def _take(line: str, at: tuple[str, int], building: Building) -> None:
    parsed = _parsed(line)
    if parsed is None or UNREADABLE in line:
        building.bad(*at, f"`{line[:80]}`: write the path of a picture, a space, and 0 (none), 1 (mild) or 2 (severe)")
        return
    image, severity = parsed
    parts = [part for part in image.split("/") if part != "."]
    start = next((n for n in range(len(parts)) if any(_begins(parts[n:], name) for name in SHOWN)), None)
    if start is None or ".." in parts:
        known = ", ".join(sorted({name.split("/")[0] for name in SHOWN}))
        building.bad(*at, f"`{image[:80]}` is in no folder of ASONAM17 ({known}): put such pictures into a manifest")
        return
    parts = parts[start:]
    collection = next(name for name in SHOWN if _begins(parts, name))
    named = _CLASS_IN_NAME.search(parts[-1])
    if named and named[1] != severity:
        building.bad(*at, f"{parts[-1]} is called {named[1]} and listed as {severity}: correct the list")
        return
    shown, damaged = SHOWN[collection], severity != "none"
    building.take(
        Row(
            line=at[1],
            image="/".join(parts),
            label="damaged" if damaged else "not_damaged",
            event=shown.event,
            source=f"asonam17/{collection}",
            group=shown.group if damaged else "",
            note=severity,
            file=at[0],
        )
    )


def _begins(parts: list[str], collection: str) -> bool:
    wanted = collection.split("/")
    return len(parts) > len(wanted) and parts[: len(wanted)] == wanted
