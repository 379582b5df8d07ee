"""Two that do the same by mistake."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from faults.clocks import Clock
from faults.world import World, check_files, end, expect, last_json, message, program, run_states, wait_in
from quakelens.demo.sample import Sample, write_sample
from quakelens.demo.servers import Fault, Faults, FeedServer, XApi, read_products
from quakelens.settings import Settings, Workspace
from quakelens.store import open_store
from quakelens.store.tables import metadata
from quakelens.versioning import initialise

TOKEN = "faults"
LIVE = "sample7001"


@dataclass
class Station:
    """A workspace, and the stand-ins that its processes talk to."""

    place: Workspace
    x: XApi
    feed: FeedServer
    environment: dict[str, str]

    def table(self, name: str) -> list[Any]:
        """All rows of a table of the store."""
        store = open_store(f"sqlite:///{self.place.store}")
        with store.read() as connection:
            found = list(connection.execute(select(metadata.tables[name])))
        store.close()
        return found

    def check_once(self, *, killed: bool = False) -> dict[str, Any]:
        """See that nothing was sold, stored or scored twice, and that nothing is half there.

        The answer that was under way when a process was killed is asked for again; X charges its posts once a day.
        """
        twice = [post for post, times in Counter(self.x.billed).items() if times > 1]
        most = max(page.posts for page in self.table("pages")) if killed else 0
        expect(len(twice) <= most, f"posts were sold twice: {twice[:3]} of {len(twice)}")
        posts, scores = self.table("posts"), self.table("scores")
        expect(len({tuple(row[:2]) for row in posts}) == len(posts), "posts are stored twice")
        expect(scores, "nothing was scored")
        check_files(self.place)
        expect((self.place.reports.path / LIVE / "index.html").is_file(), "there is no report")
        return {"posts": len(posts), "scores": len(scores), "sold": len(self.x.billed)}


def sample_of(world: World) -> Sample:
    """The drawn sample, drawn once."""
    folder = world.folder / "sample"
    return write_sample(folder, pictures_per_earthquake=14, others=40)


@contextmanager
def station(world: World, place: Workspace | None = None, *, faults: Faults | None = None) -> Iterator[Station]:
    """A station on the drawn sample; its processes have the time of the sample."""
    sample = sample_of(world)
    now = datetime.fromisoformat(json.loads(sample.about.read_text(encoding="utf-8"))["now"])
    if place is None:
        place = Workspace(Path(tempfile.mkdtemp(dir=world.folder)) / "workspace")
        initialise(place, Settings())
    with (
        FeedServer(
            sample.feed, emsc=sample.emsc, products=read_products(json.loads(sample.products.read_bytes()))
        ) as feed,
        XApi(sample.posts, token=TOKEN, now=now, images_root=sample.live, faults=faults) as x,
    ):
        environment = {
            "QUAKELENS_USGS_FEED_URL": f"{feed.url}/feed.geojson",
            "QUAKELENS_USGS_EVENT_URL": f"{feed.url}/fdsnws/event/1/query",
            "QUAKELENS_EMSC_FEED_URL": f"{feed.url}/emsc/query", "QUAKELENS_EMSC_STREAM_URL": "",
            "QUAKELENS_SOURCES": "x", "QUAKELENS_X_BASE_URL": x.url, "QUAKELENS_X_BEARER_TOKEN": TOKEN,
            "QUAKELENS_MEDIA_ALLOW": x.address,
        }  # fmt: skip
        clock = Clock(world.folder)
        clock.set(int((now - datetime.now(UTC)).total_seconds()))
        yield Station(place, x, feed, environment | clock.environment)


def prefect_home(folder: Path) -> dict[str, str]:
    """The environment of a Prefect of its own, as on another machine."""
    folder.mkdir(parents=True, exist_ok=True)
    return {"PREFECT_HOME": str(folder), "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}


def two_harvests(world: World) -> dict[str, Any]:
    """Two people harvest one earthquake at once."""
    with station(world, faults=Faults({2: Fault("slow", 5.0)})) as here:
        first = program(here.place, "harvest", LIVE, "--json", environment=here.environment)
        processes = [first]
        try:
            wait_in(first, lambda: here.x.searches)
            os.kill(first.pid, signal.SIGSTOP)  # it must not be done before the other one is there
            second = program(here.place, "harvest", LIVE, environment={**here.environment, **_other(here, 2)})
            processes.append(second)
            _, refused = second.communicate(timeout=110)  # less than the lease
            os.kill(first.pid, signal.SIGCONT)
            told, _ = first.communicate(timeout=300)
        finally:
            end(processes)
        expect(second.returncode == 8, f"the second ended with {second.returncode}: {refused[-300:]}")
        expect(first.returncode == 0, f"the first ended with {first.returncode}")
        expect(run_states(here.place, earthquake=LIVE) == ["done"], "there was more than one run")
        return {**here.check_once(), "flagged": last_json(told)["flagged"], "message": message(refused)}


def two_schedulers(world: World) -> dict[str, Any]:
    """Two schedulers, each with a Prefect of its own, watch the feeds for one store."""
    with station(world, faults=Faults({1: Fault("slow", 2.0)})) as here:
        processes = [
            program(here.place, "watch", "--once", "--json", environment={**here.environment, **_other(here, number)})
            for number in range(2)
        ]
        try:
            said = [process.communicate(timeout=300) for process in processes]
        finally:
            end(processes)
        for process, (_, error) in zip(processes, said, strict=True):
            expect(process.returncode == 0, f"a scheduler ended with {process.returncode}: {error[-400:]}")
        harvests = sum(len(out.splitlines()) for out, _ in said)
        expect(harvests == 1, f"{harvests} harvests in place of one: {[error[-300:] for _, error in said]}")
        expect(run_states(here.place, earthquake=LIVE) == ["done"], "there was more than one run")
        other = next((line for out, err in said if not out for line in err.splitlines() if "another run" in line), None)
        return {**here.check_once(), "message": other or "the other one found nothing due"}


def _other(here: Station, number: int) -> dict[str, str]:
    return prefect_home(here.place.root / f"prefect-{number}-{os.getpid()}")
