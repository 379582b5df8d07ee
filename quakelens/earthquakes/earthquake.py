"""One earthquake, as an agency announces it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

_UNID = re.compile(r"[12]\d{7}_\d{5,9}")


def agency_of(earthquake_id: str) -> str:
    """Whose id it is: `emsc` for one such as `20260817_0000558`, else `usgs`, which lists those of its partners."""
    return "emsc" if _UNID.fullmatch(earthquake_id) else "usgs"


@dataclass(frozen=True, slots=True)
class Earthquake:
    """One earthquake in the state of one announcement; later announcements revise it.

    Attributes:
        id: Preferred id, such as `us6000jllz`. It can change: match on `ids`.
        ids: Every id under which agencies know it, the preferred one among them.
        origin_time: UTC, timezone-aware.
        latitude: Degrees north, -90 to 90.
        longitude: Degrees east, -180 to 180.
        depth_km: Kilometres, positive down; slightly negative above sea level; None if unknown.
        magnitude: Of the kind `magnitude_type` (such as `mww`); None before it is known.
        place: For people, such as `26 km ENE of Nurdağı, Turkey`.
        alert: PAGER's alert level (`green`, `yellow`, `orange`, `red`); None before it is known.
        mmi: Largest instrumental intensity of the ShakeMap, 0 to 10; None before it is known.
        updated: UTC, when the agency last revised it.
        url: The agency's page.
        agency: Who announced it: `usgs` or `emsc`.
        detail_url: Where the agency says more (PAGER, ShakeMap); None where it does not.
    """

    id: str
    ids: tuple[str, ...]
    origin_time: datetime
    latitude: float
    longitude: float
    depth_km: float | None
    magnitude: float | None
    magnitude_type: str | None
    place: str | None
    alert: str | None
    mmi: float | None
    updated: datetime
    url: str | None
    agency: str = "usgs"
    detail_url: str | None = None

    @property
    def title(self) -> str:
        """Magnitude and place for people, such as `M 7.8, 26 km ENE of Nurdağı, Turkey`."""
        magnitude = "M ?" if self.magnitude is None else f"M {self.magnitude:.1f}"
        return f"{magnitude}, {self.place or self.id}"
