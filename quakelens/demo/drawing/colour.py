"""Colours as three whole numbers of 0 to 255."""

from __future__ import annotations

from random import Random

Colour = tuple[int, int, int]


def scaled(colour: Colour, factor: float) -> Colour:
    """Brighter (above 1) or darker (below 1)."""
    r, g, b = colour
    return min(255, int(r * factor)), min(255, int(g * factor)), min(255, int(b * factor))


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """A mixture with `share` (0 to 1) of the other colour."""
    keep = 1.0 - share
    return (
        int(one[0] * keep + other[0] * share),
        int(one[1] * keep + other[1] * share),
        int(one[2] * keep + other[2] * share),
    )


def varied(rng: Random, colour: Colour, amount: int) -> Colour:
    """A colour near another: brightness by up to `amount`, each channel by up to a third of it."""
    shift, third = rng.uniform(-amount, amount), amount / 3
    return (
        max(0, min(255, int(colour[0] + shift + rng.uniform(-third, third)))),
        max(0, min(255, int(colour[1] + shift + rng.uniform(-third, third)))),
        max(0, min(255, int(colour[2] + shift + rng.uniform(-third, third)))),
    )
