"""PAGER and ShakeMap out of the detail documents of the USGS.

Form: https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson_detail.php. A product can be there several times,
from several institutes; the one of the largest `preferredWeight` that was not deleted counts. Its properties are
strings. Addresses inside the document are followed on the feed's own host only.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import Field, ValidationError, field_validator

from quakelens.earthquakes.detail import Box, Contour, Detail, ShakenCity
from quakelens.earthquakes.service import TIMEOUT_S, Form, check_place, get, read_json, short
from quakelens.errors import FeedError

LEVELS = ("green", "yellow", "orange", "red")
"""PAGER's alert levels."""

MAX_CITIES = 2000
"""PAGER lists some hundreds at most."""


class _Content(Form):
    url: str


class _Product(Form):
    status: str = "UPDATE"
    preferredWeight: float = 0.0  # noqa: N815 - the feed's own name
    properties: dict[str, Any] = Field(default_factory=dict)
    contents: dict[str, Any] = Field(default_factory=dict)

    def url_of(self, *names: str) -> str | None:
        for name in names:
            try:
                return _Content.model_validate(self.contents.get(name)).url
            except ValidationError:
                continue
        return None


class _City(Form):
    name: str = Field(min_length=1)
    lat: float
    lon: float
    pop: float = Field(ge=0)
    mmi: float
    ccode: str | None = None

    @field_validator("name")
    @classmethod
    def _tidy(cls, value: str) -> str:
        return " ".join(value.split())


_Part = list[tuple[float, float]]


class _Lines(Form):
    type: str
    coordinates: _Part | list[_Part]

    @property
    def parts(self) -> list[_Part]:
        several: Any = self.coordinates if self.type == "MultiLineString" else [self.coordinates]
        return several if isinstance(several, list) else []


class _Value(Form):
    value: float


class _Line(Form):
    properties: _Value
    geometry: _Lines


def read_detail(url: str, *, only: Collection[str], timeout_s: float = TIMEOUT_S) -> Detail:
    """Fetch the detail document of an earthquake, and what it says where to find.

    A part that cannot be fetched or read is a problem of the result; the others are there.

    Args:
        url: `Earthquake.detail_url`.
        only: Origins that may be asked, see `service.origin`.
        timeout_s: Longest silence, seconds.

    Raises:
        FeedError: The document itself cannot be fetched or read.
    """
    document = read_json(get(url, timeout_s=timeout_s, only=only).content, "the detail document")
    properties = document.get("properties") if isinstance(document, dict) else None
    products = properties.get("products", {}) if isinstance(properties, dict) else None
    if not isinstance(properties, dict) or not isinstance(products, dict):
        raise FeedError(f"{url} is JSON, but no detail document of the USGS")
    problems: list[str] = []
    pager = _preferred(products.get("losspager"), "PAGER", problems)
    shakemap = _preferred(products.get("shakemap"), "ShakeMap", problems)

    def fetch(address: str | None, what: str) -> Any:
        if address is None:
            return None
        try:
            return read_json(get(address, timeout_s=timeout_s, only=only).content, what)
        except FeedError as error:
            problems.append(f"{what} cannot be had: {error}")
            return None

    cities = _cities(fetch(pager.url_of("json/cities.json") if pager else None, "PAGER's list of towns"), problems)
    lines = fetch(
        shakemap.url_of("download/cont_mmi.json", "download/cont_mi.json") if shakemap else None,
        "the ShakeMap's contours",
    )
    return Detail(
        alert=_alert(pager.properties.get("alertlevel") if pager else None) or _alert(properties.get("alert")),
        mmi=_first_number(
            shakemap and shakemap.properties.get("maxmmi"), pager and pager.properties.get("maxmmi"),
            properties.get("mmi"),
        ),
        cities=cities,
        box=_box(shakemap, problems),
        contours=_contours(lines, problems),
        problems=tuple(problems),
    )  # fmt: skip


def _preferred(listed: object, what: str, problems: list[str]) -> _Product | None:
    found: list[_Product] = []
    for each in listed if isinstance(listed, list) else []:
        try:
            found.append(_Product.model_validate(each))
        except ValidationError as error:
            problems.append(f"a product of {what} is passed over: {short(error)}")
    alive = [product for product in found if product.status.upper() != "DELETE"]
    return max(alive, key=lambda product: product.preferredWeight, default=None)


def _cities(value: Any, problems: list[str]) -> tuple[ShakenCity, ...]:
    if value is None:
        return ()
    # Two forms: the older one is the list alone.
    listed = value.get("all_cities") or value.get("onepager_cities") if isinstance(value, dict) else value
    if not isinstance(listed, list):
        problems.append("PAGER's list of towns has another form than expected")
        return ()
    cities, bad = [], 0
    for each in listed[:MAX_CITIES]:
        try:
            city = _City.model_validate(each)
            check_place(city.lat, city.lon)
        except ValueError:
            bad += 1
            continue
        country = city.ccode.upper() if city.ccode and len(city.ccode) == 2 else None
        cities.append(ShakenCity(city.name, city.lat, city.lon, int(city.pop), country, city.mmi))
    if bad and not cities:
        problems.append(f"none of the {bad} towns of PAGER's list can be read")
    return tuple(cities)


def _contours(value: Any, problems: list[str]) -> tuple[Contour, ...]:
    if value is None:
        return ()
    listed = value.get("features") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        problems.append("the ShakeMap's contours have another form than expected")
        return ()
    contours = []
    for each in listed:
        try:
            line = _Line.model_validate(each)
        except ValidationError:
            continue
        lines = tuple(tuple((round(x, 3), round(y, 3)) for x, y in part) for part in line.geometry.parts)
        contours.append(Contour(line.properties.value, lines))
    return tuple(sorted(contours, key=lambda contour: contour.mmi))


def _box(shakemap: _Product | None, problems: list[str]) -> Box | None:
    if shakemap is None:
        return None
    names = ("minimum-longitude", "minimum-latitude", "maximum-longitude", "maximum-latitude")
    west, south, east, north = (_number(shakemap.properties.get(name)) for name in names)
    if west is None or south is None or east is None or north is None or south > north:
        problems.append("the ShakeMap does not say what it shows")
        return None
    return Box(west, south, east, north)


def _alert(value: object) -> str | None:
    level = value.strip().lower() if isinstance(value, str) else None
    return level if level in LEVELS else None


def _first_number(*values: object) -> float | None:
    numbers = (_number(value) for value in values)
    return next((number for number in numbers if number is not None), None)


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if abs(number) < 1000 else None
