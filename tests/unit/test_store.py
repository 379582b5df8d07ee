import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from harvest_world import EARTHQUAKE, NOW, ORIGIN, new_store, post, store_url
from sqlalchemy import create_engine, insert, select
from sqlalchemy.exc import IntegrityError, StatementError

from quakelens.errors import UsageError
from quakelens.store import earthquakes, open_store
from quakelens.store import posts as post_rows
from quakelens.store.posts import PageRow, add_page, count_posts
from quakelens.store.tables import pictures, posts, tombstones


def page(path: str, kind: str = "window", read: int = 2) -> PageRow:
    return PageRow(
        path=path, earthquake=EARTHQUAKE.id, source="x", kind=kind, query="quake", fetched_at=NOW,
        read=read, authors=1, outside=0, problems=("one", "two"),
    )  # fmt: skip


def test_sqlite_lets_others_read_while_one_writes_and_keeps_foreign_keys(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    with store.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_current_store_is_opened_without_alembic(tmp_path: Path, any_store: str) -> None:
    new_store(tmp_path).close()
    code = (
        "import sys; from quakelens.store import open_store; "
        f"open_store({store_url(tmp_path)!r}); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"this is no database at all, but long enough to look at" * 9, "not a database"), (None, "newer quakelens")],
)
def test_store_that_cannot_be_used_is_explained(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "store.db"
    if content is None:
        store = new_store(tmp_path)
        with store.write() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    else:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=words):
        open_store(f"sqlite:///{file}")


def test_other_programs_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (id INTEGER)")
    engine.dispose()
    with pytest.raises(UsageError, match="another program"):
        open_store(f"sqlite:///{file}")


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/db", "sqlite://", "oracle://x/y"])
def test_url_that_cannot_be_a_store_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        open_store(url)


def test_password_of_a_url_is_not_in_messages() -> None:
    with pytest.raises(UsageError) as caught:
        open_store("mysql://ada:secret-word@host/db")
    assert "secret-word" not in str(caught.value)


def test_moments_come_back_as_utc_whatever_their_offset(tmp_path: Path, any_store: str) -> None:
    store = new_store(tmp_path)
    moment = datetime(2026, 5, 1, 15, 30, 0, 123456, tzinfo=timezone(timedelta(hours=3)))
    earthquakes.save(store, replace(EARTHQUAKE, origin_time=moment), NOW)
    found = earthquakes.get(store, EARTHQUAKE.id).earthquake.origin_time
    assert found == moment
    assert found.tzinfo is UTC


def test_naive_moments_are_refused(tmp_path: Path, any_store: str) -> None:
    store = new_store(tmp_path)
    with pytest.raises(StatementError, match="no timezone"):
        earthquakes.save(store, replace(EARTHQUAKE, updated=datetime(2026, 5, 1)), NOW)
    assert earthquakes.count(store) == 0


def test_hashes_keep_all_64_bits(tmp_path: Path, any_store: str) -> None:
    store = new_store(tmp_path)
    values = [0, 1, 2**63 - 1, 2**63, 2**64 - 1]
    with store.write() as connection:
        for number, bits in enumerate(values):
            connection.execute(
                insert(pictures).values(
                    sha256=f"{number:064d}", number=number, path="p", bytes=1, width=1, height=1,
                    format="PNG", fetched_at=NOW, phash=bits, group_id="g",
                )
            )  # fmt: skip
    with store.read() as connection:
        assert list(connection.scalars(select(pictures.c.phash).order_by(pictures.c.number))) == values


def test_transaction_is_whole_or_nothing(tmp_path: Path, any_store: str) -> None:
    store = new_store(tmp_path)
    earthquakes.save(store, EARTHQUAKE, NOW)
    broken = replace(post(2, 2), text=None)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        add_page(store, page("a/1.gz"), [post(1, 1), broken])
    assert count_posts(store, EARTHQUAKE.id) == 0
    assert post_rows.known_pages(store, [EARTHQUAKE.id]) == set()


def test_page_counts_once_and_its_posts_count_once(tmp_path: Path, any_store: str) -> None:
    store = new_store(tmp_path)
    earthquakes.save(store, EARTHQUAKE, NOW)
    assert add_page(store, page("a/1.gz"), [post(1, 1, pictures=[1, 2]), post(2, 2)]) == 2
    assert add_page(store, page("a/1.gz"), [post(1, 1), post(9, 9)]) == 0
    assert add_page(store, page("b/1.gz"), [post(2, 2), post(3, 3), post(3, 3)]) == 1
    assert count_posts(store, EARTHQUAKE.id) == 3
    assert post_rows.spent(store, [EARTHQUAKE.id], "x") == post_rows.Spent(posts=4, authors=2, problems=4)
    assert post_rows.spent(store, [EARTHQUAKE.id], "bluesky").posts == 0


def test_look_back_does_not_count_until_the_window_finds_the_post_too(tmp_path: Path, any_store: str) -> None:
    store = new_store(tmp_path)
    earthquakes.save(store, EARTHQUAKE, NOW)
    assert add_page(store, page("a/1.gz", "lookback"), [post(1, -5), post(2, -4)]) == 0
    assert count_posts(store, EARTHQUAKE.id) == 0
    assert add_page(store, page("b/1.gz"), [post(2, -4)]) == 1
    assert add_page(store, page("c/1.gz", "lookback"), [post(2, -4)]) == 0
    assert count_posts(store, EARTHQUAKE.id) == 1


def test_deleted_post_does_not_come_back(tmp_path: Path, any_store: str) -> None:
    store = new_store(tmp_path)
    earthquakes.save(store, EARTHQUAKE, NOW)
    with store.write() as connection:
        connection.execute(insert(tombstones).values(source="x", id="000001", deleted_at=NOW))
    assert add_page(store, page("a/1.gz"), [post(1, 1), post(2, 2)]) == 1
    with store.read() as connection:
        assert list(connection.scalars(select(posts.c.id))) == ["000002"]


def test_any_id_finds_the_earthquake_and_its_key_stays(tmp_path: Path, any_store: str) -> None:
    store = new_store(tmp_path)
    earthquakes.save(store, EARTHQUAKE, NOW)
    revised = replace(EARTHQUAKE, id="us9", ids=("us9", "at00abcd"), magnitude=7.1, updated=NOW)
    assert earthquakes.save(store, revised, NOW) == EARTHQUAKE.id
    for name in ("us9", "at00abcd", "us7000abcd"):
        found = earthquakes.get(store, name)
        assert (found.key, found.earthquake.id, found.earthquake.magnitude) == (EARTHQUAKE.id, "us9", 7.1)
    assert set(found.earthquake.ids) == {"us9", "at00abcd", "us7000abcd"}
    assert earthquakes.count(store) == 1


def test_older_announcement_revises_nothing_but_adds_its_ids(tmp_path: Path, any_store: str) -> None:
    store = new_store(tmp_path)
    earthquakes.save(store, EARTHQUAKE, NOW)
    late = replace(
        EARTHQUAKE, ids=("us7000abcd", "pt1"), magnitude=5.0, updated=EARTHQUAKE.updated - timedelta(minutes=1)
    )
    earthquakes.save(store, late, NOW)
    assert earthquakes.get(store, "pt1").earthquake.magnitude == EARTHQUAKE.magnitude


def test_two_announcements_that_a_third_joins_become_one_with_all_posts(tmp_path: Path, any_store: str) -> None:
    store = new_store(tmp_path)
    first = replace(EARTHQUAKE, id="a1", ids=("a1",))
    second = replace(EARTHQUAKE, id="b1", ids=("b1",))
    earthquakes.save(store, first, ORIGIN)
    earthquakes.save(store, second, ORIGIN + timedelta(minutes=1))
    add_page(store, replace(page("a/1.gz"), earthquake="a1"), [post(1, 1), post(2, 2)])
    add_page(store, replace(page("b/1.gz"), earthquake="b1"), [post(2, 2), post(3, 3)])
    joined = replace(EARTHQUAKE, id="b1", ids=("b1", "a1"), updated=NOW)
    assert earthquakes.save(store, joined, NOW) == "a1"
    assert earthquakes.keys_of(store, "b1") == ["a1", "b1"]
    assert earthquakes.count(store) == 1
    assert [found.key for found in earthquakes.since(store, ORIGIN - timedelta(days=1))] == ["a1"]
    assert count_posts(store, "a1") == 3


def test_unknown_earthquake_is_explained(tmp_path: Path, any_store: str) -> None:
    with pytest.raises(UsageError, match="us0000none"):
        earthquakes.get(new_store(tmp_path), "us0000none")
