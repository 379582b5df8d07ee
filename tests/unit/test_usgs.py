import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from quakelens.earthquakes.usgs import fetch_earthquake, parse_feed, read_earthquake_file, read_feed
from quakelens.errors import FeedError, QuakelensError

MADE = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
MADE_MS = int(MADE.timestamp() * 1000)


def feature(name: str = "us7000aaaa", **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {
            "mag": 6.8, "place": "26 km ENE of Somewhere, Turkey", "time": 1777636800250,
            "updated": 1777638000040, "tz": None, "url": f"https://example.org/{name}", "felt": None,
            "cdi": None, "mmi": 7.25, "alert": "yellow", "status": "reviewed", "tsunami": 0, "sig": 800,
            "net": "us", "code": name[2:], "ids": f",at00bbbb,{name},", "sources": ",at,us,",
            "types": ",origin,shakemap,", "magType": "mww", "type": "earthquake", **properties,
        },
        "geometry": {"type": "Point", "coordinates": [37.2, -38.1, 12.5]},
        "id": name,
    }  # fmt: skip


def feed(*features: Any, generated: Any = MADE_MS) -> bytes:
    metadata = {"generated": generated, "title": "USGS Magnitude 4.5+ Earthquakes, Past Day", "count": 2}
    return json.dumps({"type": "FeatureCollection", "metadata": metadata, "features": features}).encode()


def test_earthquake_is_read_with_its_units_and_all_its_ids() -> None:
    found = parse_feed(feed(feature(), feature("us7000cccc"))).earthquakes
    assert [each.id for each in found] == ["us7000aaaa", "us7000cccc"]
    first = found[0]
    assert first.ids == ("us7000aaaa", "at00bbbb")
    assert first.origin_time == datetime(2026, 5, 1, 12, 0, 0, 250000, tzinfo=UTC)
    assert first.updated - first.origin_time == timedelta(seconds=1199, milliseconds=790)
    assert (first.latitude, first.longitude, first.depth_km) == (-38.1, 37.2, 12.5)
    assert (first.magnitude, first.magnitude_type, first.alert, first.mmi) == (6.8, "mww", "yellow", 7.25)


def test_values_that_are_not_known_yet_are_none() -> None:
    early = feature(mag=None, alert=None, mmi=None, place=None, magType=None, ids=None)
    early["geometry"]["coordinates"][2] = None
    (found,) = parse_feed(feed(early)).earthquakes
    assert (found.magnitude, found.alert, found.mmi, found.place, found.depth_km) == (None,) * 5
    assert found.ids == ("us7000aaaa",)


def test_empty_feed_is_a_feed() -> None:
    found = parse_feed(feed())
    assert (found.earthquakes, found.problems, found.generated) == ((), (), MADE)


@pytest.mark.parametrize("odd", [{"type": "quarry blast"}, {"type": "explosion"}, {"status": "deleted"}])
def test_what_is_no_earthquake_is_left_out(odd: dict[str, str]) -> None:
    found = parse_feed(feed(feature("us1", **odd), feature("us2")))
    assert [each.id for each in found.earthquakes] == ["us2"]
    assert found.problems == ()


def bad_features() -> list[Any]:
    no_time, far, short, nameless = (feature() for _ in range(4))
    del no_time["properties"]["time"]
    far["geometry"]["coordinates"][1] = 138.0
    short["geometry"] = None
    del nameless["id"]
    return [
        no_time, far, short, nameless, feature(time="yesterday"), feature(mag="big"), feature(mag=float("nan")),
        feature(time=10**30), 7, None, [],
    ]  # fmt: skip


@pytest.mark.parametrize("position", range(len(bad_features())))
def test_one_bad_event_is_a_problem_and_the_others_are_read(position: int) -> None:
    found = parse_feed(feed(feature("us1"), bad_features()[position], feature("us2")))
    assert [each.id for each in found.earthquakes] == ["us1", "us2"]
    assert len(found.problems) == 1


