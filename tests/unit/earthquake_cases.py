"""Earthquakes as they happened or could, in different parts of the world, for what is searched for there."""

from dataclasses import replace

from harvest_world import EARTHQUAKE

from quakelens.earthquakes import Earthquake


def at(
    latitude: float, longitude: float, magnitude: float | None, depth_km: float | None = 10.0, place: str | None = None
) -> Earthquake:
    """An earthquake somewhere."""
    return replace(
        EARTHQUAKE, latitude=latitude, longitude=longitude, magnitude=magnitude, depth_km=depth_km, place=place
    )


CASES = {
    "Nurdagi": at(37.226, 37.014, 7.8, 10, "26 km ENE of Nurdağı, Turkey"),
    "Nepal": at(28.2305, 84.7314, 7.8, 8, "67 km NNE of Bharatpur, Nepal"),
    "Myanmar": at(22.0, 95.92, 7.7, 10, "14 km NNW of Sagaing, Myanmar"),
    "Croatia": at(45.42, 16.25, 6.4, 10, "2 km WSW of Petrinja, Croatia"),
    "Japan": at(37.49, 137.24, 7.5, 10, "42 km NE of Anamizu, Japan"),
    "Mexico": at(18.55, -98.49, 7.1, 48, "1 km ESE of Ayutla, Mexico"),
    "Greece": at(38.19, 20.27, 6.4, 11, "14 km W of Lixouri, Greece"),
    "Philippines": at(11.13, 123.9, 6.9, 10, "11 km ESE of Calape, Philippines"),
    "ocean": at(55.5, -35.2, 6.5, 10, "Reykjanes Ridge"),
}
