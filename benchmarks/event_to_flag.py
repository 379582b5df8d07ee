"""Event to flag: how long after an announcement in the feed its harvest starts, and its report shows flagged pictures.

    python benchmarks/event_to_flag.py [--repeat 3] [--at 5 25 45] [--work FOLDER] [--json FILE]

A station as `quakelens serve` makes it (Prefect's server, the deployments, a worker, MLflow) in a workspace of its own,
and stand-ins for the USGS and X on this machine. An earthquake that happened 18 minutes ago appears in the feed, as
many seconds after a full minute as `--at` says; watch reads the feed at each full minute, so soon after one is worst.
Each repetition has an earthquake, posts and drawn pictures of its own.

Bars: a run of the harvest is started within 90 s of the feed's update, and its report shows flagged pictures. Prints a
table with the share of each step and, as the last line, JSON; exit code 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from quakelens.demo.sample import ORIGIN_TIME, write_sample
from quakelens.demo.sample_posts import LATEST_MIN
from quakelens.demo.servers import FeedServer, XApi
from quakelens.demo.servers.x_posts import StoredPost, read_posts
from quakelens.files import write_json
from quakelens.settings import Settings, Workspace, store_url_of
from quakelens.store import earthquakes, open_store
from quakelens.store.tables import earthquake_posts, pictures, posts, scores
from quakelens.versioning import initialise

BAR_S = 90.0
AGE = timedelta(minutes=18)  # of the earthquake when it is announced
GIVE_UP_S = 400.0
TOKEN = "a-token-for-the-stand-in"
_TWITTER_EPOCH_MS = 1_288_834_974_657

STEPS = (
    ("announced", "scheduled", "until watch is due"),
    ("scheduled", "watching", "until watch works"),
    ("watching", "event", "feed read, event sent"),
    ("event", "created", "until the harvest's run is made"),
    ("created", "started", "until the harvest works"),
    ("started", "first_page", "first page of posts"),
    ("first_page", "first_score", "first picture scored"),
    ("first_score", "report", "report of all of it"),
)


def main() -> None:
    """Measure and print."""
    given = _arguments()
    console = Console(stderr=True)
    root = given.work or Path(tempfile.mkdtemp(prefix="event-to-flag-"))
    found = []
    with FeedServer(_feed([])) as feed, XApi([], token=TOKEN, now=lambda: datetime.now(UTC), images_root=root) as x:
        workspace = Workspace(root / f"workspace-{datetime.now(UTC):%Y%m%d-%H%M%S}")
        initialise(workspace, Settings())
        with _station(workspace, feed, x) as api:
            _await_watch(api)
            for number in range(given.repeat):
                sample = write_sample(root / f"s{number}", seed=100 + number, pictures_per_earthquake=4, others=0)
                at = given.at[number % len(given.at)]
                found.append(_once(number, at, sample.posts, feed, x, api, workspace))
                _show(console, found[-1])
    summary = {
        "runs": found,
        "started_s": [each["started_s"] for each in found],
        "report_s": [each["report_s"] for each in found],
        "bars": {
            "started_within_90_s": all(each["started_s"] <= BAR_S for each in found),
            "flagged_in_report": all(each["flagged"] > 0 for each in found),
        },
    }
    if given.json:
        write_json(given.json, summary)
    print(json.dumps(summary))
    sys.exit(0 if all(summary["bars"].values()) else 1)


@dataclass(frozen=True, slots=True)
class Api:
    """Prefect's server."""

    url: str

    def runs(self, deployment: str, since: datetime) -> list[dict[str, Any]]:
        """Runs of a deployment that were due or made since then, oldest first."""
        body = {
            "deployments": {"name": {"any_": [deployment]}},
            "flow_runs": {"expected_start_time": {"after_": since.isoformat()}},
            "sort": "EXPECTED_START_TIME_ASC",
        }
        answer = httpx.post(f"{self.url}/flow_runs/filter", json=body, timeout=30)
        answer.raise_for_status()
        return list(answer.json())

    def events(self, name: str, since: datetime) -> list[datetime]:
        """When events of this name occurred, oldest first."""
        body = {"filter": {"event": {"name": [name]}, "occurred": {"since": since.isoformat()}, "order": "ASC"}}
        answer = httpx.post(f"{self.url}/events/filter", json=body, timeout=30)
        answer.raise_for_status()
        return [datetime.fromisoformat(each["occurred"]) for each in answer.json()["events"]]


