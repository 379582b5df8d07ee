"""PAGER and ShakeMap out of the USGS's detail documents."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quakelens.demo.servers import Fault, Faults, FeedServer, LocalServer, Product, Reply, Request
from quakelens.earthquakes import service
from quakelens.earthquakes.detail import Box, Detail, ShakenCity
from quakelens.earthquakes.service import origin
from quakelens.earthquakes.usgs_detail import read_detail
from quakelens.errors import FeedError

REAL = Path(__file__).parents[3] / "shared" / "fixtures" / "usgs" / "detail_event.geojson"
MADE = datetime(2026, 5, 1, 12, 20, tzinfo=UTC)

CITIES: dict[str, Any] = {
    "all_cities": [
        {"name": "Nurdagi", "lat": 37.17, "lon": 36.74, "pop": 12827, "mmi": 8.9, "ccode": "TR", "iscap": False},
        {"name": "Aleppo", "lat": 36.2, "lon": 37.16, "pop": 2098210.0, "mmi": 6.4, "ccode": "sy", "on_map": True},
        {"name": "Nowhere", "lat": 97.0, "lon": 37.16, "pop": 5, "mmi": 6.4},
        {"name": "Without an intensity", "lat": 37.0, "lon": 37.16, "pop": 5},
    ],
    "onepager_cities": [],
}
CONTOURS: dict[str, Any] = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature", "properties": {"value": 7.0, "units": "mmi"},
            "geometry": {"type": "MultiLineString", "coordinates": [[[37.00004, 37.1], [37.2, 37.3]], [[36, 37]]]},
        },
        {
            "type": "Feature", "properties": {"value": 6.5},
            "geometry": {"type": "LineString", "coordinates": [[37.0, 37.1], [37.2, 37.3]]},
        },
        {"type": "Feature", "properties": {}, "geometry": None},
    ],
}  # fmt: skip
PAGER = Product({"alertlevel": "red", "maxmmi": "9", "review-status": "automatic"}, {"json/cities.json": CITIES})
SHAKEMAP = Product(
    {
        "maxmmi": "9.212", "minimum-longitude": "34.1", "minimum-latitude": "35.5", "maximum-longitude": "40.7",
        "maximum-latitude": "39.7",
    },
    {"download/cont_mmi.json": CONTOURS, "download/cont_mi.json": {}},
)  # fmt: skip
WHOLE = {"losspager": (PAGER,), "shakemap": (SHAKEMAP,)}


def feed(**properties: Any) -> bytes:
    given = {
        "mag": 7.8, "place": "26 km ENE of Nurdağı, Turkey", "time": 1777636800250, "updated": 1777638000040,
        "detail": "https://earthquake.usgs.gov/earthquakes/feed/v1.0/detail/us1.geojson", "ids": ",us1,at1,",
        "type": "earthquake", **properties,
    }  # fmt: skip
    feature = {
        "type": "Feature", "id": "us1", "properties": given,
        "geometry": {"type": "Point", "coordinates": [37.01, 37.23, 10.0]},
    }  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "metadata": {}, "features": [feature]}).encode()


def read(server: FeedServer, **more: Any) -> Detail:
    return read_detail(f"{server.url}/earthquakes/feed/v1.0/detail/us1.geojson", only={origin(server.url)}, **more)


def test_reads_alert_intensity_towns_and_the_shaken_area() -> None:
    with FeedServer(feed(), products={"us1": WHOLE}) as server:
        found = read(server)
    assert (found.alert, found.mmi, found.problems) == ("red", 9.212, ())
    assert found.cities == (
        ShakenCity("Nurdagi", 37.17, 36.74, 12827, "TR", 8.9), ShakenCity("Aleppo", 36.2, 37.16, 2098210, "SY", 6.4),
    )  # fmt: skip
    assert found.box == Box(34.1, 35.5, 40.7, 39.7)
    assert [(each.mmi, len(each.lines)) for each in found.contours] == [(6.5, 1), (7.0, 2)]
    assert found.contours[1].lines[0] == ((37.0, 37.1), (37.2, 37.3))


def test_the_preferred_id_may_be_another_than_the_products() -> None:
    with FeedServer(feed(), products={"at1": WHOLE}) as server:
        assert read(server) == read_detail(
            f"{server.url}/earthquakes/feed/v1.0/detail/at1.geojson", only={origin(server.url)}
        )
        assert read(server).problems == ()


def test_earlier_and_shorter_lists_of_towns_are_read_too() -> None:
    listed = CITIES["all_cities"][:1]
    for files in (listed, {"onepager_cities": listed}):
        product = replace(PAGER, files={"json/cities.json": files})
        with FeedServer(feed(), products={"us1": {"losspager": (product,)}}) as server:
            assert [city.name for city in read(server).cities] == ["Nurdagi"]


def test_the_preferred_product_counts_and_a_deleted_one_does_not() -> None:
    other = replace(PAGER, properties={"alertlevel": "yellow"}, files={}, source="at", weight=5)
    gone = replace(PAGER, properties={"alertlevel": "green"}, files={}, source="nc", weight=900, status="DELETE")
    with FeedServer(feed(), products={"us1": {"losspager": (other, gone, PAGER)}}) as server:
        assert read(server).alert == "red"
        server.set(feed(), products={"us1": {"losspager": (gone, other)}})
        assert read(server).alert == "yellow"
        server.set(feed(), products={"us1": {"losspager": (gone,)}})
        assert read(server) == Detail(None, None, (), None, (), ())
        server.set(feed(alert="orange", mmi=6.1), products={})
        assert read(server) == Detail("orange", 6.1, (), None, (), ())


@pytest.mark.parametrize("fault", ["503", "503-html", "html", "cut", "slow"])
def test_part_that_cannot_be_had_is_a_problem_and_the_rest_is_there(fault: Any) -> None:
    faults = Faults({2: Fault(fault, 5)})
    with FeedServer(feed(), products={"us1": WHOLE}, detail_faults=faults) as server:
        found = read(server, timeout_s=0.4)
    assert (found.alert, found.mmi, found.cities, len(found.contours)) == ("red", 9.212, (), 2)
    assert "towns" in found.problems[0]


@pytest.mark.parametrize("fault", ["503", "503-html", "html", "cut", "slow"])
def test_document_that_cannot_be_had_is_an_error(fault: Any) -> None:
    faults = Faults({1: Fault(fault, 5)})
    with FeedServer(feed(), products={"us1": WHOLE}, detail_faults=faults) as server, pytest.raises(FeedError):
        read(server, timeout_s=0.4)


@pytest.mark.parametrize(
    "document",
    [
        b"[]", b"{}", b'{"properties": 7}', b'{"properties": {"products": []}}', b"\xff",
        b'{"properties": {"products": {"losspager": [{"preferredWeight": "much"}]}}}',
        b'{"properties": {"products": {"losspager": {}, "shakemap": [7, null]}}}',
        b'{"properties": {"products": {"shakemap": [{"properties": {"maxmmi": "x", "minimum-latitude": []}}]}}}',
        b'{"properties": {"products": {"losspager": [{"contents": {"json/cities.json": {"url": 7}}}]}}}',
    ],
)  # fmt: skip
def test_document_of_another_form_gives_an_error_or_an_empty_detail(document: bytes) -> None:
    with LocalServer(lambda _: Reply(200, document)) as server:
        try:
            found = read_detail(f"{server.url}/detail", only={origin(server.url)})
        except FeedError:
            return
    assert (found.alert, found.mmi, found.cities, found.box) == (None, None, (), None)


@pytest.mark.parametrize(
    "cities", [b"[]", b"7", b'{"all_cities": 7}', b'{"all_cities": [7, {"name": ""}]}', b"<html>", b'{"a": ']
)
def test_towns_of_another_form_leave_the_rest(cities: bytes) -> None:
    product = replace(PAGER, files={"json/cities.json": cities})
    with FeedServer(feed(), products={"us1": {"losspager": (product,), "shakemap": (SHAKEMAP,)}}) as server:
        found = read(server)
    assert (found.alert, found.cities, found.box is None) == ("red", (), False)


def test_no_other_host_is_asked() -> None:
    asked: list[str] = []

    def other(request: Request) -> Reply:
        asked.append(request.path)
        return Reply(200, json.dumps(CITIES).encode())

    with LocalServer(other) as elsewhere:
        document: dict[str, Any] = {
            "properties": {
                "products": {
                    "losspager": [
                        {"properties": {}, "contents": {"json/cities.json": {"url": f"{elsewhere.url}/cities"}}}
                    ]
                }
            }
        }

        def feeds(request: Request) -> Reply:
            if request.path == "/moved":
                return Reply(302, headers={"Location": f"{elsewhere.url}/detail"})
            return Reply(200, json.dumps(document).encode())

        with LocalServer(feeds) as server:
            found = read_detail(f"{server.url}/detail", only={origin(server.url)})
            assert "another host" in found.problems[0]
            for url in (f"{elsewhere.url}/detail", f"{server.url}/moved", "file:///etc/passwd", "ftp://x/", "http://["):
                with pytest.raises(FeedError):
                    read_detail(url, only={origin(server.url)})
    assert asked == []


def test_origin_is_scheme_host_and_port() -> None:
    assert origin("https://Earthquake.usgs.gov/feed?x=1") == origin("https://earthquake.usgs.gov:443/other")
    assert origin("http://a.example") != origin("https://a.example")
    assert origin("http://a.example:8080") != origin("http://a.example")
    assert origin("http://a.example@b.example/") == "http://b.example"
    assert [origin(url) for url in ("", "feed", "file:///x", "http://", "http://a:b/")] == [""] * 5


@pytest.mark.skipif(not REAL.is_file(), reason="the real document is not here")
def test_reads_a_real_document() -> None:
    real = REAL.read_bytes()

    def answer(request: Request) -> Reply:
        if request.path == "/detail":
            return Reply(200, real.replace(b"https://earthquake.usgs.gov", server.url.encode()))
        return Reply(200, json.dumps(CITIES).encode()) if request.path.endswith("cities.json") else Reply(404)

    with LocalServer(answer) as server:
        found = read_detail(f"{server.url}/detail", only={origin(server.url)})
    assert (found.alert, found.mmi) == ("red", 9.212)
    assert found.box == Box(84.15, 25.567, 90.783, 31.767)
    assert [city.name for city in found.cities] == ["Nurdagi", "Aleppo"]
    assert len(found.problems) == 1  # the contours are not here


def test_large_or_endless_answers_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_BYTES", 1000)
    with (
        LocalServer(lambda _: Reply(200, iter([b" " * 600] * 1000))) as server,
        pytest.raises(FeedError, match="1,000"),
    ):
        read_detail(f"{server.url}/detail", only={origin(server.url)})
