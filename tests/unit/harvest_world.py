"""A small earthquake with posts, a source that serves them, a place that has their pictures, and a model."""

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import psycopg
from drawn import encoded, picture
from PIL import ImageOps
from psycopg.errors import DuplicateDatabase

from quakelens.depot import Depot, as_depot
from quakelens.earthquakes import Earthquake
from quakelens.engine.engine import Verdict
from quakelens.errors import SourceUnavailable
from quakelens.harvest.asking import Patience
from quakelens.images import decode
from quakelens.media.fetch import Fetched, FetchFailure, FetchJob
from quakelens.params import Harvest, Params, read_params
from quakelens.sources import MediaRef, Page, ParsedPage, Post, Topic, Traits
from quakelens.store import Store, open_store
from quakelens.store.tables import metadata

ON_POSTGRESQL = "QUAKELENS_TEST_POSTGRESQL"
"""Variable with the URL of a server that has the empty store as the database `store`."""

ORIGIN = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
NOW = ORIGIN + timedelta(hours=6)
QUERIES = ("quake", "deprem")

EARTHQUAKE = Earthquake(
    id="us7000abcd",
    ids=("us7000abcd", "at00abcd"),
    origin_time=ORIGIN,
    latitude=37.2,
    longitude=37.0,
    depth_km=10.0,
    magnitude=6.8,
    magnitude_type="mww",
    place="10 km N of Somewhere, Turkey",
    alert=None,
    mmi=None,
    updated=ORIGIN + timedelta(minutes=10),
    url="https://earthquake.usgs.gov/earthquakes/eventpage/us7000abcd",
)


@cache
def _written_params() -> Params:
    return read_params(Path(__file__).parents[2] / "params.yaml")


def params(**harvest: object) -> Params:
    whole = _written_params()
    section = Harvest.model_validate({**whole.harvest.model_dump(), "page_size": 10, **harvest})
    return whole.model_copy(update={"harvest": section})


def post(number: int, minutes: float, text: str = "quake", pictures: Sequence[int] = (), **more: object) -> Post:
    """A post so many minutes after the origin time; pictures by number, see `host`."""
    refs = tuple(MediaRef(key=f"m{number}-{each}", url=f"https://host.example/{each}") for each in pictures)
    return Post(
        source="x",
        id=f"{number:06d}",
        created_at=ORIGIN + timedelta(minutes=minutes),
        author=f"author{number % 7}",
        author_id=str(number % 7),
        text=text,
        url=f"https://x.example/{number}",
        media=refs,
        **more,  # type: ignore[arg-type]
    )


def many_posts() -> list[Post]:
    """35 of `quake` and 12 of `deprem` after the earthquake, 25 before it; ids grow with time."""
    before = [post(100 + i, -60 * 30 + 60 * i, "quake deprem", pictures=[1] if i == 3 else []) for i in range(25)]
    after = [post(200 + 2 * i, 5 + i, pictures=[i % 6]) for i in range(35)]
    turkish = [post(201 + 2 * i, 5.5 + i, "deprem", pictures=[6 + i % 3]) for i in range(12)]
    return [*before, *after, *turkish]


WEEK = Traits(reach=timedelta(days=7))


