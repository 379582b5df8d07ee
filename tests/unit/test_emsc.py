"""The EMSC's event service and websocket."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quakelens.demo.servers import Fault, Faults, FeedServer
from quakelens.earthquakes.earthquake import agency_of
from quakelens.earthquakes.emsc import MAX_AGE, fetch_earthquake, parse_feed, parse_frame, read_feed
from quakelens.earthquakes.usgs import read_earthquake_file
from quakelens.errors import FeedError

NOW = datetime(2026, 5, 1, 13, 0, tzinfo=UTC)
REAL = Path(__file__).parents[3] / "shared" / "fixtures" / "emsc" / "ws_frames.jsonl"


def feature(unid: str = "20260501_0000123", **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [37.21, -38.12, -12.5]},
        "id": unid,
        "properties": {
            "source_id": "1992055", "source_catalog": "EMSC-RTS", "lastupdate": "2026-05-01T12:09:52.946851Z",
            "time": "2026-05-01T12:00:01.5Z", "flynn_region": "OFF COAST OF CENTRAL CHILE", "lat": -38.12,
            "lon": 37.21, "depth": 12.5, "evtype": "ke", "auth": "NEIC", "mag": 6.7, "magtype": "mw", "unid": unid,
            **properties,
        },
    }  # fmt: skip


def collection(*features: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "metadata": {"count": 1}, "features": features}).encode()


def frame(action: str = "create", data: Any = None) -> str:
    return json.dumps({"action": action, "data": feature() if data is None else data})


def test_reads_an_earthquake_with_its_units() -> None:
    (found,) = parse_feed(collection(feature())).earthquakes
    assert (found.id, found.ids, found.agency) == ("20260501_0000123", ("20260501_0000123",), "emsc")
    assert found.origin_time == datetime(2026, 5, 1, 12, 0, 1, 500000, tzinfo=UTC)
    assert found.updated == datetime(2026, 5, 1, 12, 9, 52, 946851, tzinfo=UTC)
    assert (found.latitude, found.longitude, found.depth_km) == (-38.12, 37.21, 12.5)
    assert (found.magnitude, found.magnitude_type, found.alert, found.mmi) == (6.7, "mw", None, None)
    assert found.place == "Off Coast of Central Chile"
    assert found.url == "https://www.seismicportal.eu/eventdetails.html?unid=20260501_0000123"


def test_depth_is_positive_also_where_only_the_geometry_has_it() -> None:
    (found,) = parse_feed(collection(feature(depth=None, lat=None, lon=None))).earthquakes
    assert (found.latitude, found.longitude, found.depth_km) == (-38.12, 37.21, 12.5)
    bare = feature(depth=None)
    bare["geometry"]["coordinates"] = [37.21, -38.12]
    assert parse_feed(collection(bare)).earthquakes[0].depth_km is None


@pytest.mark.parametrize(
    ("text", "microsecond"), [("0", 0), ("58", 580000), ("582", 582000), ("27268", 272680), ("946851", 946851)]
)
def test_reads_one_to_six_digits_of_a_second(text: str, microsecond: int) -> None:
    (found,) = parse_feed(collection(feature(time=f"2026-05-01T12:00:01.{text}Z"))).earthquakes
    assert found.origin_time == datetime(2026, 5, 1, 12, 0, 1, microsecond, tzinfo=UTC)


def test_leaves_out_what_is_no_earthquake() -> None:
    kinds = ["ke", "km", "sm", "kx", "ls", "uk", "se", None]
    found = parse_feed(collection(*[feature(f"20260501_000000{n}", evtype=kind) for n, kind in enumerate(kinds)]))
    assert [each.id[-1] for each in found.earthquakes] == ["0", "6", "7"]
    assert found.problems == ()


def bad_features() -> list[Any]:
    no_time, nowhere = feature(), feature(lat=None, lon=None)
    del no_time["properties"]["time"]
    nowhere["geometry"] = None
    nameless = feature(unid="")
    del nameless["id"]
    return [no_time, nowhere, nameless, feature(time="yesterday"), feature(lat=138.0), feature(mag="big"), 7, None]


@pytest.mark.parametrize("position", range(len(bad_features())))
def test_one_bad_feature_is_a_problem_and_the_others_are_read(position: int) -> None:
    found = parse_feed(collection(feature("20260501_0000001"), bad_features()[position], feature("20260501_0000002")))
    assert [each.id for each in found.earthquakes] == ["20260501_0000001", "20260501_0000002"]
    assert len(found.problems) == 1


@pytest.mark.parametrize("document", [b"<html>", collection(feature())[:-20], b"[]", b"{}", b'{"features": []}'])
def test_document_of_another_form_is_an_error(document: bytes) -> None:
    with pytest.raises(FeedError):
        parse_feed(document)


def test_frames_are_read_and_old_ones_left_out() -> None:
    assert parse_frame(frame(), now=NOW) == parse_feed(collection(feature())).earthquakes[0]
    assert parse_frame(frame("update").encode(), now=NOW) is not None
    assert parse_frame(frame("delete"), now=NOW) is None
    assert parse_frame(frame(data=feature(evtype="kx")), now=NOW) is None
    assert parse_frame(frame(), now=NOW + MAX_AGE) is None
    for bad in ("", "o", "h", "[1]", frame()[:-3], frame(data={"type": "Feature"}), "{}"):
        with pytest.raises(FeedError):
            parse_frame(bad, now=NOW)


@pytest.mark.skipif(not REAL.is_file(), reason="the real frames are not here")
def test_reads_real_frames() -> None:
    frames = REAL.read_text(encoding="utf-8").splitlines()
    found = [parse_frame(line, now=datetime(2026, 8, 17, 18, tzinfo=UTC), max_age=MAX_AGE * 365) for line in frames]
    assert [(each.id, each.depth_km, each.magnitude) for each in found if each] == [
        ("20260430_0000391", 44.7, 4.5), ("20260817_0000558", 10.0, 2.7),
    ]  # fmt: skip
    now = datetime(2026, 5, 9, 10, 10, tzinfo=UTC)  # when the first was sent again, nine days after it happened
    assert parse_frame(frames[0], now=now) is None


def test_asks_for_the_last_day_and_reads_no_content_as_no_earthquake() -> None:
    old = feature("20260430_0000001", time="2026-04-30T12:59:59.0Z")
    small = feature("20260501_0000002", mag=4.4)
    with FeedServer(collection(), emsc=collection(feature(), old, small)) as server:
        assert [each.id for each in read_feed(f"{server.url}/emsc/query", now=NOW).earthquakes] == ["20260501_0000123"]
        assert read_feed(f"{server.url}/emsc/query", now=NOW + timedelta(days=2)).earthquakes == ()


@pytest.mark.parametrize("kind", ["503", "503-html", "html", "cut", "slow"])
def test_service_that_fails_is_a_feed_error(kind: Any) -> None:
    with (
        FeedServer(collection(), emsc=collection(feature()), emsc_faults=Faults({1: Fault(kind, 5)})) as server,
        pytest.raises(FeedError),
    ):
        read_feed(f"{server.url}/emsc/query", now=NOW, timeout_s=0.3)


def test_one_earthquake_is_asked_for_by_its_id() -> None:
    with FeedServer(collection(), emsc=collection(feature(), feature("20260501_0000900", evtype="kx"))) as server:
        url = f"{server.url}/emsc/query"
        assert fetch_earthquake(url, "20260501_0000123").magnitude == 6.7
        for unknown in ("20260501_0000124", "20260501_0000900"):
            with pytest.raises(FeedError, match=unknown):
                fetch_earthquake(url, unknown)
    with pytest.raises(FeedError, match="QUAKELENS_EMSC_FEED_URL"):
        fetch_earthquake("", "20260501_0000123")


def test_ids_are_told_apart_by_their_form() -> None:
    assert agency_of("20260817_0000558") == "emsc"
    for other in ("us7000abcd", "20260817", "at20260817_0000558", "20260817_0000558x"):
        assert agency_of(other) == "usgs"


def test_file_may_hold_a_feature_or_a_frame_of_the_emsc(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    for content in (json.dumps(feature()), frame(), collection(feature()).decode()):
        path.write_text(content)
        found = read_earthquake_file(path)
        assert (found.id, found.agency, found.depth_km) == ("20260501_0000123", "emsc", 12.5)
