"""A removal that is killed anywhere and run again ends as one that nothing disturbed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harvest_world import EARTHQUAKE, post, rows
from purge_world import build, copied, fake_pages, finish, hers, sought, take  # noqa: F401

from quakelens.depot import Folder
from quakelens.purge import pages, pictures, remove, reports
from quakelens.settings import Workspace
from quakelens.store import Store, removal, todo, traces

pytestmark = pytest.mark.usefixtures("fake_pages")


class Killed(BaseException):
    """Nothing in the program may catch it, as nothing can catch a kill."""


class Bomb:
    """Goes off at one of the points that the removal passes."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.passed: list[str] = []

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **more: Any) -> Any:
            self.point(f"before {name}")
            result = function(*args, **more)
            self.point(f"after {name}")
            return result

        return wrapped

    def point(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) == self.at:
            raise Killed(name)


POINTS = (
    (removal, "_delete"), (removal, "_delete_media"), (removal, "_delete_pictures"), (removal, "insert_new"),
    (todo, "done"), (traces, "wipe"), (remove, "redact_pages"), (remove, "remove_files"), (remove, "rewrite_reports"),
    (remove, "remove_labelled"), (pages, "redact_posts"), (pictures, "_remove"), (reports, "report_again"),
    (reports, "score_pending"), (Folder, "put"), (Folder, "delete"),
)  # fmt: skip


def telling(passed: list[str]) -> list[int]:
    """The first and last time that each point is passed, counted from 1."""
    places: dict[str, list[int]] = {}
    for at, name in enumerate(passed, start=1):
        places.setdefault(name, []).append(at)
    return sorted({at for found in places.values() for at in (found[0], found[-1])})


def test_killed_at_any_point_and_run_again_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posts = [post(11, 1, pictures=[3, 4]), post(12, 2, pictures=[101]), hers(70, 3, [1, 2]), hers(71, 4, [2])]
    store, made = build(tmp_path, posts)
    store.close()
    gone = sought(1, 2, also_near=False)  # 101, a smaller copy of 1, is of another post

    def run(at: int | None) -> tuple[Bomb, Store, Workspace]:
        """The removal until a point, and the files as they are at that moment."""
        store, workspace = copied(made, tmp_path / str(at))
        bomb = Bomb(at)
        with monkeypatch.context() as patch:
            for module, name in POINTS:
                patch.setattr(module, name, bomb.around(f"{module.__name__}.{name}", getattr(module, name)))
            try:
                take(store, 70, 71)
                finish(store, workspace)
            except Killed:
                assert at is not None
        left = copied(workspace, tmp_path / f"{at} again")  # before the store is closed, which would tidy up
        store.close()
        shutil.rmtree(tmp_path / str(at))
        return bomb, *left

    calm, store, workspace = run(None)
    assert len(calm.passed) > 40
    wanted, report = rows(store), workspace.reports.path / EARTHQUAKE.id / "posts.csv"
    assert gone.traces(workspace.root) == []
    shown = report.read_text()
    assert shown.count("000012") == 1

    for at in telling(calm.passed):
        bomb, store, workspace = run(at)
        where = f"killed at point {at}, {bomb.passed[-1]}"
        take(store, 70, 71)
        finish(store, workspace)
        assert rows(store) == wanted, where
        assert gone.traces(workspace.root) == [], where
        assert (workspace.reports.path / EARTHQUAKE.id / "posts.csv").read_text() == shown, where
        store.close()
        shutil.rmtree(workspace.root.parent)