def _once(
    number: int, at_s: float, file: Path, feed: FeedServer, x: XApi, api: Api, workspace: Workspace
) -> dict[str, Any]:
    time.sleep((at_s - time.time()) % 60)
    announced = datetime.now(UTC)
    x.posts.append(_fresh(read_posts(file), f"s{number}/live", announced))
    name = f"flag{number}"
    feed.set(_feed([_announcement(name, announced - AGE)]))
    run = _await_harvest(api, announced)
    watching = next(each for each in api.runs("watch", announced) if each["start_time"])
    times = {
        "announced": announced,
        "scheduled": datetime.fromisoformat(watching["expected_start_time"]),
        "watching": datetime.fromisoformat(watching["start_time"]),
        "event": api.events("quakelens.earthquake.due", announced)[0],
        "created": datetime.fromisoformat(run["created"]),
        "started": datetime.fromisoformat(run["start_time"]),
        "report": datetime.fromisoformat(run["end_time"]),
    }
    counts = _from_store(workspace, name, times)
    return {
        "earthquake": name, "at_s": at_s, "state": run["state_name"], **counts,
        "started_s": round((times["started"] - announced).total_seconds(), 1),
        "report_s": round((times["report"] - announced).total_seconds(), 1),
        "harvests": len(api.runs("harvest-and-score", announced)),
        "steps": {what: round((times[end] - times[start]).total_seconds(), 2) for start, end, what in STEPS},
    }  # fmt: skip


def _await_watch(api: Api) -> None:
    """Until watch has run once: the station works, and what follows is its everyday."""
    deadline = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline:
        if any(each["state_type"] == "COMPLETED" for each in api.runs("watch", ORIGIN_TIME)):
            return
        time.sleep(1)
    sys.exit("watch was not run")


def _await_harvest(api: Api, since: datetime) -> dict[str, Any]:
    deadline = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline:
        for run in api.runs("harvest-and-score", since):
            if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
                return run
        time.sleep(0.5)
    sys.exit(f"no harvest has ended {GIVE_UP_S:.0f} s after the announcement")


def _from_store(workspace: Workspace, name: str, times: dict[str, datetime]) -> dict[str, int]:
    """Add the times that the store knows; how much came."""
    store = open_store(store_url_of(Settings(), workspace))
    try:
        key = earthquakes.get(store, name).key
        with store.read() as connection:
            # The repetitions share their region: posts of an earlier one lie within this earthquake, too.
            ours = (earthquake_posts.c.earthquake == key) & (posts.c.harvested_at >= times["started"])
            joined = posts.join(
                earthquake_posts,
                (earthquake_posts.c.source == posts.c.source) & (earthquake_posts.c.post_id == posts.c.id),
            )
            count, page = connection.execute(
                select(func.count(), func.min(posts.c.harvested_at)).select_from(joined).where(ours)
            ).one()
            since = scores.c.scored_at >= times["started"]
            scored, first = connection.execute(select(func.count(), func.min(scores.c.scored_at)).where(since)).one()
            flagged = connection.execute(
                select(func.count()).where(since, scores.c.decision.in_(("damaged", "unsure")))
            ).scalar_one()
            fetched = connection.execute(select(func.count()).select_from(pictures)).scalar_one()
    finally:
        store.close()
    times |= {"first_page": page, "first_score": first}
    return {"posts": count, "pictures_so_far": fetched, "scored": scored, "flagged": flagged}


