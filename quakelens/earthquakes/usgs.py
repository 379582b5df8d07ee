"""Earthquakes from the USGS: its GeoJSON summary feeds, and single ones by id or from a file.

Forms: https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php. Times are milliseconds of UTC, depth is
kilometres, positive down. The preferred id can change; `ids` lists all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import Field, ValidationError

from quakelens.earthquakes import emsc
from quakelens.earthquakes.earthquake import Earthquake
from quakelens.earthquakes.service import TIMEOUT_S, Feed, Form, check_place, get, read_features, read_json, short
from quakelens.errors import FeedError

__all__ = ["Feed", "fetch_earthquake", "parse_feed", "read_earthquake_file", "read_feed"]

LATE = timedelta(minutes=15)
"""The feeds are made anew each minute; one this old no longer tells what is happening."""


class _Properties(Form):
    mag: float | None = None
    magType: str | None = None  # noqa: N815 - the feed's own name
    place: str | None = None
    time: int
    updated: int | None = None
    url: str | None = None
    detail: str | None = None
    mmi: float | None = None
    alert: str | None = None
    status: str | None = None
    ids: str | None = None
    type: str = "earthquake"


class _Geometry(Form):
    coordinates: tuple[float, float, float | None] | tuple[float, float]


class _Feature(Form):
    id: str = Field(min_length=1)
    properties: _Properties
    geometry: _Geometry


def parse_feed(document: bytes) -> Feed:
    """Read a feed's document.

    One bad feature is a problem, not an error. An empty feed is a feed.

    Raises:
        FeedError: It is cut off, no JSON, or no GeoJSON FeatureCollection.
    """
    value = _json(document)
    features = value.get("features")
    if value.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise FeedError(
            "the feed is JSON, but no GeoJSON FeatureCollection: check that QUAKELENS_USGS_FEED_URL names "
            "one of the summary feeds that end in .geojson"
        )
    earthquakes, problems = read_features(features, _earthquake)
    metadata = value.get("metadata")
    milliseconds = metadata.get("generated") if isinstance(metadata, dict) else None
    try:
        generated = _time(milliseconds) if isinstance(milliseconds, int) else None
    except ValueError:
        generated = None
    return Feed(earthquakes, problems, generated)


def read_feed(url: str, *, now: datetime, timeout_s: float = TIMEOUT_S) -> Feed:
    """Fetch and read a summary feed; one made more than `LATE` before `now` carries a problem that says so.

    Raises:
        FeedError: It cannot be reached or read; the message says what to do.
    """
    feed = parse_feed(get(url, timeout_s=timeout_s, remember=True).content)
    if feed.generated is not None and now - feed.generated > LATE:
        told = f"the feed is late: made {feed.generated:%Y-%m-%d %H:%M} UTC, now it is {now:%Y-%m-%d %H:%M}"
        return Feed(feed.earthquakes, (*feed.problems, told), feed.generated)
    return feed


def fetch_earthquake(event_url: str, earthquake_id: str, *, timeout_s: float = TIMEOUT_S) -> Earthquake:
    """Ask the FDSN event service for one earthquake by any of its ids.

    Raises:
        FeedError: It is unknown there, no earthquake, or the service cannot be reached or read.
    """
    query = {"eventid": earthquake_id, "format": "geojson"}
    answer = get(event_url, query, timeout_s=timeout_s, accept=(200, 204, 400, 404, 409))
    if answer.status != 200:
        raise FeedError(f"{event_url} knows no earthquake {earthquake_id}: check the id")
    found = _only(_json(answer.content), f"the answer for {earthquake_id}")
    if found.detail_url is not None:
        return found
    # The service answers with the detail document itself, which does not name its own address.
    return replace(found, detail_url=str(httpx.URL(event_url).copy_merge_params({**query, "eventid": found.id})))


def read_earthquake_file(path: Path) -> Earthquake:
    """Read an earthquake from a GeoJSON file: a Feature of the USGS or the EMSC, or a FeatureCollection of one.

    Raises:
        FeedError: The file is missing or does not hold one earthquake.
    """
    try:
        document = path.read_bytes()
    except OSError as error:
        raise FeedError(f"{path} cannot be read: {error.strerror or error}") from error
    return _only(_json(document), str(path))


def _only(value: Mapping[str, Any], what: str) -> Earthquake:
    if "action" in value and isinstance(value.get("data"), dict):
        value = value["data"]  # a frame of the EMSC's websocket
    features = value.get("features") if value.get("type") == "FeatureCollection" else [value]
    if not isinstance(features, list) or len(features) != 1:
        raise FeedError(f"{what} must hold one earthquake as a GeoJSON Feature")
    try:
        found = emsc.read_feature(features[0]) if emsc.is_emsc(features[0]) else _earthquake(features[0])
    except (ValidationError, ValueError) as error:
        raise FeedError(f"{what} is not in the form of the USGS or the EMSC: {short(error)}") from error
    if found is None:
        raise FeedError(f"{what} is no earthquake, or was deleted by the agency")
    return found


def _earthquake(feature: object) -> Earthquake | None:
    form = _Feature.model_validate(feature)
    properties, coordinates = form.properties, form.geometry.coordinates
    if properties.type != "earthquake" or properties.status == "deleted":
        return None
    longitude, latitude = coordinates[0], coordinates[1]
    check_place(latitude, longitude)
    # Commas stand between the ids and at both ends; the preferred one may be missing in old feeds.
    others = [name for name in (properties.ids or "").split(",") if name and name != form.id]
    return Earthquake(
        id=form.id,
        ids=(form.id, *others),
        origin_time=_time(properties.time),
        latitude=latitude,
        longitude=longitude,
        depth_km=coordinates[2] if len(coordinates) == 3 else None,
        magnitude=properties.mag,
        magnitude_type=properties.magType,
        place=properties.place,
        alert=properties.alert,
        mmi=properties.mmi,
        updated=_time(properties.time if properties.updated is None else properties.updated),
        url=properties.url,
        agency="usgs",
        detail_url=properties.detail,
    )


def _json(document: bytes) -> Mapping[str, Any]:
    value = read_json(document)
    if not isinstance(value, dict):
        raise FeedError("the feed is JSON of another form than GeoJSON: check its address")
    return value


def _time(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(f"{milliseconds} ms is no time of any calendar") from error
