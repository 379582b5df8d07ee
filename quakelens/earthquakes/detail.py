"""What an agency says of one earthquake beyond its announcement: how strongly it shook where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ShakenCity:
    """A town of PAGER's list: degrees, inhabitants, ISO 3166 code, intensity 0 to 10."""

    name: str
    latitude: float
    longitude: float
    population: int
    country: str | None
    mmi: float


@dataclass(frozen=True, slots=True)
class Box:
    """The part of the Earth that a ShakeMap shows, degrees."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True)
class Contour:
    """Lines of equal intensity; each line is longitudes and latitudes in degrees."""

    mmi: float
    lines: tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True, slots=True)
class Detail:
    """PAGER and ShakeMap of one earthquake.

    Attributes:
        alert: PAGER's level; None before it is known.
        mmi: Largest intensity; None before it is known.
        cities: In PAGER's order; empty before they are known.
        box: What the ShakeMap shows; None before it is known.
        contours: From the ShakeMap, by intensity; empty before they are known.
        problems: What was announced and could not be read, a sentence each: it is worth another try.
    """

    alert: str | None
    mmi: float | None
    cities: tuple[ShakenCity, ...]
    box: Box | None
    contours: tuple[Contour, ...]
    problems: tuple[str, ...]