@dataclass
class FakeSource:
    """Serves posts as X does: newest first, pages by token, `since_id` in place of `start_time`; `price` a post."""

    posts: list[Post]
    name: str = "x"
    traits: Traits = WEEK
    price: float = 0.0
    counts: int = 0
    before_search: Callable[[int], None] = lambda number: None
    requests: list[dict[str, object]] = field(default_factory=list)

    def search(
        self,
        query: str,
        *,
        start_time: datetime,
        end_time: datetime | None,
        since_id: str | None,
        next_token: str | None,
        page_size: int,
    ) -> Page:
        asked = {
            "query": query, "start_time": start_time, "end_time": end_time, "since_id": since_id,
            "next_token": next_token, "page_size": page_size,
        }  # fmt: skip
        self.requests.append(asked)
        self.before_search(len(self.requests))
        found = [
            each
            for each in sorted(self.posts, key=lambda each: each.id, reverse=True)
            if query in each.text
            and (each.id > since_id if since_id else each.created_at >= start_time)
            and (end_time is None or each.created_at < end_time)
            and (next_token is None or each.id < next_token)
        ]
        shown, rest = found[:page_size], found[page_size:]
        raw = json.dumps([asdict(each) for each in shown], default=str).encode()
        return Page(
            raw=raw,
            next_token=shown[-1].id if rest else None,
            newest_id=shown[0].id if shown else None,
            fetched_at=datetime.now(UTC),
        )

    def parse(self, raw: bytes) -> ParsedPage:
        try:
            items = json.loads(raw)
        except ValueError:
            raise SourceUnavailable("this is no page") from None
        posts, problems = [], []
        for item in items:
            if item["text"] == "unreadable":
                problems.append(f"post {item['id']} cannot be read")
                continue
            values = {**item, "created_at": datetime.fromisoformat(item["created_at"])}
            values["media"] = tuple(MediaRef(**ref) for ref in item["media"])
            posts.append(Post(**values))
        return ParsedPage(tuple(posts), tuple(problems))

    def queries(self, topic: Topic) -> Sequence[str]:
        return topic.words

    def count(self, query: str, *, start_time: datetime, end_time: datetime | None, since_id: str | None) -> int:
        self.counts += 1
        return sum(query in each.text and each.created_at >= start_time for each in self.posts)

    def most_usd(self, page_size: int) -> float:
        return self.price * page_size

    def cost_usd(self, raw: bytes) -> float:
        return self.price * len(json.loads(raw)) if self.price else 0.0

    def redact(self, raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
        kept = [item for item in json.loads(raw) if item["id"] not in posts and item["author_id"] not in authors]
        return json.dumps(kept).encode()

    def asked(self) -> list[tuple[object, ...]]:
        """Each request as what makes it another page."""
        return [(each["query"], each["since_id"], each["end_time"], each["next_token"]) for each in self.requests]


@cache
def picture_file(number: int) -> bytes:
    """From 100 on they are smaller copies of the picture 100 lower, from 200 on mirrored ones; 50 is no picture."""
    if number == 50:
        return b"no picture"
    image = picture(number % 100, (320, 240))
    if number >= 100:
        image = image.resize((256, 192))
    if number >= 200:
        image = ImageOps.mirror(image)
    return encoded(image, quality=90)


def host(place: Path | Depot, before: Callable[[int], None] = lambda number: None):  # type: ignore[no-untyped-def]
    """A fetch over no network: stores the picture that the last part of the address names."""
    calls, depot = 0, as_depot(place)

    def fetch(jobs: Iterable[FetchJob]) -> Iterator[Fetched | FetchFailure]:
        nonlocal calls
        for job in jobs:
            calls += 1
            before(calls)
            name = job.url.rpartition("/")[2]
            if not name.isdigit():
                yield FetchFailure(job.key, name, f"{job.url} gives {name}", name == "gone", NOW)
                continue
            data = picture_file(int(name))
            digest = sha256(data).hexdigest()
            path = f"{digest[:2]}/{digest}.jpg"
            depot.put(path, data)
            size = decode(data).size if name != "50" else (1, 1)
            yield Fetched(job.key, digest, path, len(data), *size, "JPEG", NOW)

    return fetch


@dataclass
class FakeEngine:
    """Says of each picture what its mean brightness and a threshold say; keeps what it was given."""

    version: str = "3"
    label: str = "quakelens v3"
    before: Callable[[int], None] = lambda number: None
    seen: list[str] = field(default_factory=list)
    calls: int = 0

    def score(self, pictures: Sequence[bytes], *, heatmaps: bool = False) -> list[Verdict]:
        self.calls += 1
        self.before(self.calls)
        verdicts = []
        for data in pictures:
            digest = sha256(data).hexdigest()
            self.seen.append(digest)
            if data == b"no picture":
                verdicts.append(Verdict(None, None, error="not_an_image: the content is not a picture"))
                continue
            probability = int(digest[:4], 16) / 0xFFFF
            decision = "damaged" if probability > 0.6 else "unsure" if probability > 0.3 else "not_damaged"
            flagged = heatmaps and decision != "not_damaged"
            heatmap = np.full((7, 7), int(digest[4:6], 16), np.uint8) if flagged else None
            box = (0.1, 0.0, 0.9, 1.0) if flagged else None
            verdicts.append(Verdict(probability, decision, heatmap, box))
        return verdicts


def impatient(**more: object) -> Patience:
    """Waits for nothing."""
    return replace(Patience(sleep=lambda _: None, jitter=lambda: 0.0), **more)  # type: ignore[arg-type]


def new_store(folder: Path) -> Store:
    """Open a folder's store, made when it is opened first: see the fixture `any_store`, which closes it."""
    store = open_store(store_url(folder))
    opened.append(store)
    return store


opened: list[Store] = []


def store_url(folder: Path) -> str:
    """SQLite in the folder, or, where a test runs on PostgreSQL, a database of its own; also in a test's processes."""
    server = os.environ.get(ON_POSTGRESQL)
    if server is None:
        return f"sqlite:///{folder / 'store.db'}"
    name = f"t_{sha256(str(folder.resolve()).encode()).hexdigest()[:16]}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection, suppress(DuplicateDatabase):
        connection.execute(f"CREATE DATABASE {name} TEMPLATE store STRATEGY FILE_COPY")
    return server.rpartition("/")[0] + f"/{name}"


_OF_THE_RUN = {"day", "polled_at", "fetched_at", "harvested_at", "tried_at", "scored_at", "first_seen"}


def rows(store: Store, *tables: str) -> dict[str, list[tuple[object, ...]]]:
    """What the store holds, without the times of the run."""
    result = {}
    with store.read() as connection:
        for table in metadata.sorted_tables:
            if tables and table.name not in tables:
                continue
            columns = [column for column in table.c if column.name not in _OF_THE_RUN]
            found = connection.execute(table.select().with_only_columns(*columns))
            result[table.name] = sorted((tuple(row) for row in found), key=repr)
    return result
