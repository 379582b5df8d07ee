"""A burst of posts through the whole harvest: what it keeps up with, how long a picture waits, what memory it takes.

    python benchmarks/burst.py [--minutes 3 | --posts 200000] [--rate 16000] [--access all|recent] [--real-limits]
                               [--pictures FOLDER] [--work FOLDER] [--json FILE] [--profile FILE]

A stand-in for X in a process of its own releases posts at a steady rate, 16,000 a minute by default: the published peak
during a hurricane. One in ten has a picture, and half of the pictures are duplicates, exact or nearly so. The harvest
is the one that runs in production (`harvest_at_once`): tweepy over HTTP, the page archive, SQLite, downloads through
the guard, perceptual hashes, the starter model in float32 with its heat maps, and the report once a minute.

Post to flag is counted from the moment at which the stand-in's search can give a post to the moment at which the
decision on its picture is made. X itself shows a post up to 30 s late; that is not in it.

What X allows: with the full archive (`--access all`, the default) a request a second of 500 posts, so the burst of 267
posts a second passes; but no more than 300 requests in 15 minutes, 167 posts a second in the long run. Recent search
(`--access recent`) gives 100 posts a request and 450 requests in 15 minutes, 50 posts a second: it cannot keep up with
such a burst. So the limits for 15 minutes are lifted here unless `--real-limits` is given. In production the query asks
for posts with media only, a tenth of them here, which either search keeps up with; here all are asked for.

Bars: the burst is kept up with, p95 of post to flag is under 10 s, memory stays flat. Prints a table and, as the last
line, JSON.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from burst_pictures import make_pictures
from burst_server import TOKEN
from rich.console import Console
from rich.table import Table

from quakelens.earthquakes import Earthquake
from quakelens.engine import Engine
from quakelens.files import write_json
from quakelens.harvest import (
    PagesResult,
    Stream,
    fetch_pending,
    harvest_at_once,
    harvest_pages,
    score_pending,
    summarise,
)
from quakelens.harvest.asking import Patience
from quakelens.harvest.summary import percentiles
from quakelens.model.starter import starter_folder
from quakelens.params import Params, read_params
from quakelens.registry.lookup import Found
from quakelens.report.apart import report_apart
from quakelens.settings import Workspace
from quakelens.sources.x import XSource
from quakelens.store import Store, charges, earthquakes, open_store
from quakelens.store.latency import delays

QUERY = "earthquake"
SEED = 20223
POLL_S = 2.0  # from the start of one poll to that of the next
BAR_S = 10.0
BAR_MIB = 64.0  # growth of memory after the first quarter


def main() -> None:
    """Measure and print."""
    given = _arguments()
    console = Console(stderr=True)
    root = given.work or Path(tempfile.mkdtemp(prefix="burst-"))
    root.mkdir(parents=True, exist_ok=True)
    posts = given.posts or round(given.minutes * given.rate)
    console.print(f"pictures for {posts:,} posts in {root}")
    pictures = make_pictures(root / "pictures", posts // 10, given.pictures, SEED)
    run = root / f"run-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    run.mkdir()
    settings = run / "server.json"
    write_json(
        settings,
        {"posts": posts, "rate": given.rate / 60, "pictures": pictures, "real_limits": given.real_limits},
    )  # fmt: skip
    profile = cProfile.Profile() if given.profile else None
    with _server(root / "pictures", settings) as server:
        burst = Burst(
            Workspace(run), server, root / "pictures", posts, given.rate / 60, given.access, given.report_every
        )
        found = burst.run(profile)
    if profile is not None:
        profile.dump_stats(given.profile)
    found["pictures_of"] = "drawn" if given.pictures is None else "photographs"
    _show(found)
    if given.json:
        write_json(given.json, found)
    print(json.dumps(found))
    sys.exit(0 if all(found["bars"].values()) else 1)


@dataclass
class Server:
    """The stand-in's process."""

    process: subprocess.Popen[str]
    url: str
    address: str

    def tell(self, word: str) -> dict[str, Any]:
        """Say `start` or `stop`; gives its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@dataclass
class Sample:
    """The state at one moment: seconds since the start, counts so far, MiB of memory, here and of the report."""

    at_s: float
    released: int
    posts: int
    pictures: int
    scored: int
    rss_mib: float
    report_mib: float


@dataclass
class Burst:
    """One run: harvests until every post that is released is stored, fetched and scored."""

    workspace: Workspace
    server: Server
    pictures: Path
    posts: int
    rate: float
    access: str
    report_every_s: float
    started: datetime = datetime.min
    seen: dict[str, int] = field(default_factory=lambda: {"posts": 0, "pictures": 0, "scored": 0})
    samples: list[Sample] = field(default_factory=list)
    polls: int = 0

    def run(self, profile: cProfile.Profile | None) -> dict[str, Any]:
        """Run and give the figures."""
        whole = read_params(Path(__file__).parents[1] / "params.yaml")
        harvest = whole.harvest.model_copy(
            update={"page_size": 500, "max_posts": 10 * self.posts, "words": {"en": (QUERY,)}}
        )
        params = whole.model_copy(update={"harvest": harvest})
        store = open_store(f"sqlite:///{self.workspace.store}")
        engine = Engine.open(starter_folder(), version="starter")
        # The memory for a full batch is taken once and kept, so growth is counted from there on.
        some = sorted(self.pictures.glob("new*.jpg"))[: engine.batch_size]
        engine.score([path.read_bytes() for path in some], heatmaps=True)
        source = XSource(base_url=self.server.url, bearer_token=TOKEN, access=self.access)  # type: ignore[arg-type]
        model = Found("starter", starter_folder())
        self.started = datetime.fromisoformat(self.server.tell("start")["started"])
        earthquake = _earthquake(self.started - timedelta(minutes=1))
        earthquakes.save(store, earthquake, self.started)
        ended = threading.Event()
        sampling = threading.Thread(target=self._sample, args=(ended,), daemon=True)
        sampling.start()
        used = time.process_time()

        def ask(posts: Stream) -> PagesResult:
            if profile is None:
                return self._ask(posts, store, source, earthquake, params)
            return profile.runcall(self._ask, posts, store, source, earthquake, params)

        try:
            done = harvest_at_once(
                {"x": ask},
                lambda posts, pictures: fetch_pending(
                    store, earthquake.id, self.workspace.media, params,
                    allow=frozenset({self.server.address}), posts=posts, on_stored=pictures.ring, on_item=self._fetched,
                ),
                lambda pictures: score_pending(
                    store, earthquake.id, engine, self.workspace.media, self.workspace.heatmaps,
                    batch_size=engine.batch_size, pictures=pictures, on_batch=self._scored,
                ),
                meanwhile=lambda: report_apart(store, earthquake.id, model, self.workspace, datetime.now(UTC)),
                every_s=self.report_every_s,
            )  # fmt: skip
        finally:
            ended.set()
            sampling.join()
        if done.failures:
            raise done.failures[0]
        used = time.process_time() - used
        took = (datetime.now(UTC) - self.started).total_seconds()
        server = self.server.tell("stop")
        return self._figures(store, earthquake, took, used, server)

    def _ask(self, posts: Stream, store: Store, source: XSource, earthquake: Earthquake, params: Params) -> PagesResult:
        base = 0
        while True:
            began = time.monotonic()

            def came(_: int, new: int, base: int = base) -> None:
                self.seen["posts"] = base + new
                posts.check()
                posts.ring()

            result = harvest_pages(
                store, source, earthquake, params.harvest, self.workspace.pages, datetime.now(UTC), queries=[QUERY],
                patience=Patience(sleep=posts.sleep), on_page=came,
            )  # fmt: skip
            self.polls += 1
            base = self.seen["posts"]
            if base >= self.posts:
                return result
            if result.state not in ("done", "limited"):
                raise RuntimeError(f"the harvest ended as {result.state}: {result.stopped_because}")
            posts.sleep(max(0.0, POLL_S - (time.monotonic() - began)))

    def _fetched(self, done: int, _: int | None) -> None:
        self.seen["pictures"] = done

    def _scored(self, done: int) -> None:
        self.seen["scored"] = done

    def _sample(self, ended: threading.Event) -> None:
        while not ended.wait(1.0):
            at = (datetime.now(UTC) - self.started).total_seconds()
            released = min(self.posts, int(at * self.rate)) if self.rate > 0 else self.posts
            self.samples.append(Sample(at, released, **self.seen, rss_mib=_rss_mib(), report_mib=self._report_mib()))

    def _report_mib(self) -> float:
        """Of the process that writes the report, if one is at it."""
        sizes = []
        for child in psutil.Process().children():
            with suppress(psutil.Error):
                sizes += [child.memory_info().rss / 2**20] if child.pid != self.server.process.pid else []
        return max(sizes, default=0.0)

    def _figures(
        self, store: Store, earthquake: Earthquake, took: float, used: float, server: dict[str, Any]
    ) -> dict[str, Any]:
        key = earthquakes.get(store, earthquake.id).key
        found = delays(store, key, "starter", self.started)
        waits = [(delay.decided_at - delay.created_at).total_seconds() for delay in found]
        flagged = [wait for wait, delay in zip(waits, found, strict=True) if delay.flagged]
        from_page = [(delay.decided_at - delay.harvested_at).total_seconds() for delay in found]
        summary = summarise(store, earthquake.id, model_version="starter", new_posts=0, run_cost_usd=0.0, report=None)
        burst_s = self.posts / self.rate if self.rate > 0 else 0.0
        memory = _memory(self.samples)
        backlog = [sample.released - sample.posts for sample in self.samples]
        late = took - burst_s
        figures = {
            "posts": summary.posts, "rate_per_min": round(60 * self.rate), "burst_s": round(burst_s, 1),
            "took_s": round(took, 1), "late_s": round(late, 1), "access": self.access,
            "posts_per_s": round(summary.posts / took, 1), "pictures_per_s": round(summary.fetched / took, 1),
            "media": summary.media, "fetched": summary.fetched, "failed": summary.failed,
            "near_duplicates": summary.near_duplicates, "scored": summary.scored, "flagged": summary.flagged,
            "post_to_decision_s": percentiles(waits), "post_to_flag_s": percentiles(flagged) if flagged else None,
            "page_to_decision_s": percentiles(from_page), "backlog_posts_max": max(backlog, default=0),
            "curve": [
                [round(each.at_s), each.released - each.posts, each.pictures, each.scored, round(each.rss_mib)]
                for each in self.samples[:: max(1, len(self.samples) // 30)]
            ],
            "memory_mib": memory, "cpu_s": round(used, 1), "cpu_share": round(used / took, 2), "polls": self.polls,
            "server": server, "booked_usd": round(charges.spent_usd(store, [key]), 3),
        }  # fmt: skip
        figures["bars"] = {
            "kept_up": late <= BAR_S and summary.posts == self.posts,
            "p95_under_10_s": percentiles(waits)["p95"] < BAR_S,
            "memory_flat": memory["growth"] <= BAR_MIB,
        }
        return figures


def _memory(samples: Sequence[Sample]) -> dict[str, float]:
    """Resident memory: at the start, the most, and how it grew after the first quarter of the posts."""
    if len(samples) < 8:
        return {"start": 0.0, "max": 0.0, "growth": 0.0, "per_100000_posts": 0.0}
    settled = [sample for sample in samples if sample.posts >= samples[-1].posts / 4]
    sizes = np.array([sample.rss_mib for sample in settled])
    posts = np.array([sample.posts for sample in settled], float)
    slope = float(np.polyfit(posts, sizes, 1)[0]) * 100_000 if np.ptp(posts) > 0 else 0.0
    part = max(1, len(sizes) // 8)
    return {
        "start": round(samples[0].rss_mib, 1), "max": round(max(sample.rss_mib for sample in samples), 1),
        "growth": round(float(np.median(sizes[-part:]) - np.median(sizes[:part])), 1),
        "per_100000_posts": round(slope, 1), "report_max": round(max(sample.report_mib for sample in samples), 1),
    }  # fmt: skip


def _rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 2**20


def _earthquake(origin_time: datetime) -> Earthquake:
    return Earthquake(
        id="burst1", ids=("burst1",), origin_time=origin_time, latitude=38.2, longitude=20.5, depth_km=10.0,
        magnitude=6.9, magnitude_type="mww", place="a burst", alert="red", mmi=8.0, updated=origin_time,
        url="https://earthquake.usgs.gov/earthquakes/eventpage/burst1",
    )  # fmt: skip


@contextmanager
def _server(pictures: Path, settings: Path) -> Iterator[Server]:
    command = [sys.executable, str(Path(__file__).with_name("burst_server.py")), str(pictures), str(settings)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Server(process, told["url"], told["address"])
    finally:
        process.kill()
        process.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A burst of posts through the whole harvest.")
    parser.add_argument("--minutes", type=float, default=3.0, help="how long posts are released")
    parser.add_argument("--posts", type=int, help="how many, in place of --minutes")
    parser.add_argument("--rate", type=float, default=16_000, help="posts a minute; 0: all are there at the start")
    parser.add_argument("--access", choices=("all", "recent"), default="all", help="which search of X")
    parser.add_argument("--real-limits", action="store_true", help="keep X's limits for 15 minutes")
    parser.add_argument("--pictures", type=Path, help="folder of JPEG pictures; default: drawn ones")
    parser.add_argument("--work", type=Path, help="keep pictures and stores here, and use the pictures again")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--report-every", type=float, default=60.0, help="seconds from one report to the next")
    parser.add_argument("--profile", type=Path, help="profile the thread that asks the source into this file")
    given = parser.parse_args()
    if given.posts is not None and given.posts < 100:
        parser.error("--posts must be 100 or more")
    return given


def _show(found: dict[str, Any]) -> None:
    table = Table("figure", "value", title=f"{found['posts']:,} posts at {found['rate_per_min']:,} a minute")
    for name, value in found.items():
        if name not in ("curve", "bars"):
            table.add_row(name.replace("_", " "), str(value))
    for name, held in found["bars"].items():
        table.add_row(f"bar: {name.replace('_', ' ')}", "held" if held else "MISSED")
    Console(stderr=True).print(table)


if __name__ == "__main__":
    main()
