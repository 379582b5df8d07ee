"""Earthquakes from the EMSC: its FDSN event service as JSON, and the frames of its websocket.

Form, the same Feature in both: https://www.seismicportal.eu/realtime.html and /fdsn-wsevent.html. Times are ISO 8601
of UTC with 1 to 6 digits of a second. `properties.depth` is kilometres, positive down; the geometry's third
coordinate is the negative of it. There is no PAGER alert and no ShakeMap.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pydantic import Field, ValidationError, field_validator

from quakelens.earthquakes.earthquake import Earthquake
from quakelens.earthquakes.service import TIMEOUT_S, Feed, Form, check_place, get, read_features, read_json, short
from quakelens.errors import FeedError

AGENCY = "emsc"

MIN_MAGNITUDE = 4.5
"""As in the feed of the USGS that is read by default."""

MAX_AGE = timedelta(days=1)
"""Older earthquakes are left out: the EMSC sends them again, days later, when it revises them."""

_PAGE = "https://www.seismicportal.eu/eventdetails.html?unid="
_EARTHQUAKES = frozenset({"ke", "se", "fe", "de"})
"""Event types of IMS 1.0: known, suspected, felt, damaging earthquake. Others are explosions, rock bursts, ..."""

_SMALL_WORDS = frozenset({"of", "the", "and", "off"})


class _Properties(Form):
    unid: str | None = None
    time: datetime
    lastupdate: datetime | None = None
    flynn_region: str | None = None
    lat: float | None = None
    lon: float | None = None
    depth: float | None = None
    evtype: str | None = None
    mag: float | None = None
    magtype: str | None = None

    @field_validator("time", "lastupdate")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _Geometry(Form):
    coordinates: tuple[float, float, float | None] | tuple[float, float]


class _Feature(Form):
    id: str | None = Field(default=None, min_length=1)
    properties: _Properties
    geometry: _Geometry | None = None


def parse_feed(document: bytes) -> Feed:
    """Read the event service's JSON; an empty document means no earthquake, one bad feature is a problem.

    Raises:
        FeedError: It is cut off, no JSON, or neither a GeoJSON FeatureCollection nor a Feature.
    """
    if not document.strip():
        return Feed((), (), None)
    value = read_json(document, "the answer of the EMSC")
    kind = value.get("type") if isinstance(value, dict) else None
    features = value.get("features") if kind == "FeatureCollection" else [value] if kind == "Feature" else None
    if not isinstance(features, list):
        raise FeedError(
            "the answer of the EMSC is JSON, but no GeoJSON: check that QUAKELENS_EMSC_FEED_URL names its FDSN "
            "event service"
        )
    earthquakes, problems = read_features(features, read_feature)
    return Feed(earthquakes, problems, None)


def parse_frame(frame: str | bytes, *, now: datetime, max_age: timedelta = MAX_AGE) -> Earthquake | None:
    """Read a frame of the websocket.

    Args:
        frame: JSON with `action` and `data`.
        now: UTC.
        max_age: Of the origin time.

    Returns:
        None for what is no new state of an earthquake: another action than create or update, another kind
        of event, or one that is sent again when it is older than `max_age`.

    Raises:
        FeedError: It is no frame.
    """
    value = read_json(frame.encode() if isinstance(frame, str) else frame, "the frame of the EMSC")
    if not isinstance(value, dict) or "action" not in value:
        raise FeedError("a frame of the EMSC has no action: it is passed over")
    if value["action"] not in ("create", "update"):
        return None
    try:
        found = read_feature(value.get("data"))
    except (ValidationError, ValueError) as error:
        raise FeedError(f"a frame of the EMSC is passed over: {short(error)}") from error
    return None if found is None or now - found.origin_time > max_age else found


def read_feed(url: str, *, now: datetime, timeout_s: float = TIMEOUT_S) -> Feed:
    """Ask the event service for the earthquakes of the last day.

    Raises:
        FeedError: It cannot be reached or read; the message says what to do.
    """
    query = {
        "format": "json", "minmagnitude": f"{MIN_MAGNITUDE}", "orderby": "time",
        "starttime": (now - MAX_AGE).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    }  # fmt: skip
    feed = parse_feed(get(url, query, timeout_s=timeout_s, accept=(200, 204)).content)
    fresh = tuple(each for each in feed.earthquakes if now - each.origin_time <= MAX_AGE)
    return Feed(fresh, feed.problems, None)


def fetch_earthquake(url: str, unid: str, *, timeout_s: float = TIMEOUT_S) -> Earthquake:
    """Ask the event service for one earthquake.

    Raises:
        FeedError: It is unknown there, no earthquake, or the service cannot be reached or read.
    """
    if not url:
        raise FeedError(f"{unid} is an id of the EMSC, which is switched off: set QUAKELENS_EMSC_FEED_URL")
    answer = get(url, {"eventid": unid, "format": "json"}, timeout_s=timeout_s, accept=(200, 204, 400, 404))
    if answer.status != 200:
        raise FeedError(f"{url} knows no earthquake {unid}: check the id")
    feed = parse_feed(answer.content)
    if feed.problems:
        raise FeedError(f"the answer for {unid} is not in the form of the EMSC: {feed.problems[0]}")
    if len(feed.earthquakes) != 1:
        raise FeedError(f"{url} knows no earthquake {unid}, or it was no earthquake: check the id")
    return feed.earthquakes[0]


def is_emsc(feature: object) -> bool:
    """Whether a GeoJSON Feature has the EMSC's form."""
    properties = feature.get("properties") if isinstance(feature, dict) else None
    return isinstance(properties, dict) and "unid" in properties


def read_feature(feature: object) -> Earthquake | None:
    """Read a Feature; None for what is no earthquake.

    Raises:
        ValueError: It is not in the EMSC's form.
    """
    form = _Feature.model_validate(feature)
    properties = form.properties
    if properties.evtype is not None and properties.evtype.lower() not in _EARTHQUAKES:
        return None
    unid = properties.unid or form.id
    if not unid:
        raise ValueError("unid: missing")
    coordinates = form.geometry.coordinates if form.geometry else (None, None)
    latitude = coordinates[1] if properties.lat is None else properties.lat
    longitude = coordinates[0] if properties.lon is None else properties.lon
    if latitude is None or longitude is None:
        raise ValueError("neither the properties nor the geometry say where it was")
    check_place(latitude, longitude)
    return Earthquake(
        id=unid,
        ids=(unid,),
        origin_time=properties.time,
        latitude=latitude,
        longitude=longitude,
        depth_km=_depth(properties.depth, coordinates),
        magnitude=properties.mag,
        magnitude_type=properties.magtype,
        place=_readable(properties.flynn_region),
        alert=None,
        mmi=None,
        updated=properties.lastupdate or properties.time,
        url=_PAGE + unid,
        agency=AGENCY,
    )


def _depth(depth: float | None, coordinates: tuple[float | None, ...]) -> float | None:
    if depth is not None:
        return depth
    height = coordinates[2] if len(coordinates) == 3 else None
    return None if height is None else -height


def _readable(region: str | None) -> str | None:
    """`OFFSHORE COQUIMBO, CHILE` as `Offshore Coquimbo, Chile`."""
    words = (region or "").split()
    small = [word.lower() if word.lower() in _SMALL_WORDS else word.capitalize() for word in words]
    return " ".join([small[0].capitalize(), *small[1:]]) if small else None
