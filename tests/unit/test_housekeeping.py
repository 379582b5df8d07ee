"""Files that nobody needs go, others stay; the store gives back the space of what was removed."""

import os
import time
from pathlib import Path

from sqlalchemy import text

from quakelens.files import write_atomically
from quakelens.housekeeping import MODEL_AFTER, PARTIAL_AFTER, tidy
from quakelens.settings import Workspace
from quakelens.store import open_store, upkeep


def aged(path: Path, seconds: float) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def test_half_written_files_go_once_they_are_old(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    media = tmp_path / "data" / "media" / "ab"
    media.mkdir(parents=True)
    whole = media / "abcd.jpg"
    with write_atomically(whole) as file:
        file.write(b"picture")
    left = media / ".abcd.jpg-0123456789abcdef"
    young = media / ".abce.jpg-x1y2z3w4"
    hidden = media / ".keep"
    for path in (left, young, hidden):
        path.write_bytes(b"half")
    for path in (left, whole, hidden):
        aged(path, PARTIAL_AFTER.total_seconds() + 60)
    assert tidy(place, "1").partial == 1
    assert sorted(path.name for path in media.iterdir()) == sorted([whole.name, young.name, hidden.name])
    assert tidy(place, "1").partial == 0


def test_old_copies_of_models_go_but_not_the_champions(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    for version, age_s in (
        ("1", MODEL_AFTER.total_seconds() + 60),
        ("2", MODEL_AFTER.total_seconds() + 60),
        ("3", 60.0),
    ):
        folder = place.cache / "models" / version
        folder.mkdir(parents=True)
        (folder / "model.json").write_text("{}")
        aged(folder, age_s)
    assert tidy(place, "2").models == 1
    assert sorted(path.name for path in (place.cache / "models").iterdir()) == ["2", "3"]


def test_an_empty_workspace_has_nothing_to_tidy(tmp_path: Path) -> None:
    done = tidy(Workspace(tmp_path), "starter")
    assert (done.partial, done.models) == (0, 0)


def test_the_store_gives_space_back_unless_somebody_works(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    try:
        with store.write() as connection:
            connection.execute(text("CREATE TABLE much (what BLOB)"))
            connection.execute(text("INSERT INTO much VALUES (randomblob(4000000))"))
        assert upkeep.refresh(store, in_use=False) == 0
        with store.write() as connection:
            connection.execute(text("DROP TABLE much"))
        assert upkeep.refresh(store, in_use=True) == 0
        size = (tmp_path / "store.db").stat().st_size
        assert upkeep.refresh(store, in_use=False) > 3_000_000
        assert (tmp_path / "store.db").stat().st_size < size - 3_000_000
    finally:
        store.close()
