"""What else the agencies say of the live earthquake: PAGER and ShakeMap, and the EMSC's announcement."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from quakelens.demo.sample_feed import EPICENTRE, IDS, ORIGIN_TIME

UNID = "20260517_0000112"
"""The EMSC's id of the live earthquake."""

_CITIES = (  # name, latitude, longitude, inhabitants, intensity
    ("Lixouri", 38.2003, 20.4314, 6989, 7.8), ("Argostoli", 38.1754, 20.4892, 9820, 7.4),
    ("Sami", 38.2517, 20.6475, 1200, 6.6), ("Ithaki", 38.3647, 20.7186, 1900, 6.1),
    ("Lefkada", 38.8306, 20.7069, 8673, 5.4), ("Zakynthos", 37.7876, 20.8984, 11541, 5.6),
    ("Patra", 38.2444, 21.7344, 168034, 4.6), ("Pyrgos", 37.6751, 21.4410, 24359, 4.3),
)  # fmt: skip


def write_products(directory: Path) -> None:
    """Write `products.json` (what the detail of the live earthquake holds) and `emsc.json`."""
    _dump(directory / "products.json", {IDS[0]: {"losspager": _pager(), "shakemap": _shakemap()}})
    _dump(directory / "emsc.json", _emsc())


def _pager() -> dict[str, Any]:
    cities = [
        {
            "ccode": "GR", "iscap": False, "lat": latitude, "lon": longitude, "mmi": mmi, "name": name,
            "on_map": True, "pop": population,
        }
        for name, latitude, longitude, population, mmi in _CITIES
    ]  # fmt: skip
    return {
        "properties": {"alertlevel": "orange", "maxmmi": "8", "review-status": "automatic"},
        "files": {"json/cities.json": {"all_cities": cities, "onepager_cities": cities[:6]}},
    }


def _shakemap() -> dict[str, Any]:
    longitude, latitude = EPICENTRE
    contours = [
        {
            "type": "Feature", "properties": {"value": mmi, "units": "mmi"},
            "geometry": {
                "type": "MultiLineString",
                "coordinates": [[[longitude + dx * half, latitude + dy * half] for dx, dy in _SQUARE]],
            },
        }
        for mmi, half in ((5.0, 0.6), (6.0, 0.35), (7.0, 0.2))
    ]  # fmt: skip
    return {
        "properties": {
            "maxmmi": "7.9", "minimum-longitude": "18.27", "minimum-latitude": "36.39",
            "maximum-longitude": "22.27", "maximum-latitude": "39.99", "map-status": "automatic",
        },
        "files": {"download/cont_mmi.json": {"type": "FeatureCollection", "features": contours}},
    }  # fmt: skip


_SQUARE = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))


def _emsc() -> dict[str, Any]:
    def feature(unid: str, minutes: float, place: str, where: tuple[float, float, float], mag: float) -> dict[str, Any]:
        longitude, latitude, depth = where
        time = ORIGIN_TIME + timedelta(minutes=minutes)
        return {
            "type": "Feature", "id": unid,
            "geometry": {"type": "Point", "coordinates": [longitude, latitude, -depth]},
            "properties": {
                "source_id": "0", "source_catalog": "DRAWN-SAMPLE",
                "lastupdate": f"{time + timedelta(minutes=4):%Y-%m-%dT%H:%M:%S.%f}Z",
                "time": f"{time:%Y-%m-%dT%H:%M:%S}.0Z", "flynn_region": place, "lat": latitude, "lon": longitude,
                "depth": depth, "evtype": "ke", "auth": "SAMPLE", "mag": mag, "magtype": "mw", "unid": unid,
            },
        }  # fmt: skip

    return {
        "type": "FeatureCollection",
        "metadata": {"count": 2},
        "features": [
            feature(UNID, 0.05, "GREECE (DRAWN SAMPLE)", (20.31, 38.21, 8.0), 6.3),
            feature("20260517_0000087", -94.5, "GREECE (DRAWN SAMPLE)", (20.5, 38.6, 12.0), 5.0),
        ],
    }


def _dump(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
