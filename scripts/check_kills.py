#!/usr/bin/env python
"""Kill a harvest at random moments, again and again, and see that it ends as one that nothing disturbed.

    python scripts/check_kills.py [--kills 100] [--posts 2400] [--seed 20224] [--model] [--json FILE]

The harvest is the one that runs in production, without Prefect so that it starts quickly: tweepy and downloads over
HTTP against the stand-in for X, SQLite, the page archive, near-duplicates, heat maps. Each process is killed with
SIGKILL after a random time; then another one goes on. What is checked:

- rows: what the store holds in the end equals an undisturbed run's, but for times and the order of arrival;
- pages: no page that lay in the archive is asked for again; those asked for twice were on their way at a kill;
- money: the ledger is never below the stand-in's bill, and the bill is that of the undisturbed run, but for
  counts whose answer was lost at a kill;
- files: after no kill is there a file that is half written, nor a row whose file is missing.

`--model` scores with the starter model in place of a quick rule. Prints the figures, as JSON in the last line; the exit
code is 1 if a check fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from sqlalchemy import select

from quakelens.demo.servers import Reply, Request, XApi
from quakelens.demo.servers.x_billing import PAY_PER_USE
from quakelens.demo.servers.x_posts import StoredPost
from quakelens.earthquakes import Earthquake
from quakelens.engine.engine import Engine, Verdict
from quakelens.files import write_json
from quakelens.harvest import Stream, fetch_pending, harvest_at_once, harvest_pages, score_pending
from quakelens.harvest.archive import PageArchive
from quakelens.harvest.asking import Patience
from quakelens.model.starter import starter_folder
from quakelens.params import Params, read_params
from quakelens.settings import Workspace
from quakelens.sources.x import XSource
from quakelens.store import Store, charges, earthquakes, open_store, runs
from quakelens.store.tables import metadata

TOKEN = "kills"
QUERIES = ("deprem", "earthquake")
EARTHQUAKE = "kills1"
_OF_THE_RUN = {"day", "fetched_at", "harvested_at", "tried_at", "scored_at", "first_seen", "tries", "checked_at"}
_PORT = re.compile(r"127\.0\.0\.1:\d+")
_OF_ARRIVAL = {"number", "group_id"}


def main() -> None:
    """Run, compare, print."""
    parser = argparse.ArgumentParser(description="Kill a harvest at random moments.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--posts", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=20224)
    parser.add_argument("--model", action="store_true", help="score with the starter model")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        found = Check(Path(name), given.kills, given.posts, given.seed, given.model).run()
    for key, value in found.items():
        print(f"{key:>28}  {value}", file=sys.stderr)
    if given.json:
        write_json(given.json, found)
    print(json.dumps(found))
    sys.exit(0 if found["held"] else 1)


class LateX(XApi):
    """Answers after some milliseconds, as a network does; knows whether an answer is on its way."""

    def __init__(self, posts: Sequence[StoredPost], now: datetime, folder: Path, seed: int) -> None:
        super().__init__(posts, token=TOKEN, now=now, images_root=folder, rate_limit=10**6)
        self._rng = random.Random(seed)
        self._under_way = 0
        self._counting = threading.Lock()

    def _answer(self, request: Request) -> Reply:
        with self._counting:
            self._under_way += 1
            delay = self._rng.uniform(0.002, 0.04)
        try:
            time.sleep(delay)
            return super()._answer(request)
        finally:
            with self._counting:
                self._under_way -= 1

    def settle(self) -> None:
        """Wait until nothing is on its way."""
        while self._under_way:
            time.sleep(0.005)


class Check:
    """One harvest that is killed, and one that is not."""

    def __init__(self, folder: Path, kills: int, posts: int, seed: int, model: bool) -> None:
        self.folder = folder
        self.kills = kills
        self.model = model
        self.seed = seed
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.posts = make_posts(posts, self.now, make_pictures(folder / "pictures", max(8, posts // 12)))
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["__main__"])
        self.failures: list[str] = []
        self._pages = 0
        self._calm_s = 0.0

    def run(self) -> dict[str, Any]:
        """Both runs, and the figures."""
        calm, self._calm_s, calm_bill, calm_asked = self._harvest("calm", kills=0)
        rows, took_s, bill, asked = self._harvest("killed", kills=self.kills)
        for table, wanted in calm.items():
            if rows[table] != wanted:
                missing = list((Counter(wanted) - Counter(rows[table])).elements())
                extra = list((Counter(rows[table]) - Counter(wanted)).elements())
                self.failures.append(f"{table}: {len(missing)} missing, {len(extra)} other: {(missing + extra)[:2]}")
        # A count has no answer that could be sold once: one that was on its way at a kill is charged for twice.
        lost_counts = asked["counts"] - calm_asked["counts"]
        wanted_bill = calm_bill + lost_counts * PAY_PER_USE.count_usd
        self._expect(lost_counts <= self.kills, f"{lost_counts} counts were asked for again")
        self._expect(abs(bill - wanted_bill) < 1e-6, f"the bill is {bill:.3f}, undisturbed {calm_bill:.3f}")
        counts = {table: len(values) for table, values in rows.items()}
        return {
            "held": not self.failures, **asked, "bill_usd": bill, "undisturbed_bill_usd": calm_bill,
            "undisturbed_s": round(self._calm_s, 1), "took_s": round(took_s, 1),
            "rows": counts, "failures": self.failures,
        }  # fmt: skip

    def _harvest(self, name: str, kills: int) -> tuple[dict[str, list[Any]], float, float, dict[str, Any]]:
        place = Workspace(self.folder / name)
        rng = random.Random(self.seed)
        re_requested, ended_early, killed, worst = [], 0, 0, float("inf")
        with LateX(self.posts, self.now, self.folder / "pictures", self.seed) as x:
            began = time.monotonic()
            longest = 1.2 * self._calm_s / max(1, kills)
            while killed < kills:
                archived, before = self._archived(place), len(x.searches)
                finished = self._start(place, x, kill_after=rng.uniform(0.02, longest))
                x.settle()
                killed, ended_early = killed + (not finished), ended_early + finished
                asked = [_key(search) for search in x.searches[before:]]
                again = [key for key in asked if key in archived]
                self._expect(not again, f"kill {killed}: {len(again)} archived pages were asked for again")
                earlier = {_key(search) for search in x.searches[:before]}
                re_requested += [key for key in asked if key in earlier and key not in archived]
                over = self._spent(place) - x.billed_usd
                worst = min(worst, over)
                self._expect(over > -1e-6, f"kill {killed}: the ledger is {-over:.3f} below the bill")
                self._check_files(place, killed)
                # Aim at being done with the last kill: longer lives where the harvest is behind, else shorter ones.
                progress = len(archived) / self._pages
                longest *= 1.25 if progress < killed / kills else 0.7
                longest = min(max(longest, 0.05), 20.0)
                if ended_early > max(3, kills // 10):
                    self.failures.append("the harvest was over before it could be killed so often: give more --posts")
                    break
            before = len(x.searches)
            archived = self._archived(place)
            self._start(place, x, kill_after=None)
            x.settle()
            asked = [_key(search) for search in x.searches[before:]]
            self._expect(not archived & set(asked), "the last run asked for archived pages again")
            earlier = {_key(search) for search in x.searches[:before]}
            re_requested += [key for key in asked if key in earlier and key not in archived]
            took = time.monotonic() - began
            repeats = Counter(_key(search) for search in x.searches)
            repeated = sum(count - 1 for count in repeats.values())
            self._expect(repeated == len(re_requested), "a search was repeated that was not on its way at a kill")
            figures = {
                "kills": killed, "counts": sum(endpoint == "counts_recent" for endpoint, _ in x.calls),
                "processes_that_ended_first": ended_early, "searches": len(x.searches),
                "pages_archived": len(self._archived(place)),
                "searches_repeated": repeated,
                "of_them_on_their_way_at_a_kill": len(re_requested), "posts_sold": len(x.billed),
                "posts_sold_again_same_day": x.billing.repeats, "ledger_usd": round(self._spent(place), 3),
                "least_ledger_above_bill_usd": None if worst == float("inf") else round(worst, 3),
            }  # fmt: skip
            if not kills:
                self._pages = figures["pages_archived"]
            store = open_store(f"sqlite:///{place.store}")
            rows = rows_of(store)
            store.close()
            return rows, took, x.billed_usd, figures

    def _start(self, place: Workspace, x: LateX, kill_after: float | None) -> bool:
        """Run a process, to its end or for so many seconds; gives whether it ended by itself."""
        started = self.context.Event()
        process = self.context.Process(
            target=harvest, args=(str(place.root), x.url, x.address, self.now.isoformat(), self.model, started)
        )
        process.start()
        if not started.wait(120):
            raise RuntimeError("the process did not start")
        process.join(kill_after)
        if process.is_alive():
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            return False
        if process.exitcode == -signal.SIGKILL:
            return False
        self._expect(process.exitcode == 0, f"a process ended with exit code {process.exitcode}")
        return True

    def _archived(self, place: Workspace) -> set[tuple[str, ...]]:
        archive = PageArchive(place.pages, EARTHQUAKE, "x")
        requests = (archive.read(path).request for path in archive.paths())
        return {(each.query, each.since_id or "", each.token or "", each.kind) for each in requests}

    def _spent(self, place: Workspace) -> float:
        if not place.store.is_file():
            return 0.0
        store = open_store(f"sqlite:///{place.store}")
        try:
            return charges.spent_usd(store, [EARTHQUAKE])
        finally:
            store.close()

    def _check_files(self, place: Workspace, kill: int) -> None:
        folders = (place.pages.path, place.media.path, place.heatmaps.path)
        files = [path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file()]
        odd = [path.name for path in files if path.name.startswith(".")]
        self._expect(not odd, f"kill {kill}: half-written files {odd[:3]}")
        if not place.store.is_file():
            return
        there = {path.relative_to(place.root).as_posix() for path in files}
        store = open_store(f"sqlite:///{place.store}")
        with store.read() as connection:
            named = {f"data/media/{path}" for path in connection.scalars(select(metadata.tables["pictures"].c.path))}
            heatmaps = connection.scalars(select(metadata.tables["scores"].c.heatmap))
            named |= {f"data/heatmaps/{path}" for path in heatmaps if path is not None}
        store.close()
        self._expect(named <= there, f"kill {kill}: rows name {len(named - there)} files that are not there")

    def _expect(self, holds: bool, message: str) -> None:
        if not holds:
            self.failures.append(message)


def harvest(
    root: str, url: str, address: str, now: str, model: bool, started: Any, store_url: str | None = None
) -> None:
    """The process that is killed: one harvest, as the flow runs it."""
    place, present = Workspace(Path(root)), datetime.fromisoformat(now)
    params = small_params()
    os.environ["QUAKELENS_WORKSPACE"] = root  # pictures under way are noted there
    started.set()
    store = open_store(store_url or f"sqlite:///{place.store}")
    earthquake = the_earthquake(present)
    earthquakes.save(store, earthquake, present)
    held = runs.claim(store, earthquake.id, datetime.now(UTC), again_after=timedelta(0))
    if held is None:
        raise RuntimeError("the claim of a killed process was not taken over")
    engine: Any = Engine.open(starter_folder(), version="starter") if model else Rule()
    source = XSource(base_url=url, bearer_token=TOKEN)

    def ask(posts: Stream) -> Any:
        def came(_: int, __: int) -> None:
            posts.check()
            posts.ring()

        return harvest_pages(
            store, source, earthquake, params.harvest, place.pages, present, queries=QUERIES,
            patience=Patience(sleep=posts.sleep), on_page=came,
        )  # fmt: skip

    with runs.renewing(store, held) as lost:
        done = harvest_at_once(
            {"x": ask},
            lambda posts, pictures: fetch_pending(
                store, earthquake.id, place.media, params, allow=frozenset({address}), posts=posts,
                on_stored=pictures.ring,
            ),
            lambda pictures: score_pending(
                store, earthquake.id, engine, place.media, place.heatmaps, batch_size=8, pictures=pictures
            ),
            lost=lost,
        )  # fmt: skip
    if done.failures:
        raise done.failures[0]
    runs.finish(store, held, datetime.now(UTC))
    if done.pages[0].state != "done":
        raise RuntimeError(f"the harvest did not end in order: {done}")


class Rule:
    """In place of the model: decides by the file's digest."""

    version = "rule"

    def score(self, pictures: Sequence[bytes], *, heatmaps: bool = False) -> list[Verdict]:
        """As `Engine.score`."""
        time.sleep(0.02)
        verdicts = []
        for data in pictures:
            value = int(hashlib.sha256(data).hexdigest()[:4], 16) / 0xFFFF
            flagged = value > 0.5
            heatmap = np.full((16, 16), int(255 * value), np.uint8) if flagged and heatmaps else None
            box = (0.0, 0.0, 1.0, 1.0) if flagged else None
            verdicts.append(Verdict(value, "damaged" if flagged else "not_damaged", heatmap, box))
        return verdicts


