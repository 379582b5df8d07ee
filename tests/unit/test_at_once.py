"""Sources, fetching and scoring at the same time: what is waited for, what fails, and what stops everything."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from harvest_world import (
    EARTHQUAKE,
    NOW,
    FakeEngine,
    FakeSource,
    host,
    impatient,
    new_store,
    params,
    post,
    rows,
)
from sqlalchemy import delete

from quakelens.errors import Busy, UsageError
from quakelens.harvest import (
    Harvested,
    PagesResult,
    Stream,
    fetch_pending,
    harvest_at_once,
    harvest_pages,
    score_pending,
)
from quakelens.harvest.summary import latency_of
from quakelens.media.fetch import Fetched, FetchFailure, FetchJob
from quakelens.store import Store, earthquakes
from quakelens.store.latency import Delay
from quakelens.store.tables import media

SOON = 20.0  # seconds; a wait that takes so long has failed


@dataclass
class World:
    """A store with everything around it; `fetcher` and `engine` may be replaced."""

    folder: Path
    store: Store
    engine: FakeEngine = field(default_factory=FakeEngine)
    fetcher: Callable[[Iterable[FetchJob]], Iterator[Fetched | FetchFailure]] | None = None
    batches: list[int] = field(default_factory=list)

    def ask(self, source: FakeSource) -> Callable[[Stream], PagesResult]:
        def work(posts: Stream) -> PagesResult:
            def came(pages: int, new: int) -> None:
                posts.check()
                posts.ring()

            return harvest_pages(
                self.store, source, EARTHQUAKE, params().harvest, self.folder / "pages", NOW, queries=["quake"],
                lookback_pages=0, patience=impatient(sleep=posts.sleep), on_page=came,
            )  # fmt: skip

        return work

    def fetch(self, posts: Stream, pictures: Stream) -> None:
        fetcher = self.fetcher or host(self.folder / "media")
        fetch_pending(
            self.store, EARTHQUAKE.id, self.folder / "media", params(), fetch=fetcher, posts=posts,
            on_stored=pictures.ring,
        )  # fmt: skip

    def score(self, pictures: Stream) -> None:
        score_pending(
            self.store, EARTHQUAKE.id, self.engine, self.folder / "media", self.folder / "heatmaps", batch_size=4,
            gather_s=0.0, pictures=pictures, on_batch=self.batches.append,
        )  # fmt: skip

    def run(self, **sources: Callable[[Stream], PagesResult]) -> Harvested:
        return harvest_at_once(sources, self.fetch, self.score)

    def count(self, table: str) -> int:
        return len(rows(self.store, table)[table])


@pytest.fixture
def world(tmp_path: Path) -> World:
    store = new_store(tmp_path)
    earthquakes.save(store, EARTHQUAKE, NOW)
    return World(tmp_path, store)


def pictured(count: int) -> list:  # type: ignore[type-arg]
    return [post(i + 1, 1 + i, pictures=[i]) for i in range(count)]


def test_pictures_of_the_first_page_are_scored_before_the_second_page_comes(world: World) -> None:
    scored = threading.Event()
    world.batches = _Telling(scored)

    def before(number: int) -> None:
        if number == 2:
            assert scored.wait(SOON), "the first page's pictures wait for the second page"

    done = world.run(x=world.ask(FakeSource(pictured(14), before_search=before)))
    assert [page.pages for page in done.pages] == [2]
    assert world.count("scores") == 14


class _Telling(list):  # type: ignore[type-arg]
    def __init__(self, event: threading.Event) -> None:
        super().__init__()
        self._event = event

    def append(self, value: object) -> None:
        super().append(value)
        self._event.set()


def test_source_that_fails_stops_no_other(world: World) -> None:
    failed = threading.Event()

    def broken(posts: Stream) -> PagesResult:
        failed.set()
        raise UsageError("no token is set")

    def before(number: int) -> None:
        assert failed.wait(SOON)

    done = world.run(bluesky=broken, x=world.ask(FakeSource(pictured(12), before_search=before)))
    assert [str(failure) for failure in done.failures] == ["no token is set"]
    assert [page.source for page in done.pages] == ["x"]
    assert world.count("scores") == 12


def test_two_sources_run_at_the_same_time(world: World) -> None:
    both = threading.Barrier(2, timeout=SOON)
    sources = {
        name: FakeSource(pictured(3), name=name, before_search=lambda number: both.wait()) for name in ("x", "mastodon")
    }
    done = world.run(**{name: world.ask(source) for name, source in sources.items()})
    assert len(done.pages) == 2


def test_fetching_that_breaks_is_an_error_but_pages_and_scores_are_kept(world: World) -> None:
    whole = host(world.folder / "media")
    calls = 0

    def full_disk(jobs: Iterable[FetchJob]) -> Iterator[Fetched | FetchFailure]:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise OSError("no space left on device")
        return whole(jobs)

    world.fetcher = full_disk
    with pytest.raises(OSError, match="no space"):
        world.run(x=world.ask(FakeSource(pictured(14))))
    assert world.count("posts") == 14
    assert world.count("scores") == world.count("pictures") == 3
    world.fetcher = None
    world.run(x=world.ask(FakeSource(pictured(14))))
    assert world.count("scores") == 14


def test_harvest_that_was_taken_over_stops_at_once(world: World) -> None:
    lost = threading.Event()

    def limited(posts: Stream) -> PagesResult:
        lost.set()
        posts.sleep(3600)
        raise AssertionError("it slept on")

    with pytest.raises(Busy, match="taken over"):
        harvest_at_once({"x": limited}, world.fetch, world.score, lost=lost)


def test_report_is_written_meanwhile_and_may_fail(world: World, caplog: pytest.LogCaptureFixture) -> None:
    written = threading.Event()

    def report() -> None:
        written.set()
        raise ValueError("a report that cannot be written")

    def before(number: int) -> None:
        assert written.wait(SOON)

    harvest_at_once(
        {"x": world.ask(FakeSource(pictured(2), before_search=before))}, world.fetch, world.score, meanwhile=report,
        every_s=0.0,
    )  # fmt: skip
    assert world.count("scores") == 2
    assert "written at the end" in caplog.text


def test_failure_is_tried_once_a_run_also_while_posts_come(world: World) -> None:
    def down(jobs: Iterable[FetchJob]) -> Iterator[Fetched | FetchFailure]:
        for job in jobs:
            yield FetchFailure(job.key, "network", "the connection was cut", False, NOW)

    world.fetcher = down
    for run in (1, 2):
        world.run(x=world.ask(FakeSource(pictured(12))))
        assert {row[11] for row in rows(world.store, "media")["media"]} == {run}


def test_new_pictures_go_before_those_that_failed_in_earlier_runs(world: World) -> None:
    order: list[str] = []

    def noting(jobs: Iterable[FetchJob]) -> Iterator[Fetched | FetchFailure]:
        for job in jobs:
            order.append(job.url.rpartition("/")[2])
            yield FetchFailure(job.key, "network", "the connection was cut", False, NOW)

    world.fetcher = noting
    source = FakeSource(pictured(2))
    for _ in range(2):
        world.ask(source)(Stream())
        world.fetch(Stream(ended=True), Stream())
        source.posts.append(post(50, 60, pictures=[30]))
    assert order == ["0", "1", "30", "0", "1"]


def test_nothing_stays_of_a_picture_whose_post_is_removed_while_it_is_fetched(world: World) -> None:
    whole = host(world.folder / "media")

    def removing(jobs: Iterable[FetchJob]) -> Iterator[Fetched | FetchFailure]:
        for result in whole(jobs):
            if result.key.endswith("m1-7"):
                with world.store.write() as connection:
                    connection.execute(delete(media).where(media.c.key == "m1-7"))
            yield result

    world.fetcher = removing
    world.run(x=world.ask(FakeSource([post(1, 1, pictures=[7]), post(2, 2, pictures=[8])])))
    assert world.count("pictures") == 1
    assert len(list((world.folder / "media").rglob("*.jpg"))) == 1


def test_same_picture_of_another_post_stays_when_one_is_removed(world: World) -> None:
    whole = host(world.folder / "media")

    def removing(jobs: Iterable[FetchJob]) -> Iterator[Fetched | FetchFailure]:
        for result in whole(jobs):
            if result.key.endswith("m2-7"):
                with world.store.write() as connection:
                    connection.execute(delete(media).where(media.c.key == "m2-7"))
            yield result

    world.fetcher = removing
    world.run(x=world.ask(FakeSource([post(1, 1, pictures=[7]), post(2, 2, pictures=[7])])))
    assert world.count("pictures") == world.count("scores") == 1
    assert len(list((world.folder / "media").rglob("*.jpg"))) == 1


def test_picture_waits_for_others_to_fill_a_batch_but_not_for_ever() -> None:
    stream, ready = Stream(), threading.Event()
    stream.ring(["a"])

    def more() -> None:
        ready.wait(SOON)
        for name in "bcd":
            stream.ring([name])

    thread = threading.Thread(target=more)
    thread.start()
    ready.set()
    assert stream.gather(4, SOON) == ["a", "b", "c", "d"]
    thread.join()
    stream.ring(["e"])
    assert stream.gather(4, 0.01) == ["e"]
    stream.ring(["f"])
    stream.end()
    assert stream.gather(4, SOON) == ["f"]
    assert stream.gather(4, SOON) == []


def test_names_beyond_what_is_kept_are_looked_for_in_the_store() -> None:
    stream = Stream()
    stream.ring(str(number) for number in range(30_000))
    assert stream.gather(1, 0) is None
    stream.ring(["a"])
    assert stream.gather(1, 0) == ["a"]


def test_latency_is_of_flagged_pictures() -> None:
    def delay(seconds: float, flagged: bool = True) -> Delay:
        posted: datetime = NOW
        came = posted + timedelta(seconds=60)
        return Delay("x", "1", posted, came, came + timedelta(seconds=seconds), flagged)

    assert latency_of([delay(5, flagged=False)]) is None
    found = latency_of([delay(number) for number in range(1, 101)] + [delay(1000, flagged=False)])
    assert found == {
        "from_post": {"p50": 110, "p95": 155, "p99": 159},
        "from_page": {"p50": 50, "p95": 95, "p99": 99},
    }
