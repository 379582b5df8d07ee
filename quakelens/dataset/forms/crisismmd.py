"""CrisisMMD v2: posts and pictures of seven disasters of 2017, labelled for the severity of damage.

Two kinds of tab-separated lists are read: the annotations of an event (`annotations/*_final_data.tsv`, with the columns
`image_path` and `image_damage`), and the lists of the task "damage severity" (`task_damage_text_img_*.tsv`, with
`event_name`, `image` and `label`). Both name pictures as `data_image/EVENT/DAY/NAME.jpg`, relative to the folder that
holds `data_image`. Quotes mean nothing in them.
"""

from __future__ import annotations

from pathlib import Path

from quakelens.dataset.forms.building import UNREADABLE, Building, Shown, head_of, lines_of, name_in
from quakelens.dataset.manifest import NONE, Manifest, Row
from quakelens.errors import DataError

PICTURES = "data_image"

SHOWN = {
    "mexico_earthquake": Shown("2017-mexico"),
    "iraq_iran_earthquake": Shown("2017-iran-iraq"),
    "hurricane_harvey": Shown(NONE, "storm"),
    "hurricane_irma": Shown(NONE, "storm"),
    "hurricane_maria": Shown(NONE, "storm"),
    "california_wildfires": Shown(NONE, "wildfire"),
    "srilanka_floods": Shown(NONE, "flood"),
}
"""Its events. Damage by another disaster looks like an earthquake's, and is kept apart."""

LABELS = {
    "severe_damage": "damaged",
    "mild_damage": "damaged",
    "little_or_no_damage": "not_damaged",
    "little_or_none": "not_damaged",
}
UNLABELLED = ("", "dont_know_or_cant_judge", "nan")
"""Most rows: damage was asked for only where people saw infrastructure damage."""

_ANNOTATIONS = ("image_path", "image_damage")
_TASK = ("image", "label")


def lists_in(path: Path) -> list[Path]:
    """The lists that a file or folder is or holds; empty if it is not of this form."""
    files = [path] if path.is_file() else sorted((*path.glob("*.tsv"), *path.glob("*/*.tsv")))
    return [file for file in files if _is_list(file)]


def read(path: Path) -> Manifest:
    """Read the lists that a file or folder is or holds.

    Raises:
        DataError: There is no such list, or none of its rows says anything about damage.
    """
    lists = lists_in(path)
    if not lists:
        raise DataError(
            f"{path} has no list of CrisisMMD v2: give its folder, or a TSV with {' and '.join(_ANNOTATIONS)}"
        )
    above = [folder for file in lists for folder in list(file.resolve().parents)[:3]]
    root = next((folder for folder in above if (folder / PICTURES).is_dir()), lists[0].resolve().parent)
    building = Building(path, root)
    for file in lists:
        _read_list(file.resolve(), building)
    return building.built()


def _is_list(file: Path) -> bool:
    head = [line.split("\t") for line in head_of(file)]
    if not head:
        return False
    header = [name.strip() for name in head[0]]
    if set(_ANNOTATIONS) <= set(header):
        return True
    if not set(_TASK) <= set(header):
        return False
    # The lists of the other tasks have these columns as well.
    label = header.index("label")
    return any(len(fields) > label and fields[label].strip() in LABELS for fields in head[1:])


def _read_list(file: Path, building: Building) -> None:
    name = name_in(file, building.root)
    lines = lines_of(file)
    _, first = next(lines)
    header = [column.strip() for column in first.split("\t")]
    image, label = _ANNOTATIONS if set(_ANNOTATIONS) <= set(header) else _TASK
    for number, line in lines:
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != len(header):
            building.bad(name, number, f"{len(fields)} fields instead of {len(header)}: put one tab between fields")
            continue
        values = dict(zip(header, fields, strict=True))
        _take(values, values[image], values[label], (name, number), building)


def _take(values: dict[str, str], image: str, label: str, at: tuple[str, int], building: Building) -> None:
    if label in UNLABELLED:
        building.unlabelled += 1
        return
    parts = image.split("/")
    event = values.get("event_name") or (parts[1] if len(parts) > 2 and parts[0] == PICTURES else "")
    if UNREADABLE in image or not event:
        building.bad(*at, f"picture `{image[:80]}`: name it as {PICTURES}/EVENT/DAY/NAME.jpg, in UTF-8")
    elif label not in LABELS:
        building.bad(*at, f"damage `{label[:60]}`: use severe_damage, mild_damage or little_or_no_damage")
    elif event not in SHOWN:
        building.bad(*at, f"event `{event[:60]}` is not one of CrisisMMD's seven: put its pictures into a manifest")
    else:
        shown, damaged = SHOWN[event], LABELS[label] == "damaged"
        vehicle = "vehicle" if values.get("image_human") == "vehicle_damage" else ""
        building.take(
            Row(
                line=at[1],
                image=image,
                label=LABELS[label],
                event=shown.event,
                source=f"crisismmd/{event}",
                group=(shown.group or vehicle) if damaged else "",
                note=label,
                file=at[0],
            )
        )