def test_unknown_alert_level_does_not_lose_the_earthquake() -> None:
    assert parse_feed(feed(feature(alert="pending"))).earthquakes[0].alert == "pending"


@pytest.mark.parametrize("generated", [None, "now", 10**30, -(10**30)])
def test_odd_time_of_the_feed_is_no_error(generated: Any) -> None:
    found = parse_feed(feed(feature(), generated=generated))
    assert (len(found.earthquakes), found.generated) == (1, None)


@pytest.mark.parametrize(
    "document",
    [
        b"", b"   ", b"<!DOCTYPE html><html>Service Unavailable</html>", feed(feature())[:-30], b"[]", b"7",
        b'{"type": "Feature"}', b'{"features": []}', b'{"type": "FeatureCollection", "features": {}}',
        b"\xff\xfe\x00", b"[" * 100_000,
    ],
)  # fmt: skip
def test_document_that_is_no_feed_is_an_error(document: bytes) -> None:
    with pytest.raises(FeedError):
        parse_feed(document)


def test_file_holds_one_earthquake(tmp_path: Path) -> None:
    path = tmp_path / "one.geojson"
    path.write_text(json.dumps(feature()))
    assert read_earthquake_file(path).id == "us7000aaaa"
    path.write_bytes(feed(feature("us2")))
    assert read_earthquake_file(path).id == "us2"
    small = feature()
    small["properties"] = {"time": 1777636800000, "mag": 6.0}
    path.write_text(json.dumps(small))
    assert read_earthquake_file(path).updated == datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "content",
    [feed(), feed(feature("us1"), feature("us2")), b"{", b"{}", json.dumps(feature(type="landslide")).encode()],
)
def test_file_with_something_else_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "one.geojson"
    path.write_bytes(content)
    with pytest.raises(FeedError):
        read_earthquake_file(path)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(QuakelensError, match=r"none\.geojson"):
        read_earthquake_file(tmp_path / "none.geojson")


@contextmanager
def server(status: int, body: bytes, *, promise: int | None = None) -> Iterator[tuple[str, list[str]]]:
    """Gives one answer to all; `promise` is a longer length than is sent."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(promise or len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}/feed", asked
        finally:
            http.shutdown()
            thread.join()


def test_feed_is_read_over_http_and_a_late_one_says_so() -> None:
    with server(200, feed(feature())) as (url, _):
        fresh = read_feed(url, now=MADE + timedelta(minutes=2))
        late = read_feed(url, now=MADE + timedelta(hours=2))
    assert (len(fresh.earthquakes), fresh.problems) == (1, ())
    assert late.earthquakes == fresh.earthquakes
    assert "late" in late.problems[0]


@pytest.mark.parametrize(
    ("status", "body", "promise"),
    [(503, b"", None), (404, b"", None), (200, b"<html>", None), (200, feed(feature()), 100_000)],
)
def test_feed_that_fails_is_a_feed_error(status: int, body: bytes, promise: int | None) -> None:
    with server(status, body, promise=promise) as (url, _), pytest.raises(FeedError):
        read_feed(url, now=MADE)


def test_unreachable_feed_is_a_feed_error() -> None:
    with server(200, b"") as (url, _):
        pass
    with pytest.raises(FeedError, match="try again"):
        read_feed(url, now=MADE, timeout_s=2)


def test_one_earthquake_is_asked_for_by_its_id() -> None:
    body = json.dumps(feature()).encode()
    with server(200, body) as (url, asked):
        assert fetch_earthquake(url, "at00bbbb").id == "us7000aaaa"
    assert asked == ["/feed?eventid=at00bbbb&format=geojson"]


@pytest.mark.parametrize("status", [204, 400, 404, 409])
def test_unknown_earthquake_is_named(status: int) -> None:
    with server(status, b"") as (url, _), pytest.raises(FeedError, match="us0none"):
        fetch_earthquake(url, "us0none")
