"""What is found out beyond announcements: details by need, and a search that stays the same."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from earthquake_cases import CASES
from harvest_world import NOW, ORIGIN, new_store, params
from test_usgs_detail import CITIES, PAGER, SHAKEMAP, WHOLE

from quakelens.demo.servers import Fault, Faults, FeedServer
from quakelens.earthquakes import Earthquake
from quakelens.earthquakes.about import fetch_details, needs_detail, subject, without_detail
from quakelens.earthquakes.feeds import read_feeds
from quakelens.earthquakes.watching import observe
from quakelens.settings import Settings
from quakelens.store import Store, details, earthquakes

PARAMS = params()
RULE = PARAMS.trigger
STRONG = replace(CASES["Nurdagi"], detail_url="https://earthquake.usgs.gov/detail/us7000abcd")


def weaker(name: str, magnitude: float, **more: Any) -> Earthquake:
    return replace(
        STRONG, id=name, ids=(name,), magnitude=magnitude, origin_time=ORIGIN - timedelta(hours=2), **more
    )  # fmt: skip


def feed(*said: Earthquake) -> bytes:
    features = [
        {
            "type": "Feature", "id": each.id,
            "geometry": {"type": "Point", "coordinates": [each.longitude, each.latitude, each.depth_km]},
            "properties": {
                "mag": each.magnitude, "place": each.place, "ids": f",{','.join(each.ids)},",
                "time": int(each.origin_time.timestamp() * 1000), "updated": int(each.updated.timestamp() * 1000),
                "detail": each.detail_url, "alert": each.alert, "mmi": each.mmi,
            },
        }
        for each in said
    ]  # fmt: skip
    metadata = {"generated": int(NOW.timestamp() * 1000)}
    return json.dumps({"type": "FeatureCollection", "metadata": metadata, "features": features}).encode()


def announce(store: Store, server: FeedServer, *said: Earthquake) -> list[Earthquake]:
    server.set(feed(*said))
    return observe(store, read_feeds(f"{server.url}/feed.geojson", "", now=NOW).earthquakes, RULE, NOW)


def settings_of(server: FeedServer) -> Settings:
    return Settings(usgs_feed_url=f"{server.url}/feed.geojson", usgs_event_url=f"{server.url}/fdsnws/event/1/query")


def fetch(store: Store, server: FeedServer, wanted: Sequence[Earthquake]) -> tuple[int, tuple[str, ...]]:
    result = fetch_details(store, wanted, settings_of(server), NOW)
    return result.count, result.problems


def test_details_are_wanted_of_those_that_matter_or_may(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    said = [
        weaker("us49", 4.9), weaker("us50", 5.0, depth_km=300.0), STRONG, weaker("usalert", 4.6, alert="yellow"),
        weaker("usnone", 6.5, detail_url=None), weaker("usold", 7.0),
    ]  # fmt: skip
    said[-1] = replace(said[-1], origin_time=ORIGIN - timedelta(hours=RULE.max_age_h + 1))
    for number, each in enumerate(said):  # far from each other
        said[number] = replace(each, latitude=-30.0 + 10 * number)
    observe(store, said, RULE, NOW)
    assert [each.id for each in without_detail(store, RULE, NOW)] == ["us7000abcd", "usalert", "us50"]


def test_detail_gives_alert_and_intensity_to_an_announcement_that_lacks_them(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    small = weaker("us1", 5.1)
    with FeedServer(feed(), products={"us1": WHOLE}) as server:
        assert announce(store, server, small) == []
        (wanted,) = without_detail(store, RULE, NOW)
        assert fetch(store, server, [wanted]) == (1, ())
        assert [each.id for each in observe(store, (), RULE, NOW)] == ["us1"]
        assert without_detail(store, RULE, NOW) == []
        # A revision without them does not take them away; one with others has the last word.
        announce(store, server, replace(small, updated=NOW))
        found = earthquakes.get(store, "us1")
        assert (found.earthquake.alert, found.earthquake.mmi) == ("red", 9.212)
        assert "PAGER alert red" in str(found.reason)
        announce(store, server, replace(small, updated=NOW, alert="green", mmi=5.0))
        assert earthquakes.get(store, "us1").earthquake.alert == "green"


def test_detail_is_fetched_again_when_the_announcement_is_revised(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    with FeedServer(feed(), products={"us7000abcd": {"shakemap": (SHAKEMAP,)}}) as server:
        announce(store, server, STRONG)
        assert fetch(store, server, without_detail(store, RULE, NOW)) == (1, ())
        assert without_detail(store, RULE, NOW + timedelta(hours=1)) == []
        server.set(feed(), products={"us7000abcd": WHOLE})
        announce(store, server, replace(STRONG, updated=NOW))
        assert fetch(store, server, without_detail(store, RULE, NOW)) == (1, ())
    found = details.find(store, "us7000abcd").detail
    assert found is not None
    assert len(found.cities) == 2


@pytest.mark.parametrize("fault", ["503", "503-html", "html", "cut"])
def test_failures_leave_the_earthquake_as_it_was(tmp_path: Path, fault: Any) -> None:
    store = new_store(tmp_path)
    with FeedServer(feed(), products={"us7000abcd": WHOLE}, detail_faults=Faults({1: Fault(fault)})) as server:
        announce(store, server, STRONG)
        before = earthquakes.get(store, "us7000abcd")
        wanted = without_detail(store, RULE, NOW)
        count, problems = fetch(store, server, wanted)
        assert (count, len(problems)) == (0, 1)
        assert "no detail of M 7.8" in problems[0]
        assert earthquakes.get(store, "us7000abcd") == before
        assert without_detail(store, RULE, NOW) == wanted


def test_incomplete_detail_keeps_what_was_there_and_is_tried_again_after_a_while(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    broken = {"losspager": (replace(PAGER, files={"json/cities.json": b"<html>"}),), "shakemap": (SHAKEMAP,)}
    with FeedServer(feed(), products={"us7000abcd": WHOLE}) as server:
        announce(store, server, STRONG)
        fetch(store, server, without_detail(store, RULE, NOW))
        server.set(feed(), products={"us7000abcd": broken})
        announce(store, server, replace(STRONG, updated=NOW))
        count, problems = fetch(store, server, without_detail(store, RULE, NOW))
        assert (count, len(problems)) == (1, 1)
        found = details.find(store, "us7000abcd").detail
        assert found is not None
        assert len(found.cities) == 2
        known = earthquakes.get(store, "us7000abcd").earthquake
        assert not needs_detail(store, known, NOW + timedelta(minutes=9))
        assert needs_detail(store, known, NOW + timedelta(minutes=10))


def test_service_that_is_down_is_not_asked_for_ever(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    said = [replace(weaker(f"us{n}", 6.0), latitude=-40.0 + 8 * n) for n in range(8)]
    with FeedServer(feed(), detail_faults=Faults(dict.fromkeys(range(1, 99), Fault("503")))) as server:
        announce(store, server, *said)
        wanted = without_detail(store, RULE, NOW)
        assert len(wanted) == 8
        assert fetch(store, server, wanted)[0] == 0
        assert server.detail_faults.count == 2


def test_detail_on_another_host_is_not_asked_for(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    with FeedServer(feed(), products={"us7000abcd": WHOLE}) as server, FeedServer(feed()) as other:
        announce(store, server, STRONG)
        count, problems = fetch(store, other, without_detail(store, RULE, NOW))
        assert (count, server.detail_faults.count) == (0, 0)
        assert "another host" in problems[0]


def test_search_stays_the_same_while_the_earthquake_is_revised(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    observe(store, [STRONG], RULE, NOW)
    first = subject(store, STRONG, PARAMS.harvest)
    assert "Gaziantep" in first.towns
    revised = replace(STRONG, magnitude=6.1, latitude=36.5, updated=NOW)
    observe(store, [revised], RULE, NOW)
    assert subject(store, revised, PARAMS.harvest) == first
    words = {**PARAMS.harvest.words, "tr": PARAMS.harvest.words["tr"].model_copy(update={"earthquake": ("sarsıntı",)})}
    changed = subject(store, revised, PARAMS.harvest.model_copy(update={"words": words}))
    assert "sarsıntı" in changed.words
    assert changed.towns != first.towns


def test_pagers_towns_change_the_search_once_and_only_if_they_are_others(tmp_path: Path) -> None:
    elsewhere = {"all_cities": [{**CITIES["all_cities"][0], "name": "Kobane", "lat": 36.89, "lon": 38.35, "mmi": 8.0}]}
    pager = replace(PAGER, files={"json/cities.json": elsewhere})
    for number, (products, same) in enumerate([(WHOLE, True), ({"losspager": (pager,)}, False)]):
        store = new_store(tmp_path / str(number))
        with FeedServer(feed(), products={"us7000abcd": products}) as server:
            announce(store, server, STRONG)
            first = subject(store, STRONG, PARAMS.harvest)
            fetch(store, server, without_detail(store, RULE, NOW))
            second = subject(store, STRONG, PARAMS.harvest)
            assert (second == first) is same
            assert ("Kobane" in second.towns) is not same
            server.set(feed(), products={"us7000abcd": WHOLE})
            announce(store, server, replace(STRONG, updated=NOW))
            fetch(store, server, without_detail(store, RULE, NOW))
            assert subject(store, STRONG, PARAMS.harvest) == second


def test_search_before_any_detail_is_kept_with_the_detail(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    observe(store, [replace(STRONG, detail_url=None)], RULE, NOW)
    topic = subject(store, STRONG, PARAMS.harvest)
    assert details.find(store, "us7000abcd").topic == topic
    assert details.find(store, "us7000abcd").updated is None
    assert details.find(store, "us7000abcd").detail is None
