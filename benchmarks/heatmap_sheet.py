"""A sheet of pictures with the boxes around their damage and the heat maps over them; part of heatmaps.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from quakelens.engine.heatmap import heatmap_of
from quakelens.engine.overlay import overlay
from quakelens.images import decode, read_bytes
from quakelens.model.preprocessing import Box

COLUMNS = 6
SIDE, TEXT = 260, 30
PAPER, INK, INSIDE, OUTSIDE = "#ffffff", "#20242a", "#19c2a0", "#ff5a3c"


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One picture: its file, earthquake, boxes, evidence, the part that it lies on, and its two scores."""

    file: Path
    event: str
    boxes: Sequence[Box]
    evidence: NDArray[np.float32]
    part: Box
    pointing: float
    energy: float


def draw_sheet(tiles: Sequence[Tile], path: Path, *, title: str) -> None:
    """Draw all pictures, those that the map misses first, then by the energy inside of the boxes."""
    ordered = sorted(tiles, key=lambda tile: (tile.pointing, tile.energy))
    lines = -(-len(ordered) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * SIDE, TEXT + lines * (SIDE + TEXT)), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((6, 8), f"{title}. Boxes green where the peak is inside, red where not.", fill=INK)
    for number, tile in enumerate(ordered):
        row, column = divmod(number, COLUMNS)
        left, top = column * SIDE, TEXT + row * (SIDE + TEXT)
        sheet.paste(_drawn(tile), (left + 2, top + TEXT - 8))
        pen.text((left + 4, top + 6), f"{tile.file.stem[:8]} {tile.event} energy {tile.energy:.2f}", fill=INK)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _drawn(tile: Tile) -> Image.Image:
    image = decode(read_bytes(tile.file))
    image.thumbnail((SIDE - 4, SIDE - 4))
    shown = overlay(image, heatmap_of(tile.evidence), tile.part)
    pen = ImageDraw.Draw(shown)
    width, height = shown.size
    for left, top, right, bottom in tile.boxes:
        corners = (left * width, top * height, right * width - 1, bottom * height - 1)
        pen.rectangle(corners, outline=INSIDE if tile.pointing >= 0.5 else OUTSIDE, width=2)
    return shown
