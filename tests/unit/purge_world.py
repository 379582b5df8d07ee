"""A small world whose posts are removed: harvested, fetched, scored and reported, with files as in a workspace."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
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
    picture_file,
    post,
)
from searching import Sought

from quakelens.harvest import fetch_pending, harvest_pages, score_pending
from quakelens.purge import pages as purge_pages
from quakelens.purge import reports as purge_reports
from quakelens.purge.remove import Completed, complete
from quakelens.registry.lookup import Found
from quakelens.report.current import report_again
from quakelens.settings import Settings, Workspace
from quakelens.sources.post import Gone, Post
from quakelens.sources.readers import PageReader
from quakelens.store import Store, open_store
from quakelens.store.removal import Removed, remove_posts

WORDS = (
    "zerquetscht-und-verloren",
    "@nobodywhoasked",
    "the-alt-text-of-hers",
    "https://x.example/7",
    "Kleinkleckersdorf",
)


class AlwaysFlags(FakeEngine):
    """Flags whatever it sees, so that all of it is in the report."""

    def score(self, pictures, *, heatmaps=False):  # type: ignore[no-untyped-def]
        import numpy as np

        from quakelens.engine.engine import Verdict

        self.seen.extend(len(data) for data in pictures)  # type: ignore[misc]
        return [
            Verdict(0.9, "damaged", np.frombuffer(data[900:949], np.uint8).reshape(7, 7), (0.0, 0.0, 1.0, 1.0))
            for data in pictures
        ]


def open_engine(found: Found) -> AlwaysFlags:
    return AlwaysFlags(version=found.version)


def hers(number: int, minutes: float, pictures: Sequence[int], **more: object) -> Post:
    """A post with words that occur nowhere else."""
    made = post(number, minutes, f"quake {WORDS[0]}", pictures=pictures, place=WORDS[4], **more)
    media = tuple(replace(each, alt_text=f"{WORDS[2]} {each.key}") for each in made.media)
    return replace(made, author=WORDS[1], author_id="hers-4711", url=f"{WORDS[3]}{number}", media=media)


def build(folder: Path, posts: list[Post], *, files_url: str | None = None) -> tuple[Store, Workspace]:
    """Harvest, fetch, score and report in a workspace."""
    workspace = Workspace(folder / "w", files_url)
    store = new_store(workspace.store.parent)
    section = params()
    harvest_pages(
        store, FakeSource(posts), EARTHQUAKE, section.harvest, workspace.pages, NOW, queries=["quake"],
        patience=impatient(),
    )  # fmt: skip
    fetch_pending(store, EARTHQUAKE.id, workspace.media, section, fetch=host(workspace.media))
    score_pending(store, EARTHQUAKE.id, AlwaysFlags(), workspace.media, workspace.heatmaps)
    report_again(store, EARTHQUAKE.id, "3", None, workspace, NOW)
    return store, workspace


def take(store: Store, *ids: int, authors: Sequence[str] = (), asked: bool = False) -> Removed:
    gone = Gone(frozenset(f"{each:06d}" for each in ids), frozenset(authors))
    return remove_posts(store, "x", gone, NOW, params().duplicates, asked=asked)


def finish(store: Store, workspace: Workspace) -> Completed:
    done = complete(store, workspace, Settings(), NOW, open_engine=open_engine)
    assert done.problems == ()
    return done


def sought(*pictures: int, also_near: bool = True) -> Sought:
    return Sought(WORDS, tuple(picture_file(each) for each in pictures), also_near)


def copied(workspace: Workspace, to: Path) -> tuple[Store, Workspace]:
    """The same again, to be treated otherwise."""
    place = Workspace(Path(shutil.copytree(workspace.root, to / "w")))
    return open_store(f"sqlite:///{place.store}"), place


@pytest.fixture
def fake_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Archived pages are in the form of `FakeSource`; every version of the model is at hand."""
    source = FakeSource([])
    reader = PageReader("x", "x", source.parse, source.redact)
    monkeypatch.setattr(purge_pages, "page_reader", lambda name: reader)
    monkeypatch.setattr(purge_reports, "find", lambda ref, *_: Found(ref, Path("/nowhere")))
