"""Both agencies' feeds in one reading, and looking one earthquake up."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harvest_world import new_store

from quakelens.demo.servers import Fault, Faults, FeedServer
from quakelens.earthquakes import service
from quakelens.earthquakes.feeds import read_feeds
from quakelens.earthquakes.resolve import resolve
from quakelens.errors import FeedError, UsageError
from quakelens.settings import Settings
from quakelens.store import earthquakes

NOW = datetime(2026, 5, 1, 13, 0, tzinfo=UTC)
TIME_MS = int(datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp() * 1000)


def usgs_feed(name: str = "us1", generated: datetime = NOW) -> bytes:
    feature = {
        "type": "Feature", "id": name, "geometry": {"type": "Point", "coordinates": [37.0, 37.0, 10.0]},
        "properties": {"mag": 6.8, "place": "x", "time": TIME_MS, "updated": TIME_MS, "ids": f",{name},"},
    }  # fmt: skip
    metadata = {"generated": int(generated.timestamp() * 1000)}
    return json.dumps({"type": "FeatureCollection", "metadata": metadata, "features": [feature]}).encode()


EMSC = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature", "id": "20260501_0000001",
                "geometry": {"type": "Point", "coordinates": [37.1, 37.0, -9.0]},
                "properties": {
                    "time": "2026-05-01T12:00:02.5Z", "lastupdate": "2026-05-01T12:05:00.0Z", "depth": 9.0,
                    "lat": 37.0, "lon": 37.1, "mag": 6.7, "evtype": "ke", "unid": "20260501_0000001",
                },
            }
        ],
    }
).encode()  # fmt: skip


def urls(server: FeedServer) -> tuple[str, str]:
    return f"{server.url}/feed.geojson", f"{server.url}/emsc/query"


def test_both_feeds_are_read() -> None:
    with FeedServer(usgs_feed(), emsc=EMSC) as server:
        found = read_feeds(*urls(server), now=NOW)
    assert [(each.id, each.agency) for each in found.earthquakes] == [("us1", "usgs"), ("20260501_0000001", "emsc")]
    assert (found.problems, found.generated) == ((), NOW)


@pytest.mark.parametrize("kind", ["503", "503-html", "html", "cut"])
@pytest.mark.parametrize("agency", ["USGS", "EMSC"])
def test_one_that_fails_does_not_stop_the_other(kind: Any, agency: str) -> None:
    faults = {"faults" if agency == "USGS" else "emsc_faults": Faults({1: Fault(kind)})}
    with FeedServer(usgs_feed(), emsc=EMSC, **faults) as server:  # type: ignore[arg-type]
        found = read_feeds(*urls(server), now=NOW)
        (problem,) = found.problems
        assert problem.startswith(f"{agency}: ")
        assert len(found.earthquakes) == 1
        assert found.earthquakes[0].agency != agency.lower()
        assert len(read_feeds(*urls(server), now=NOW).earthquakes) == 2


def test_both_failing_is_an_error_that_names_both() -> None:
    with (
        FeedServer(b"", faults=Faults({1: Fault("503")}), emsc_faults=Faults({1: Fault("503")})) as server,
        pytest.raises(FeedError, match=r"USGS: .*; EMSC: "),
    ):
        read_feeds(*urls(server), now=NOW)


def test_late_and_bad_parts_are_said_with_their_agency() -> None:
    emsc = json.loads(EMSC)
    emsc["features"].append({"id": "20260501_0000002", "properties": {"time": "2026-05-01T12:30:00.0Z", "mag": 5}})
    with FeedServer(usgs_feed(generated=NOW - timedelta(hours=2)), emsc=json.dumps(emsc).encode()) as server:
        found = read_feeds(*urls(server), now=NOW)
    assert len(found.earthquakes) == 2
    assert [problem[:4] for problem in found.problems] == ["USGS", "EMSC"]
    assert "late" in found.problems[0]


def test_either_can_be_left_out_but_not_both() -> None:
    with FeedServer(usgs_feed(), emsc=EMSC) as server:
        usgs, emsc = urls(server)
        assert [each.agency for each in read_feeds(usgs, "", now=NOW).earthquakes] == ["usgs"]
        assert [each.agency for each in read_feeds("", emsc, now=NOW).earthquakes] == ["emsc"]
        with FeedServer(usgs_feed(), faults=Faults({1: Fault("503")})) as down, pytest.raises(FeedError):
            read_feeds(urls(down)[0], "", now=NOW)
    with pytest.raises(UsageError, match="QUAKELENS_EMSC_FEED_URL"):
        read_feeds("", "", now=NOW)


def test_a_feed_that_did_not_change_is_not_sent_again() -> None:
    with FeedServer(usgs_feed()) as server:
        url = urls(server)[0]
        for _ in range(3):
            assert [each.id for each in read_feeds(url, "", now=NOW).earthquakes] == ["us1"]
        assert (server.requests, server.not_modified) == (3, 2)
        server.set(usgs_feed("us2"))
        assert [each.id for each in read_feeds(url, "", now=NOW).earthquakes] == ["us2"]
        assert [each.id for each in read_feeds(url, "", now=NOW).earthquakes] == ["us2"]
        assert (server.requests, server.not_modified) == (5, 3)


def test_a_failure_does_not_spoil_what_is_remembered() -> None:
    with FeedServer(usgs_feed(), faults=Faults({2: Fault("cut"), 3: Fault("503")})) as server:
        url = urls(server)[0]
        read_feeds(url, "", now=NOW)
        server.set(usgs_feed("us2"))
        for _ in range(2):
            with pytest.raises(FeedError):
                read_feeds(url, "", now=NOW)
        assert [each.id for each in read_feeds(url, "", now=NOW).earthquakes] == ["us2"]


def test_few_answers_are_remembered() -> None:
    servers = [FeedServer(usgs_feed()) for _ in range(12)]
    for server in servers:
        with server:
            read_feeds(urls(server)[0], "", now=NOW)
    assert len(service._answers) <= 4


def test_the_form_of_an_id_tells_whom_to_ask(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    with FeedServer(usgs_feed(), emsc=EMSC) as server:
        settings = Settings(
            usgs_event_url=f"{server.url}/fdsnws/event/1/query", emsc_feed_url=urls(server)[1],
        )  # fmt: skip
        of_usgs, of_emsc = (resolve(each, store, settings) for each in ("us1", "20260501_0000001"))
        assert (of_usgs.agency, of_emsc.agency) == ("usgs", "emsc")
        assert of_usgs.detail_url == f"{server.url}/fdsnws/event/1/query?eventid=us1&format=geojson"
        earthquakes.save(store, of_emsc, NOW)
        earthquakes.save(store, of_usgs, NOW)
    # Known now, both without asking.
    assert resolve("20260501_0000001", store, settings) == resolve("us1", store, settings)
    assert resolve("us1", store, settings).agency == "usgs"
    with pytest.raises(FeedError, match="switched off"):
        resolve("20260501_0000009", store, Settings(emsc_feed_url=""))
