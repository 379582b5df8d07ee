"""The store on a server: connections that are cut, a server that restarts, locks between processes."""

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from harvest_world import EARTHQUAKE, NOW, post
from services import PostgreSQL, postgresql_server
from sqlalchemy import insert, select, text, update

from quakelens.errors import Busy, StorageError
from quakelens.store import Store, database, earthquakes, open_store
from quakelens.store.locks import alone
from quakelens.store.posts import PageRow, add_page, count_posts
from quakelens.store.tables import counters

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'quakelens' AND datname = '{}'"


@pytest.fixture
def store(postgresql: PostgreSQL, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(postgresql.create(tmp_path.name))
    yield opened
    opened.close()
    postgresql.drop(tmp_path.name)


def page(number: int) -> PageRow:
    return PageRow(
        path=f"a/{number}.gz", earthquake=EARTHQUAKE.id, source="x", kind="window", query="quake", fetched_at=NOW,
        read=1, authors=1, outside=0, problems=(),
    )  # fmt: skip


def test_a_step_whose_connection_is_cut_is_kept_whole_or_not_at_all(store: Store, postgresql: PostgreSQL) -> None:
    with pytest.raises(StorageError, match="does not answer") as caught, store.write() as connection:
        connection.execute(insert(counters).values(name="first", value=1))
        postgresql.run(CUT.format(store.url.database))
        connection.execute(insert(counters).values(name="second", value=2))
    assert postgresql.password not in str(caught.value)
    with store.read() as connection:
        assert connection.scalars(select(counters.c.name)).all() == []
    with store.write() as connection:
        connection.execute(insert(counters).values(name="first", value=1))


def test_connections_that_are_cut_between_steps_are_made_anew(store: Store, postgresql: PostgreSQL) -> None:
    earthquakes.save(store, EARTHQUAKE, NOW)
    for number in range(5):
        postgresql.run(CUT.format(store.url.database))
        assert add_page(store, page(number), [post(number + 1, 1)]) == 1
    assert count_posts(store, EARTHQUAKE.id) == 5


def test_a_server_that_restarts_is_waited_for_and_nothing_is_lost() -> None:
    with postgresql_server() as server:
        store = open_store(server.create("own"))
        earthquakes.save(store, EARTHQUAKE, NOW)
        stop, kept = threading.Event(), []

        def work() -> None:
            for number in range(10_000):
                if stop.is_set():
                    return
                with suppress(StorageError):  # the step that was cut: done again, as a run would
                    add_page(store, page(number), [post(number + 1, 1)])
                    kept.append(number)

        worker = threading.Thread(target=work)
        worker.start()
        for _ in range(2):
            done = len(kept)
            wait(lambda done=done: len(kept) > done + 5)
            server.stop()
            time.sleep(0.5)
            server.start()
        done = len(kept)
        wait(lambda: len(kept) > done + 5)
        stop.set()
        worker.join()
        assert count_posts(store, EARTHQUAKE.id) >= len(kept) >= 15
        with store.read() as connection:
            there = set(connection.scalars(text("SELECT path FROM pages")))
        assert {f"a/{number}.gz" for number in kept} <= there
        store.close()


def test_a_server_that_stays_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "RECONNECT_S", 0.5)
    with postgresql_server() as server:
        url = server.create("own")
        store = open_store(url)
        server.stop()
        with pytest.raises(StorageError, match="does not answer"):
            earthquakes.count(store)
        with pytest.raises(StorageError, match="cannot be reached"):
            open_store(url)
        server.start()
        assert earthquakes.count(store) == 0
        store.close()


def wait(until: Any, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def count_up(url: str, times: int) -> None:
    store = open_store(url)
    for _ in range(times):
        with store.write() as connection:  # read, then write: lost where two do so at once
            value = connection.scalar(select(counters.c.value).where(counters.c.name == "n"))
            connection.execute(update(counters).values(value=value + 1))
    store.close()


def test_two_processes_and_their_threads_write_one_at_a_time(store: Store, postgresql: PostgreSQL) -> None:
    with store.write() as connection:
        connection.execute(insert(counters).values(name="n", value=0))
    context = multiprocessing.get_context("spawn")
    url = postgresql.url(str(store.url.database))
    started: list[Any] = [context.Process(target=count_up, args=(url, 100)) for _ in range(2)]
    started += [threading.Thread(target=count_up, args=(url, 100)) for _ in range(2)]
    for each in started:
        each.start()
    for each in started:
        each.join(timeout=120)
    with store.read() as connection:
        assert connection.scalar(select(counters.c.value)) == 400


def test_a_writer_that_holds_on_makes_the_others_say_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(database._SESSION, "lock_timeout", "300ms")
    other = Store(store.url)
    with store.write(), pytest.raises(Busy, match="another process has written"), other.write():
        pass
    with other.write() as connection:
        connection.execute(insert(counters).values(name="free", value=1))
    other.close()


def test_a_reader_sees_one_state_and_keeps_no_writer_waiting(store: Store) -> None:
    with store.read() as reading:
        assert reading.scalars(select(counters.c.name)).all() == []
        with store.write() as connection:
            connection.execute(insert(counters).values(name="new", value=1))
        assert reading.scalars(select(counters.c.name)).all() == []
    with store.read() as reading:
        assert reading.scalars(select(counters.c.name)).all() == ["new"]


def hold(url: str, reached: Any) -> None:
    with alone(open_store(url), "purge", "the removal of posts"):
        reached.set()
        time.sleep(600)


def test_a_lock_holds_between_machines_and_goes_with_a_killed_process(store: Store, postgresql: PostgreSQL) -> None:
    context = multiprocessing.get_context("spawn")
    reached = context.Event()
    process = context.Process(target=hold, args=(postgresql.url(str(store.url.database)), reached))
    process.start()
    assert reached.wait(timeout=60)
    with pytest.raises(Busy, match="the removal of posts"), alone(store, "purge", "the removal of posts", wait_s=0.3):
        pass
    with alone(store, "report-us1", "the report of us1", wait_s=0.3):
        pass
    process.kill()
    process.join(timeout=30)
    with alone(store, "purge", "the removal of posts", wait_s=30):
        pass


def test_work_under_a_lock_whose_connection_is_cut_is_done_all_the_same(store: Store, postgresql: PostgreSQL) -> None:
    with alone(store, "purge", "the removal of posts"):
        postgresql.run(CUT.format(store.url.database))
    with alone(store, "purge", "the removal of posts", wait_s=5):
        pass