@contextmanager
def _station(workspace: Workspace, feed: FeedServer, x: XApi) -> Iterator[Api]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("QUAKELENS_", "PREFECT_"))}
    environment |= {
        "QUAKELENS_WORKSPACE": str(workspace.root),
        "QUAKELENS_USGS_FEED_URL": f"{feed.url}/feed.geojson",
        "QUAKELENS_USGS_EVENT_URL": f"{feed.url}/fdsnws/event/1/query",
        "QUAKELENS_EMSC_FEED_URL": f"{feed.url}/emsc/query",
        "QUAKELENS_EMSC_STREAM_URL": "",
        "QUAKELENS_SOURCES": "x",
        "QUAKELENS_X_BASE_URL": x.url,
        "QUAKELENS_X_BEARER_TOKEN": TOKEN,
        "QUAKELENS_MEDIA_ALLOW": x.address,
    }
    command = [sys.executable, "-m", "quakelens", "serve", "--port", "0", "--mlflow-port", "0"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    page, said = "", []
    try:
        for line in process.stderr:
            said.append(line)
            if line.strip().startswith("server  http"):
                page = line.split()[1]
            if line.startswith("ready"):
                break
        else:
            sys.exit("the station does not start: " + "".join(said))
        yield Api(f"{page}/api")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def _fresh(found: list[StoredPost], folder: str, now: datetime) -> list[StoredPost]:
    """The sample's posts as if its earthquake had happened `AGE` ago, those after it pressed into that time."""

    def moved(when: datetime) -> datetime:
        after = when - ORIGIN_TIME
        if after > timedelta(0):
            after *= (AGE - timedelta(minutes=1)) / timedelta(minutes=LATEST_MIN)
        at = now - AGE + after
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def number(order: int, when: datetime) -> str:
        return str(((int(when.timestamp() * 1000) - _TWITTER_EPOCH_MS) << 22) + order)

    ids = {post.id: number(order, moved(post.created_at)) for order, post in enumerate(found)}
    return [
        replace(
            post, id=ids[post.id], created_at=moved(post.created_at),
            repost_of=ids.get(post.repost_of or ""), images=tuple(f"{folder}/{path}" for path in post.images),
        )
        for post in found
    ]  # fmt: skip


def _feed(features: list[dict[str, Any]]) -> bytes:
    now = int(time.time() * 1000)
    metadata = {"generated": now, "status": 200, "api": "1.14.1", "count": len(features), "title": "stand-in"}
    return json.dumps({"type": "FeatureCollection", "metadata": metadata, "features": features}).encode()


def _announcement(name: str, origin_time: datetime) -> dict[str, Any]:
    ms = int(origin_time.timestamp() * 1000)
    properties = {
        "mag": 6.4, "place": "14 km W of Lixouri, Greece (DRAWN SAMPLE)", "time": ms, "updated": ms + 600_000,
        "url": f"https://example.org/{name}", "detail": f"https://example.org/detail/{name}.geojson", "felt": None,
        "cdi": None, "mmi": None, "alert": None, "status": "automatic", "tsunami": 0, "sig": 630, "net": "flag",
        "code": name.removeprefix("flag"), "ids": f",{name},", "sources": ",flag,", "types": ",origin,",
        "magType": "mww", "type": "earthquake", "title": "M 6.4 - 14 km W of Lixouri, Greece (DRAWN SAMPLE)",
    }  # fmt: skip
    geometry = {"type": "Point", "coordinates": [20.27, 38.19, 11.0]}
    return {"type": "Feature", "properties": properties, "geometry": geometry, "id": name}


def _show(console: Console, found: dict[str, Any]) -> None:
    table = Table("step", "s", "share", title=f"{found['earthquake']}: announced {found['at_s']:g} s past the minute")
    for what, took in found["steps"].items():
        table.add_row(what, f"{took:.1f}", f"{took / found['report_s']:.0%}")
    table.add_row("feed to started run", f"{found['started_s']:.1f}", f"bar {BAR_S:.0f} s", style="bold")
    table.add_row("feed to report", f"{found['report_s']:.1f}", f"{found['flagged']} flagged", style="bold")
    console.print(table)
    console.print(f"{found['posts']} posts, {found['scored']} pictures scored; {found['harvests']} harvest runs")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Event to flag.")
    parser.add_argument("--repeat", type=int, default=3, help="how many earthquakes")
    parser.add_argument("--at", type=float, nargs="+", default=[5.0, 25.0, 45.0],
                        help="seconds past the minute at which they are announced, in turn")  # fmt: skip
    parser.add_argument("--work", type=Path, help="keep the workspace and the drawn pictures here")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
