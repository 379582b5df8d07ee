"""Earthquakes from the USGS: its GeoJSON summary feeds, and single ones by id or from a file.

Forms: https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php. Times are milliseconds of UTC, depth is
kilometres, positive down. The preferred id can change; `ids` lists all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from quakelens.earthquakes.earthquake import Earthquake
from quakelens.errors import FeedError

LATE = timedelta(minutes=15)
"""The feeds are made anew each minute; one this old no longer tells what is happening."""

MAX_BYTES = 50_000_000
"""Far above the largest feed, `all_month`, of some 10 MB."""

_AGENT = "quakelens (earthquake damage from posts)"


@dataclass(frozen=True, slots=True)
class Feed:
    """One reading of a feed.

    Attributes:
        earthquakes: In the feed's order; explosions, quarry blasts and deleted events are left out.
        problems: What could not be used, a sentence each.
        generated: When the feed was made, UTC; None where it does not say.
    """

    earthquakes: tuple[Earthquake, ...]
    problems: tuple[str, ...]
    generated: datetime | None


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class _Properties(_Form):
    mag: float | None = None
    magType: str | None = None  # noqa: N815 - the feed's own name
    place: str | None = None
    time: int
    updated: int | None = None
    url: str | None = None
    mmi: float | None = None
    alert: str | None = None
    status: str | None = None
    ids: str | None = None
    type: str = "earthquake"


class _Geometry(_Form):
    coordinates: tuple[float, float, float | None] | tuple[float, float]


class _Feature(_Form):
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
    earthquakes, problems = [], []
    for position, feature in enumerate(features):
        try:
            found = _earthquake(feature)
        except (ValidationError, ValueError) as error:
            name = feature.get("id") if isinstance(feature, dict) else None
            problems.append(f"feature {name or position + 1} is passed over: {_short(error)}")
        else:
            if found is not None:
                earthquakes.append(found)
    metadata = value.get("metadata")
    milliseconds = metadata.get("generated") if isinstance(metadata, dict) else None
    try:
        generated = _time(milliseconds) if isinstance(milliseconds, int) else None
    except ValueError:
        generated = None
    return Feed(tuple(earthquakes), tuple(problems), generated)


def read_feed(url: str, *, now: datetime, timeout_s: float = 20.0) -> Feed:
    """Fetch and read a summary feed; one made more than `LATE` before `now` carries a problem that says so.

    Raises:
        FeedError: It cannot be reached or read; the message says what to do.
    """
    feed = parse_feed(_get(url, {}, timeout_s))
    if feed.generated is not None and now - feed.generated > LATE:
        told = f"the feed is late: made {feed.generated:%Y-%m-%d %H:%M} UTC, now it is {now:%Y-%m-%d %H:%M}"
        return Feed(feed.earthquakes, (*feed.problems, told), feed.generated)
    return feed


def fetch_earthquake(event_url: str, earthquake_id: str, *, timeout_s: float = 20.0) -> Earthquake:
    """Ask the FDSN event service for one earthquake by any of its ids.

    Raises:
        FeedError: It is unknown there, no earthquake, or the service cannot be reached or read.
    """
    document = _get(event_url, {"eventid": earthquake_id, "format": "geojson"}, timeout_s)
    return _only(_json(document), f"the answer for {earthquake_id}")


def read_earthquake_file(path: Path) -> Earthquake:
    """Read an earthquake from a GeoJSON file: a Feature, or a FeatureCollection of one.

    Raises:
        FeedError: The file is missing or does not hold one earthquake.
    """
    try:
        document = path.read_bytes()
    except OSError as error:
        raise FeedError(f"{path} cannot be read: {error.strerror or error}") from error
    return _only(_json(document), str(path))


def _only(value: Mapping[str, Any], what: str) -> Earthquake:
    features = value.get("features") if value.get("type") == "FeatureCollection" else [value]
    if not isinstance(features, list) or len(features) != 1:
        raise FeedError(f"{what} must hold one earthquake as a GeoJSON Feature")
    try:
        found = _earthquake(features[0])
    except (ValidationError, ValueError) as error:
        raise FeedError(f"{what} is not in the form of the USGS: {_short(error)}") from error
    if found is None:
        raise FeedError(f"{what} is no earthquake, or was deleted by the agency")
    return found


def _earthquake(feature: object) -> Earthquake | None:
    form = _Feature.model_validate(feature)
    properties, coordinates = form.properties, form.geometry.coordinates
    if properties.type != "earthquake" or properties.status == "deleted":
        return None
    longitude, latitude = coordinates[0], coordinates[1]
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise ValueError(f"no place on Earth has latitude {latitude} and longitude {longitude}")
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
    )


def _get(url: str, query: dict[str, str], timeout_s: float) -> bytes:
    try:
        with (
            httpx.Client(timeout=timeout_s, headers={"User-Agent": _AGENT}, follow_redirects=True) as client,
            client.stream("GET", url, params=query or None) as response,
        ):
            if response.status_code in (204, 404, 409) or (query and response.status_code == 400):
                raise FeedError(f"{url} knows no earthquake {query.get('eventid', '')}: check the id")
            if response.status_code != 200:
                raise FeedError(f"{url} answered {response.status_code}: try again in a minute")
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                if len(content) > MAX_BYTES:
                    raise FeedError(f"{url} sent more than {MAX_BYTES:,} bytes: it is no earthquake feed")
            return bytes(content)
    except httpx.HTTPError as error:
        raise FeedError(f"{url} cannot be read ({type(error).__name__}: {error}): try again in a minute") from error
    except httpx.InvalidURL as error:
        raise FeedError(f"{url} is no address: {error}") from error


def _json(document: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(document)
    except (ValueError, RecursionError) as error:
        start = document[:40].decode("utf-8", "replace").strip()
        looks = "an HTML page" if start.startswith("<") else "cut off or no JSON"
        raise FeedError(f"the feed is {looks} ({len(document)} bytes, {error}): read it again") from error
    if not isinstance(value, dict):
        raise FeedError("the feed is JSON of another form than GeoJSON: check its address")
    return value


def _time(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(f"{milliseconds} ms is no time of any calendar") from error


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error)
