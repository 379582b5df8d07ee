"""A store of every earlier form is brought to the newest with all its rows, on SQLite and on PostgreSQL."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from services import PostgreSQL
from sqlalchemy import Engine, inspect, make_url, text

from quakelens.errors import StorageError
from quakelens.store import earthquakes, open_store, opening
from quakelens.store.database import make_engine
from quakelens.store.opening import NEWEST
from quakelens.store.tables import metadata

MIGRATIONS = Path(opening.__file__).parent / "migrations"
AT = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
QUAKE = {
    "key": "us1", "preferred_id": "us1", "origin_time": AT, "latitude": 38.5, "longitude": 20.25, "depth_km": 10.0,
    "magnitude": 6.5, "magnitude_type": "mww", "place": "Kefaloniá", "alert": None, "mmi": 7.5, "updated": AT,
    "url": None, "first_seen": AT, "due": True, "reason": "magnitude", "decided_at": AT, "merged_into": None,
}  # fmt: skip
POST = {
    "source": "x", "id": "1", "created_at": AT, "author": "ada", "text": "χτύπησε 'quake'; --", "url": "https://x.example/1",
    "lang": "el", "latitude": None, "longitude": None, "place": None, "location_kind": None, "repost_of": None,
    "sensitive": False, "harvested_at": AT,
}  # fmt: skip
PICTURE = {
    "sha256": "ab" * 32, "number": 7, "path": "ab/x.jpg", "bytes": 10, "width": 3, "height": 2, "format": "JPEG",
    "fetched_at": AT, "phash": -(2**63), "dhash": 2**63 - 1, "phash_mirrored": None, "detail": 0.5,
    "group_id": "ab" * 32,
}  # fmt: skip
MEDIUM = {
    "source": "x", "key": "m1", "url": "https://x.example/m1", "kind": "photo", "width": 3, "height": 2,
    "alt_text": None, "status": "fetched", "reason": None, "message": None, "final": True, "tries": 1, "tried_at": AT,
    "sha256": "ab" * 32,
}  # fmt: skip
PAGE = {
    "path": "us1/x/w/1.gz", "earthquake": "us1", "source": "x", "kind": "window", "query": "q", "fetched_at": AT,
    "posts": 1, "authors": 1, "outside": 0, "problem_count": 1, "problems": "one",
}  # fmt: skip
RUN = {
    "earthquake": "us1", "state": "done", "owner": "o", "host": "h", "process": "1:2", "lease_until": AT,
    "started_at": AT, "ended_at": AT, "message": None,
}  # fmt: skip
SCORE = {
    "sha256": "ab" * 32, "model": "3", "probability": 0.9, "decision": "damaged", "heatmap": "3/ab/x.png",
    "box_left": 0.0, "box_top": 0.0, "box_right": 1.0, "box_bottom": 1.0, "scored_at": AT, "error": None,
}  # fmt: skip
FIRST_FORM: list[tuple[str, dict[str, Any]]] = [
    ("earthquakes", QUAKE), ("earthquakes", {**QUAKE, "key": "ci1", "preferred_id": "ci1", "merged_into": "us1"}),
    ("earthquake_ids", {"id": "us1", "earthquake": "us1"}), ("earthquake_ids", {"id": "ci1", "earthquake": "us1"}),
    ("posts", POST),
    ("earthquake_posts", {"earthquake": "us1", "source": "x", "post_id": "1", "lookback": False}),
    ("pictures", PICTURE), ("media", MEDIUM),
    ("post_media", {"source": "x", "post_id": "1", "media_key": "m1", "position": 0}),
    ("pages", PAGE), ("runs", RUN), ("scores", SCORE), ("tombstones", {"source": "x", "id": "9", "deleted_at": AT}),
]  # fmt: skip
"""Rows of every table of the form 0001, by the columns that it had."""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'old.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    yield server.create(tmp_path.name)
    server.drop(tmp_path.name)


def upgrade(engine: Engine, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def kept(engine: Engine) -> list[dict[str, Any]]:
    """The rows of the first form as they are now, in its columns; moments as UTC."""
    found = []
    with engine.connect() as connection:
        for name in sorted({table for table, _ in FIRST_FORM}):
            columns = next(list(row) for table, row in FIRST_FORM if table == name)
            query = text(f"SELECT {', '.join(columns)} FROM {name}")
            for row in connection.execute(query.columns(*(metadata.tables[name].c[each] for each in columns))):
                found.append({"table": name, **row._mapping})
    return sorted(found, key=repr)


def forms() -> list[str]:
    return [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]


def test_rows_of_the_first_form_come_through_every_later_one(empty: str) -> None:
    engine = make_engine(make_url(empty))
    first, *later = forms()
    assert (first, later[-1]) == ("0001", NEWEST)
    upgrade(engine, first)
    with engine.begin() as connection:
        for table, row in FIRST_FORM:
            # By the columns of that form: an insert by today's tables would name later ones.
            values = text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(':' + name for name in row)})")
            connection.execute(values, {name: _plain(value, engine) for name, value in row.items()})
    before = kept(engine)
    assert len(before) == len(FIRST_FORM)
    assert {each["table"] for each in before} == set(inspect(engine).get_table_names()) - {"alembic_version"}
    for form in later:
        upgrade(engine, form)
        assert kept(engine) == before, form
    engine.dispose()
    store = open_store(empty)
    assert sorted(earthquakes.keys_of(store, "ci1")) == ["ci1", "us1"]
    assert earthquakes.get(store, "us1").earthquake.origin_time == AT
    store.close()


def _plain(value: Any, engine: Engine) -> Any:
    """A value as the driver takes it."""
    if isinstance(value, datetime) and engine.dialect.name == "sqlite":
        return value.replace(tzinfo=None).isoformat(sep=" ")
    return value


def test_a_store_that_is_opened_in_an_earlier_form_is_brought_up_to_date(empty: str) -> None:
    engine = make_engine(make_url(empty))
    upgrade(engine, "0002")
    engine.dispose()
    store = open_store(empty)
    with store.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == NEWEST
    store.close()


def test_migrated_store_has_the_tables_that_the_code_uses(empty: str) -> None:
    store = open_store(empty)
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        assert compare_metadata(context, metadata) == []
        # What alembic does not compare: every index in its order, and keys that delete along.
        for table in metadata.sorted_tables:
            here = {index["name"]: index["column_names"] for index in inspect(connection).get_indexes(table.name)}
            wanted = {str(index.name): [column.name for column in index.columns] for index in table.indexes}
            assert {name: here.get(name) for name in wanted} == wanted
            keys = {
                tuple(key["constrained_columns"]): key["options"].get("ondelete")
                for key in inspect(connection).get_foreign_keys(table.name)
            }
            assert keys == {
                tuple(key.column_keys): key.ondelete for key in table.foreign_key_constraints
            }, table.name  # fmt: skip
    store.close()


def test_processes_that_open_a_new_store_at_once_all_succeed(empty: str) -> None:
    code = f"from quakelens.store import open_store, earthquakes; print(earthquakes.count(open_store({empty!r})))"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)
    ]
    ended = [process.communicate(timeout=120) for process in started]
    assert [out.decode().strip() for out, _ in ended] == ["0"] * 4, ended


def test_newest_is_the_head_of_the_migrations() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [NEWEST]


def test_a_server_that_refuses_is_told_from_a_wrong_url(postgresql: PostgreSQL) -> None:
    wrong = postgresql.url("postgres").replace(postgresql.password, "not-the-password")
    with pytest.raises(StorageError, match="password authentication failed") as caught:
        open_store(wrong)
    assert "not-the-password" not in str(caught.value)
    with pytest.raises(StorageError, match="does not exist"):
        open_store(postgresql.url("nowhere"))


def test_the_plain_name_of_the_driver_is_enough(postgresql: PostgreSQL) -> None:
    store = open_store(postgresql.url(Path(postgresql.create("plain")).name, "postgresql"))
    assert earthquakes.count(store) == 0
    store.close()
