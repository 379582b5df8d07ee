"""How well heat maps point at the damage: pointing game and energy, against boxes drawn around the damage.

A map is any array of cells. It lies on a part of the picture (a centre crop shows only a part of it), and boxes are
fractions of the whole upright picture. Boxes of a picture may overlap: what counts is their union. Only the positive
part of a map counts, as in Grad-CAM.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quakelens.errors import DataError
from quakelens.evaluation.intervals import percentile_interval, resamples
from quakelens.model.preprocessing import Box

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
"""The part of the picture that a map of the whole picture lies on."""


@dataclass(frozen=True, slots=True)
class Localisation:
    """Figures over pictures, each with its 95 % bootstrap interval.

    Attributes:
        n: Pictures.
        pointing: Share of the pictures whose peak is inside of a box.
        energy: Mean share of a map's mass that is inside of the boxes.
        area: Mean share of the picture that the boxes cover.
        gain: `energy / area`: how much denser the maps are inside than a uniform map would be.
    """

    n: int
    pointing: float
    pointing_ci: tuple[float, float]
    energy: float
    energy_ci: tuple[float, float]
    area: float
    gain: float
    gain_ci: tuple[float, float]


def covered(shape: tuple[int, ...], part: Box, boxes: Sequence[Box]) -> NDArray[np.float64]:
    """The share of each cell of a map that is inside of the boxes, exact for cells cut by an edge.

    Args:
        shape: Rows and columns of the map.
        part: Where the map lies, in fractions of the picture; below 0 and above 1 is padding.
        boxes: One or more; they may overlap and reach beyond the part.

    Returns:
        `shape float64`, 0 to 1.

    Raises:
        DataError: A box or the part is empty or turned round, or the map has no cells.
    """
    drawn = _checked(shape, part, boxes)
    edges_x, edges_y = _edges(part[0], part[2], shape[1]), _edges(part[1], part[3], shape[0])
    # Cut along every edge of a cell or a box, so that each piece is wholly inside or outside of each.
    cuts_x, cuts_y = _cuts(edges_x, drawn[:, [0, 2]]), _cuts(edges_y, drawn[:, [1, 3]])
    x, y = (cuts_x[:-1] + cuts_x[1:]) / 2, (cuts_y[:-1] + cuts_y[1:]) / 2
    pieces = np.outer(np.diff(cuts_y), np.diff(cuts_x)) * _inside(x[None, :], y[:, None], drawn)
    by_row = np.add.reduceat(pieces, np.searchsorted(cuts_y, edges_y[:-1]), axis=0)
    by_cell = np.add.reduceat(by_row, np.searchsorted(cuts_x, edges_x[:-1]), axis=1)
    shares: NDArray[np.float64] = by_cell / np.outer(np.diff(edges_y), np.diff(edges_x))
    return np.clip(shares, 0.0, 1.0)


def energy(heat: NDArray[np.floating], part: Box, boxes: Sequence[Box]) -> float:
    """The share of a map's positive mass inside of the boxes, 0 to 1.

    A map without positive values shows nothing and counts 0.

    Args:
        heat: `(h, w)`, any scale.
        part: Where it lies, in fractions of the picture.
        boxes: Around the damage, in fractions of the picture.

    Raises:
        DataError: As `covered`, or a value is not finite.
    """
    mass = _positive(heat)
    inside = covered(mass.shape, part, boxes)
    peak = mass.max()
    # Scaled first, so that neither very large nor very small values lose their sum.
    return float(np.average(inside, weights=mass / peak)) if peak > 0 else 0.0


def pointing(heat: NDArray[np.floating], part: Box, boxes: Sequence[Box]) -> float:
    """The pointing game (Zhang et al. 2016, arXiv 1608.00507): is the middle of the largest cell inside of a box?

    A box's edge is inside. Of cells that tie for the largest, the share that is inside counts, which is the
    chance of one drawn blindly. A map without positive values points nowhere and counts 0.

    Args:
        heat: `(h, w)`, any scale.
        part: Where it lies, in fractions of the picture.
        boxes: Around the damage, in fractions of the picture.

    Returns:
        1 or 0, or between where cells tie.

    Raises:
        DataError: As `energy`.
    """
    drawn = _checked(heat.shape, part, boxes)
    mass = _positive(heat)
    if not mass.any():
        return 0.0
    rows, columns = np.nonzero(mass == mass.max())
    x = part[0] + (columns + 0.5) / heat.shape[1] * (part[2] - part[0])
    y = part[1] + (rows + 0.5) / heat.shape[0] * (part[3] - part[1])
    return float(np.mean(_inside(x, y, drawn)))


def area(boxes: Sequence[Box]) -> float:
    """The share of the picture that boxes cover together: the energy of a uniform map."""
    return float(covered((1, 1), WHOLE, boxes)[0, 0])


def centred_gaussian(sigma: float, cells: int = 65) -> NDArray[np.float64]:
    """A map that knows only that photographers put their subject in the middle.

    Args:
        sigma: Standard deviation in fractions of the side.
        cells: Of a side; an odd number, so that one cell is in the middle.

    Returns:
        `(cells, cells) float64`, 1 at its peak.
    """
    away = (np.arange(cells) - (cells - 1) / 2) / cells
    bell = np.exp(-((away / sigma) ** 2) / 2)
    return np.outer(bell, bell)


def summarise(
    pointings: NDArray[np.float64],
    energies: NDArray[np.float64],
    areas: NDArray[np.float64],
    *,
    bootstrap: int,
    seed: int,
) -> Localisation:
    """Means over pictures with intervals; the same `seed` draws the same pictures, whatever the maps.

    Args:
        pointings: `(n,)`, of `pointing`.
        energies: `(n,)`, of `energy`.
        areas: `(n,)`, of `area`.
        bootstrap: Resamples of the pictures.
        seed: Of the resamples.

    Raises:
        DataError: There is no picture.
    """
    n = len(areas)
    if n == 0:
        raise DataError("no picture has a box to judge its heat map by: draw boxes, or choose other pictures")
    blocks = resamples(np.ones(n, dtype=np.bool_), bootstrap, np.random.default_rng(seed))
    means = np.concatenate([weights @ np.stack([pointings, energies, areas], axis=1) / n for weights in blocks])

    def interval(samples: NDArray[np.float64]) -> tuple[float, float]:
        return percentile_interval(samples) or (float("nan"), float("nan"))

    mean_energy, mean_area = float(energies.mean()), float(areas.mean())
    return Localisation(
        n=n,
        pointing=float(pointings.mean()),
        pointing_ci=interval(means[:, 0]),
        energy=mean_energy,
        energy_ci=interval(means[:, 1]),
        area=mean_area,
        gain=mean_energy / mean_area,
        gain_ci=interval(means[:, 1] / means[:, 2]),
    )


def _checked(shape: tuple[int, ...], part: Box, boxes: Sequence[Box]) -> NDArray[np.float64]:
    if len(shape) != 2 or 0 in shape:
        raise DataError(f"a heat map has rows and columns; this one's shape is {shape}")
    if not boxes:
        raise DataError("the picture has no box: draw one around the damage, or leave it out")
    for box in (part, *boxes):
        left, top, right, bottom = box
        if not (left < right and top < bottom):
            raise DataError(f"box {box} is empty: give left, top, right, bottom as fractions of the upright picture")
    return np.array(boxes, dtype=np.float64)


def _positive(heat: NDArray[np.floating]) -> NDArray[np.float64]:
    values = np.asarray(heat, dtype=np.float64)
    if not np.isfinite(values).all():
        raise DataError("the heat map holds values that are not finite: the model that made it is broken")
    return np.maximum(values, 0.0)


def _edges(start: float, end: float, cells: int) -> NDArray[np.float64]:
    return np.linspace(start, end, cells + 1)


def _cuts(edges: NDArray[np.float64], sides: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.unique(np.concatenate([edges, np.clip(sides.ravel(), edges[0], edges[-1])]))


def _inside(x: NDArray[np.float64], y: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    found = np.zeros(np.broadcast_shapes(x.shape, y.shape), dtype=np.bool_)
    for left, top, right, bottom in boxes:
        found |= (left <= x) & (x <= right) & (top <= y) & (y <= bottom)
    return found
