"""Feeds that are down for an hour, and what they bring when they are back."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harvest_world import NOW, ORIGIN, new_store, params

from quakelens.demo.servers import Fault, Faults, FeedServer
from quakelens.earthquakes.feeds import read_feeds
from quakelens.earthquakes.watching import observe
from quakelens.errors import FeedError
from quakelens.store import earthquakes, polls, runs

MINUTE = timedelta(minutes=1)


def announcement(number: int, magnitude: float, ids: tuple[str, ...]) -> dict[str, Any]:
    """As the USGS has it; `ids` with the preferred one first."""
    updated = ORIGIN + (70 + number) * MINUTE
    return {
        "type": "Feature",
        "id": ids[0],
        "properties": {
            "mag": magnitude, "magType": "mww", "place": "10 km N of Somewhere", "time": ORIGIN.timestamp() * 1000,
            "updated": updated.timestamp() * 1000, "url": f"https://earthquake.usgs.gov/earthquakes/eventpage/{ids[0]}",
            "ids": f",{','.join(ids)},", "alert": None, "mmi": None, "type": "earthquake", "status": "automatic",
        },
        "geometry": {"type": "Point", "coordinates": [37.0, 37.2, 10.0]},
    }  # fmt: skip


def feed(*features: dict[str, Any], now: Any) -> bytes:
    generated = now.timestamp() * 1000
    return json.dumps(
        {"type": "FeatureCollection", "metadata": {"generated": generated}, "features": features}
    ).encode()


def test_feed_that_was_down_for_an_hour_and_then_bursts_starts_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    store, trigger = new_store(tmp_path), params().trigger
    started: list[str] = []

    with FeedServer(feed(now=NOW), faults=Faults(always=Fault("503"))) as server:

        def minute(now: Any) -> None:
            """What `watch` does."""
            read = read_feeds(f"{server.url}/feed.geojson", "", now=now)
            for due in observe(store, read.earthquakes, trigger, now):
                held = runs.claim(store, due.id, now, again_after=timedelta(0))
                assert held is not None
                started.append(due.id)
                polls.record(store, held.earthquake, polls.Poll("x", now, now + 60 * MINUTE, "done", 0, None))
                runs.finish(store, held, now)

        at = ORIGIN
        for _ in range(15):
            with pytest.raises(FeedError, match="503"):
                minute(at)
            at += 4 * MINUTE
        server.faults = Faults()
        # Smaller than the rule asks for at first, then larger; other networks' ids come, and each is preferred once.
        names = [f"{network}{1000 + number}" for number, network in enumerate(("us", "at", "pt", "gr", "tr", "us"))]
        for number in range(30):
            ids = tuple(names[: 2 + number // 6])
            preferred = ids[number % len(ids)]
            revised = announcement(number, 5.2 + 0.05 * number, (preferred, *(one for one in ids if one != preferred)))
            server.set(feed(revised, now=at))
            for _ in range(2):  # the same feed is read twice, too
                minute(at)
                at += MINUTE / 4
        assert len(started) == 1, started
        (known,) = earthquakes.since(store, ORIGIN - MINUTE)
        assert set(known.earthquake.ids) == set(names)
        assert known.earthquake.magnitude == pytest.approx(5.2 + 0.05 * 29)
        assert [run.state for run in runs.history(store, names[-1], at)] == ["done"]
    store.close()