def rows_of(store: Store) -> dict[str, list[Any]]:
    """What the store holds, without times and without what depends on the order in which downloads end."""
    left_out = {"alembic_version", "runs", "polls", "scores"}
    result: dict[str, list[Any]] = {}
    with store.read() as connection:
        for table in metadata.sorted_tables:
            if table.name in left_out:
                continue
            columns = [column for column in table.c if column.name not in _OF_THE_RUN | _OF_ARRIVAL]
            query = table.select().with_only_columns(*columns)
            if table.name == "charges":
                query = query.where(table.c.settled)  # others are for answers that were lost
            found = connection.execute(query)
            # The stand-in of each run has a port of its own.
            plain = ([_PORT.sub("127.0.0.1", v) if isinstance(v, str) else v for v in row] for row in found)
            result[table.name] = sorted((tuple(row) for row in plain), key=repr)
        pictures, scores = metadata.tables["pictures"], metadata.tables["scores"]
        groups: dict[str, list[str]] = {}
        for sha, group in connection.execute(select(pictures.c.sha256, pictures.c.group_id)):
            groups.setdefault(group, []).append(sha)
        scored = Counter(
            connection.scalars(
                select(pictures.c.group_id).join(scores, scores.c.sha256 == pictures.c.sha256)
            )
        )  # fmt: skip
    result["groups"] = sorted((tuple(sorted(shas)), scored[group]) for group, shas in groups.items())
    return result


