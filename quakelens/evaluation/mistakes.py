"""The worst mistakes as a sheet of pictures: the fastest way to see a wrong label or a blind spot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quakelens.errors import ImageError
from quakelens.evaluation.canvas import BLUE, GREY, INK, RED, save, scope, write_title
from quakelens.evaluation.predictions import Predictions
from quakelens.images import decode, read_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

_COLUMNS = 6
_TILE = (2.0, 2.35)
"""Inches: a picture and three lines of text."""

_TOP, _HEADING, _EMPTY, _MARGIN = 0.8, 0.45, 0.1, 0.2
_PIXELS = 220
_LETTERS = 27


@dataclass(frozen=True, slots=True)
class Mistake:
    """One picture on which the model was wrong.

    Attributes:
        file: The picture; None if it is not at hand.
        name: What a person finds it by, such as its path.
        label: True for damaged, so that the model missed it; False for a false alarm.
        probability: Of damage, 0 to 1.
        event: The earthquake's slug, or `none` or `unknown`.
    """

    file: Path | None
    name: str
    label: bool
    probability: float
    event: str

    @property
    def belief(self) -> float:
        """How probable the model thought what is wrong, 0 to 1."""
        return 1 - self.probability if self.label else self.probability


def choose_mistakes(predictions: Predictions, files: Mapping[str, Path], count: int) -> list[Mistake]:
    """The worst mistakes, most confident first: flagged though not damaged, or damaged and not flagged.

    Each direction gets half of the places, and what the other leaves.

    Args:
        predictions: In any order.
        files: Where the pictures are, by sha256.
        count: How many at most.
    """
    rows = [
        Mistake(
            file=files.get(predictions.sha256[row]),
            name=_name(predictions.sha256[row], files),
            label=bool(predictions.label[row]),
            probability=float(predictions.probability[row]),
            event=predictions.event[row],
        )
        for row in np.flatnonzero(predictions.flagged != predictions.label)
    ]
    rows.sort(key=lambda row: (-row.belief, row.name))
    alarms = [row for row in rows if not row.label]
    missed = [row for row in rows if row.label]
    places = max(count // 2, count - len(missed))
    chosen = alarms[:places] + missed[: count - min(places, len(alarms))]
    return sorted(chosen, key=lambda row: (-row.belief, row.name))


def worst_mistakes(rows: Sequence[Mistake], path: Path, *, predictions: Predictions) -> Path:
    """Draw mistakes as a sheet of pictures, in the order given, false alarms above misses.

    A picture that cannot be read is an empty tile that says why.

    Args:
        rows: Such as `choose_mistakes` gives.
        path: The PNG to write.
        predictions: What they were chosen from, for the title.
    """
    from matplotlib.figure import Figure

    missed = predictions.label & ~predictions.flagged
    alarms = predictions.flagged & ~predictions.label
    groups = [
        ("False alarms: flagged, but not damaged", alarms, RED, [row for row in rows if not row.label]),
        ("Missed: damaged, but not flagged", missed, BLUE, [row for row in rows if row.label]),
    ]
    heights = [_EMPTY if not group else -(-len(group) // _COLUMNS) * _TILE[1] for *_, group in groups]
    width = _COLUMNS * _TILE[0] + 2 * _MARGIN
    height = _TOP + sum(_HEADING + own for own in heights) + _MARGIN
    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    write_title(figure, "The worst mistakes, most confident first", scope(predictions), left=_MARGIN / width)
    y = height - _TOP
    for (title, members, colour, group), own in zip(groups, heights, strict=True):
        y -= _HEADING
        told = f"{title} ({len(group)} of {int(members.sum())})" if group else f"{title}: none"
        figure.text(_MARGIN / width, (y + 0.14) / height, told, fontsize=12, fontweight="bold", color=colour)
        for position, row in enumerate(group):
            line, column = divmod(position, _COLUMNS)
            _tile(figure, row, colour, _MARGIN + column * _TILE[0], y - (line + 1) * _TILE[1])
        y -= own
    return save(figure, path)


def _tile(figure: Figure, row: Mistake, colour: str, left: float, bottom: float) -> None:
    """Draw one picture over its three lines; its corner is in inches from the figure's."""
    width, height = figure.get_size_inches()
    inner = (left / width, (bottom + 0.62) / height, 1.9 / width, (_TILE[1] - 0.68) / height)
    axes = figure.add_axes(inner, anchor="SW", facecolor="#f3f4f6", xticks=[], yticks=[])
    axes.spines[:].set_color("#d5d8dc")
    image = _thumbnail(row)
    if isinstance(image, str):
        axes.text(0.5, 0.5, image, ha="center", va="center", color=GREY, transform=axes.transAxes)
    else:
        axes.imshow(np.asarray(image), interpolation="antialiased")
    label = "damaged" if row.label else "not damaged"
    lines = (
        (f"p {row.probability:.3f}, label {label}", colour, "bold"),
        (row.event, INK, "normal"),
        (row.name, "#555b64", "normal"),
    )
    for step, (text, shade, weight) in enumerate(lines):
        figure.text(
            left / width, (bottom + 0.49 - 0.16 * step) / height, _shown(text), fontsize=8, color=shade,
            fontweight=weight, va="center", parse_math=False,
        )  # fmt: skip


def _thumbnail(row: Mistake) -> Image.Image | str:
    if row.file is None:
        return "not at hand"
    try:
        image = decode(read_bytes(row.file), at_least=_PIXELS)
    except ImageError as error:
        return error.reason.replace("_", " ")
    image.thumbnail((_PIXELS, _PIXELS))
    return image


def _name(sha256: str, files: Mapping[str, Path]) -> str:
    file = files.get(sha256)
    return sha256[:16] if file is None else f"{file.parent.name}/{file.name}"


def _shown(text: str) -> str:
    """Short enough for a tile, its end kept, and without letters that the font lacks."""
    safe = "".join(letter if letter.isprintable() and ord(letter) < 0x250 else "?" for letter in text)
    return safe if len(safe) <= _LETTERS else "…" + safe[1 - _LETTERS :]
