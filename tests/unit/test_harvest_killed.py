"""A harvest that is killed anywhere and run again ends as one that nothing disturbed."""

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from harvest_world import (
    EARTHQUAKE,
    NOW,
    ORIGIN,
    FakeEngine,
    FakeSource,
    host,
    impatient,
    new_store,
    params,
    post,
    rows,
)

from quakelens.harvest import fetch_pending, harvest_pages, ingest, media, score_pending, scoring
from quakelens.harvest.archive import PageArchive
from quakelens.sources.post import Post
from quakelens.store import Store, open_store

QUERIES = ("quake", "deprem")
AFTER = ORIGIN + timedelta(hours=73)  # the window is over, so a search that is done is not asked for news
PICTURES = (1, 2, 3, 101, 50, 4)


def small_world() -> list[Post]:
    before = [post(1 + i, -100 + i, "quake deprem", pictures=[2] if i == 13 else []) for i in range(14)]
    after = [post(20 + i, 5 + i, pictures=[PICTURES[i % 6]] if i % 2 else []) for i in range(12)]
    turkish = [post(40 + i, 6 + i, "deprem", pictures=[PICTURES[i]] if i < 6 else []) for i in range(11)]
    return [*before, *after, *turkish]


def run(store: Store, folder: Path, source: FakeSource, engine: FakeEngine, fetch: Any, now: datetime = AFTER) -> None:
    section = params()
    harvest_pages(
        store, source, EARTHQUAKE, section.harvest, folder / "pages", now, queries=QUERIES, patience=impatient()
    )
    fetch_pending(store, EARTHQUAKE.id, folder / "media", section, fetch=fetch)
    score_pending(store, EARTHQUAKE.id, engine, folder / "media", folder / "heatmaps", batch_size=2)


class Killed(BaseException):
    """Nothing in the program may catch it, as nothing can catch a kill."""


class Bomb:
    """Goes off at one of the points that the run passes."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.passed: list[str] = []

    def point(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) == self.at:
            raise Killed(name)

    def around(self, name: str, function: Callable[..., Any], *args: Any, **more: Any) -> Any:
        self.point(f"before {name}")
        result = function(*args, **more)
        self.point(f"after {name}")
        return result


def with_bomb(monkeypatch: pytest.MonkeyPatch, bomb: Bomb, folder: Path, store: Store) -> FakeSource:
    """Run with points before and after everything that changes the disk, and within transactions."""
    source = FakeSource(small_world(), before_search=lambda number: bomb.point("before search"))
    engine = FakeEngine(before=lambda number: bomb.point("before batch"))

    def archived(self: PageArchive, *args: Any) -> Any:
        page = add(self, *args)
        bomb.point("after archiving")
        return page

    add = PageArchive.add
    with monkeypatch.context() as patch:
        patch.setattr(PageArchive, "add", archived)
        patch.setattr(ingest, "add_page", partial(bomb.around, "storing a page", ingest.add_page))
        for name in ("add_picture", "set_fetched"):
            patch.setattr(media.rows, name, partial(bomb.around, name, getattr(media.rows, name)))
        patch.setattr(scoring, "_keep_heatmap", partial(bomb.around, "heat map", scoring._keep_heatmap))
        patch.setattr(scoring.rows, "add_scores", partial(bomb.around, "storing scores", scoring.rows.add_scores))
        fetch = host(folder / "media", lambda number: bomb.point("before fetch"))
        run(store, folder, source, engine, fetch)
    return source


def telling(passed: list[str]) -> list[int]:
    """The first, second and last time that each point is passed, counted from 1."""
    places: dict[str, list[int]] = {}
    for at, name in enumerate(passed, start=1):
        places.setdefault(name, []).append(at)
    return sorted({at for found in places.values() for at in (*found[:2], found[-1])})


def test_run_that_is_killed_at_any_point_ends_as_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_store(tmp_path).close()
    undisturbed = Bomb(None)
    folder = tmp_path / "undisturbed"
    folder.mkdir()
    shutil.copy(tmp_path / "store.db", folder)
    store = new_store(folder)
    source = with_bomb(monkeypatch, undisturbed, folder, store)
    wanted, asked = rows(store), source.asked()
    assert len(wanted["posts"]) == 12 + 11 + 14
    assert len(wanted["scores"]) == 5
    assert len(undisturbed.passed) > 60

    for at in telling(undisturbed.passed):
        folder = tmp_path / str(at)
        folder.mkdir()
        shutil.copy(tmp_path / "store.db", folder)
        first, bomb = new_store(folder), Bomb(at)
        with pytest.raises(Killed):
            with_bomb(monkeypatch, bomb, folder, first)
        first.close()
        again = open_store(f"sqlite:///{folder / 'store.db'}")
        source = FakeSource(small_world())
        archived = len(list((folder / "pages").rglob("*.gz")))
        run(again, folder, source, FakeEngine(), host(folder / "media"))
        where = f"killed at point {at}, {bomb.passed[-1]}"
        assert rows(again) == wanted, where
        assert archived + len(source.requests) == len(asked), where
        again.close()
        shutil.rmtree(folder)


def child(folder: str, step: str, number: int, reached: Any) -> None:
    """Run until one call of a step, and hang there until the kill."""

    def hang(wanted: str, call: int) -> None:
        if wanted == step and call == number:
            reached.set()
            time.sleep(600)

    root = Path(folder)
    source = FakeSource(small_world(), before_search=partial(hang, "search"))
    engine = FakeEngine(before=partial(hang, "score"))
    run(new_store(root), root, source, engine, host(root / "media", partial(hang, "fetch")), NOW)


def test_processes_that_are_killed_one_after_the_other_lose_nothing(tmp_path: Path) -> None:
    calm = tmp_path / "calm"
    calm.mkdir()
    wanted = new_store(calm)
    run(wanted, calm, FakeSource(small_world()), FakeEngine(), host(calm / "media"), NOW)

    folder = tmp_path / "killed"
    folder.mkdir()
    context = multiprocessing.get_context("spawn")
    for step, number in (("search", 3), ("fetch", 4), ("score", 2)):
        reached = context.Event()
        process = context.Process(target=child, args=(str(folder), step, number, reached))
        process.start()
        assert reached.wait(timeout=60), f"the run ended before {step} {number}"
        os.kill(int(process.pid or 0), signal.SIGKILL)
        process.join(timeout=30)
        assert process.exitcode == -signal.SIGKILL
    store = new_store(folder)
    engine = FakeEngine()
    run(store, folder, FakeSource(small_world()), engine, host(folder / "media"), NOW)
    what = ("earthquakes", "posts", "earthquake_posts", "media", "post_media", "pictures", "scores")
    assert rows(store, *what) == rows(wanted, *what)
    assert engine.calls == 2  # the batch that was killed, and the last
