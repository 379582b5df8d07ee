"""One box of a building: where it stands and how it looks."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from quakelens.demo.drawing.canvas import Canvas, Face, Vector, rotation, vector
from quakelens.demo.drawing.colour import Colour, varied
from quakelens.demo.drawing.town import STYLES, Style, Town


@dataclass(slots=True)
class Block:
    """One box of a building.

    Attributes:
        origin: Its lower left front corner, metres.
        frame: (3, 3); columns are the unit directions right, up and back. Turned where it leans.
        width: Metres along `right`.
        depth: Metres along `back`.
        storeys: How many.
        ground: It stands on the ground, so its lowest storey has doors.
        seed: Makes the same windows each time it is drawn.
    """

    style: Style
    origin: Vector
    frame: Vector
    width: float
    depth: float
    storeys: int
    wall: Colour
    roof: Colour
    trim: Colour
    ground: bool
    seed: int

    @property
    def height(self) -> float:
        """Metres."""
        return self.storeys * self.style.storey_m

    def corner(self, right: float, up: float, back: float) -> Vector:
        """A point in metres of the scene, from metres along the block's own directions."""
        return self.origin + self.frame @ vector(right, up, back)

    def front(self, canvas: Canvas) -> Face:
        """Its front, from the lower left corner."""
        return canvas.face(self.origin, self.frame[:, 0], self.frame[:, 1])


def new_block(town: Town, rng: Random, *, x: float, z: float, turn: float, style: str | None = None) -> Block:
    """A random building of a town with its front's middle at (x, z) metres, turned by radians."""
    chosen = STYLES[style or rng.choice(town.styles)]
    width = rng.uniform(*chosen.width_m)
    frame = rotation(yaw=turn)
    return Block(
        style=chosen,
        origin=vector(x, 0, z) - frame[:, 0] * width / 2,
        frame=frame,
        width=width,
        depth=rng.uniform(8, 13),
        storeys=rng.randint(*chosen.storeys),
        wall=varied(rng, rng.choice(town.walls), 12),
        roof=varied(rng, rng.choice(town.roofs), 10),
        trim=rng.choice(town.trims),
        ground=True,
        seed=rng.getrandbits(32),
    )
