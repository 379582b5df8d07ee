"""The announcements of the live earthquake, in the shape of a USGS summary feed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ORIGIN_TIME = datetime(2026, 5, 17, 3, 12, 44, tzinfo=UTC)
"""Of the live earthquake, which never happened."""

EPICENTRE = (20.27, 38.19)
"""Longitude and latitude in degrees, 14 km west of Lixouri in the Ionian Sea."""

IDS = ("sample7001", "samplegr2026jrkx")
"""First and later preferred id."""

NOTICE = (
    "This is a drawn sample: every picture was drawn by a program, every post and the earthquake itself "
    "are invented. Nothing here shows a real event."
)
_ADDRESS = "https://example.org/drawn-sample"


def write_feeds(directory: Path) -> None:
    """Write `feed.geojson` (18 minutes after the origin time) and `feed_revised.geojson` (41 minutes)."""
    directory.mkdir(parents=True, exist_ok=True)
    first = _feature(
        net="sample", code="7001", mag=6.4, mag_type="mww", place="14 km W of Lixouri, Greece",
        minutes=0.0, updated=17.0, where=(*EPICENTRE, 11.0), ids=IDS, nst=84, dmin=0.412, rms=0.71, gap=38,
        types=("origin", "phase-data"),
    )  # fmt: skip
    revised = _feature(
        net="samplegr", code="2026jrkx", mag=6.5, mag_type="mww", place="14 km W of Lixouri, Greece",
        minutes=0.0, updated=40.0, where=(*EPICENTRE, 11.0), ids=IDS, nst=121, dmin=0.127, rms=0.66, gap=31,
        types=("dyfi", "losspager", "moment-tensor", "origin", "phase-data", "shakemap"),
        felt=412, cdi=7.2, mmi=7.9, alert="orange", status="reviewed",
    )  # fmt: skip
    _write(directory / "feed.geojson", [first, *_quiet()], minutes=18)
    _write(directory / "feed_revised.geojson", [revised, *_quiet()], minutes=41)


def write_about(directory: Path) -> None:
    """Write `about.json`: the present of the demo, the earthquake's ids and the notice."""
    now = ORIGIN_TIME + timedelta(hours=8)
    about = {
        "now": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "earthquake_ids": list(IDS), "notice": NOTICE,
    }  # fmt: skip
    _dump(directory / "about.json", about)


def _quiet() -> list[dict[str, Any]]:
    """Announcements that must not start anything."""
    return [
        _feature(  # too small
            net="sample", code="7002", mag=5.1, mag_type="mb", place="32 km SSW of Lefkada, Greece",
            minutes=-94.5, updated=-60.0, where=(20.55, 38.56, 10.0), felt=38, cdi=3.8, nst=61, gap=44,
        ),
        _feature(  # too deep
            net="sample", code="7003", mag=6.1, mag_type="mww", place="211 km NE of a sample island",
            minutes=-402.0, updated=-300.0, where=(-178.41, -18.2, 412.3), alert="green", mmi=2.4, nst=140,
            gap=22, status="reviewed",
        ),
        _feature(
            net="samplenn", code="880127", mag=2.3, mag_type="ml", place="5 km N of a sample quarry",
            minutes=-511.0, updated=-480.0, where=(-117.21, 40.62, -0.4), kind="quarry blast", nst=9, gap=120,
        ),
        _feature(
            net="sampleak", code="0265xq", mag=None, mag_type=None, place="40 km W of a sample harbour",
            minutes=-7.0, updated=-3.0, where=(-152.3, 59.9, None), nst=None, gap=None,
        ),
        _feature(
            net="sample", code="7004", mag=4.6, mag_type="mb", place="a sample ridge", minutes=-1030.0,
            updated=-900.0, where=(-35.2, 55.5, 10.0), nst=37, gap=121, status="reviewed",
        ),
    ]  # fmt: skip


def _feature(
    *, net: str, code: str, mag: float | None, mag_type: str | None, place: str, minutes: float,
    updated: float, where: tuple[float, float, float | None], ids: tuple[str, ...] | None = None,
    types: tuple[str, ...] = ("origin", "phase-data"), felt: int | None = None, cdi: float | None = None,
    mmi: float | None = None, alert: str | None = None, status: str = "automatic", nst: int | None,
    dmin: float | None = None, rms: float | None = None, gap: int | None, kind: str = "earthquake",
) -> dict[str, Any]:  # fmt: skip
    named = f"{place} (DRAWN SAMPLE)"
    ids = ids or (net + code,)
    magnitude = "?" if mag is None else f"{mag:.1f}"
    blast = "" if kind == "earthquake" else f" {kind.title()}"
    properties = {
        "mag": mag, "place": named, "time": _ms(minutes), "updated": _ms(updated), "tz": None,
        "url": f"{_ADDRESS}/eventpage/{net}{code}", "detail": f"{_ADDRESS}/detail/{net}{code}.geojson",
        "felt": felt, "cdi": cdi, "mmi": mmi, "alert": alert, "status": status, "tsunami": 0,
        "sig": _significance(mag, felt, cdi, alert), "net": net, "code": code,
        "ids": f",{','.join(ids)},", "sources": f",{net},", "types": f",{','.join(types)},", "nst": nst,
        "dmin": dmin, "rms": rms, "gap": gap, "magType": mag_type, "type": kind,
        "title": f"M {magnitude}{blast} - {named}",
    }  # fmt: skip
    geometry = {"type": "Point", "coordinates": list(where)}
    return {"type": "Feature", "properties": properties, "geometry": geometry, "id": net + code}


def _significance(mag: float | None, felt: int | None, cdi: float | None, alert: str | None) -> int:
    """The feed's `sig`, 0 to about 3000: magnitude or PAGER's level, and how it was felt."""
    pager = {"green": 0, "yellow": 650, "orange": 1000, "red": 2000}.get(alert or "", 0)
    return round(max((mag or 0) * 100 * (mag or 0) / 6.5, pager) + min(felt or 0, 1000) * (cdi or 0) / 10)


def _ms(minutes: float) -> int:
    """Milliseconds since 1970 of a time given in minutes after the origin time."""
    return int((ORIGIN_TIME + timedelta(minutes=minutes)).timestamp() * 1000)


def _write(path: Path, features: list[dict[str, Any]], *, minutes: float) -> None:
    points = [feature["geometry"]["coordinates"] for feature in features]
    axes = [[value for value in axis if value is not None] for axis in zip(*points, strict=True)]
    feed = {
        "type": "FeatureCollection",
        "metadata": {
            "generated": _ms(minutes), "url": f"{_ADDRESS}/summary/4.5_day.geojson",
            "title": "DRAWN SAMPLE in the shape of USGS Magnitude 4.5+ Earthquakes, Past Day",
            "status": 200, "api": "1.14.1", "count": len(features),
        },
        "features": features,
        "bbox": [*[min(axis) for axis in axes], *[max(axis) for axis in axes]],
    }  # fmt: skip
    _dump(path, feed)


def _dump(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