def small_params() -> Params:
    """Ten posts a page, so that there are many pages."""
    whole = read_params(Path(__file__).parents[1] / "params.yaml")
    return whole.model_copy(update={"harvest": whole.harvest.model_copy(update={"page_size": 10})})


def the_earthquake(now: datetime) -> Earthquake:
    """Its window is over, so that a search that is done is not asked for news."""
    origin = now - timedelta(hours=75)
    return Earthquake(
        id=EARTHQUAKE, ids=(EARTHQUAKE,), origin_time=origin, latitude=38.2, longitude=20.5, depth_km=10.0,
        magnitude=6.9, magnitude_type="mww", place="a test", alert="red", mmi=8.0, updated=origin,
        url=f"https://earthquake.usgs.gov/earthquakes/eventpage/{EARTHQUAKE}",
    )  # fmt: skip


def make_posts(count: int, now: datetime, pictures: Sequence[str]) -> list[StoredPost]:
    """Two thirds in English, the others in Turkish; some from before the earthquake; every fifth with a picture."""
    origin = now - timedelta(hours=75)
    found = []
    for number in range(-count // 20, count):
        at = origin + timedelta(seconds=3600 * 70 * number / count)
        text = "deprem" if number % 3 == 0 else "earthquake"
        carried = (pictures[number // 5 % len(pictures)],) if number % 5 == 0 else ()
        found.append(
            StoredPost(
                id=str(10**12 + number), created_at=at.replace(microsecond=0), author=f"author{number % 97}",
                author_id=str(1000 + number % 97), text=f"{text} {number}", lang="en", images=carried,
            )
        )  # fmt: skip
    return found


def make_pictures(folder: Path, count: int) -> list[str]:
    """Coloured shapes; every third is a smaller copy of the one before it."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number in range(count):
        path = folder / f"p{number:04d}.jpg"
        seed = number - 1 if number % 3 == 2 else number
        draw = np.random.default_rng(seed)
        image = Image.fromarray(draw.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(
            (480, 360), Image.Resampling.BICUBIC
        )
        shapes = ImageDraw.Draw(image)
        for _ in range(6):
            x, y, width, height = (int(value) for value in draw.integers((0, 0, 30, 30), (480, 360, 180, 180)))
            shapes.rectangle((x, y, x + width, y + height), fill=tuple(int(v) for v in draw.integers(0, 256, 3)))
        if number % 3 == 2:
            image = image.resize((384, 288))
        image.save(path, quality=88)
        names.append(path.name)
    return names


def _key(search: dict[str, str]) -> tuple[str, ...]:
    """What makes a search another one, as in the archive."""
    kind = "lookback" if "end_time" in search and _before_origin(search) else "window"
    return search["query"], search.get("since_id", ""), search.get("next_token", ""), kind


def _before_origin(search: dict[str, str]) -> bool:
    start, end = (datetime.fromisoformat(search[name]) for name in ("start_time", "end_time"))
    return end - start > timedelta(hours=72, minutes=1) or end < datetime.now(UTC) - timedelta(hours=74)


if __name__ == "__main__":
    main()
