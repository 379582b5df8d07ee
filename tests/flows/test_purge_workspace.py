"""Posts that are deleted on X leave nothing behind in a whole workspace: files, DVC, its remote, MLflow."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest
from searching import Sought
from sqlalchemy import select

from flows.harvest_and_score import harvest_and_score
from flows.purge import purge
from flows.retrain import retrain
from quakelens.dataset.collect import collect
from quakelens.demo.sample import Sample
from quakelens.demo.servers import Fault, Faults, FeedServer, XApi
from quakelens.demo.servers.x_posts import StoredPost, read_posts
from quakelens.duplicates import hash_picture, near
from quakelens.errors import SourceError
from quakelens.images import decode
from quakelens.params import read_params
from quakelens.registry.lookup import artifact_folders
from quakelens.settings import Settings, Workspace, store_url_of
from quakelens.store import open_store, todo
from quakelens.store.tables import metadata
from quakelens.versioning import push

TOKEN = "a-token-that-must-not-be-seen"
WORDS = ("zerquetschtundverloren", "HerAltTextInHerWords", "Kleinkleckersdorf", "990000004711")
EVENT = "sample7001"


@dataclass
class World:
    """The stand-ins, and three posts with words and pictures that occur nowhere else."""

    workspace: Workspace
    x: XApi
    now: datetime
    hers: list[StoredPost]
    pictures: tuple[bytes, ...]

    @property
    def sought(self) -> Sought:
        return Sought((*WORDS, *(f"status/{post.id}" for post in self.hers)), self.pictures)

    def rows(self, table: str) -> list[tuple[object, ...]]:
        store = open_store(store_url_of(Settings(), self.workspace))
        with store.read() as connection:
            found = [tuple(row) for row in connection.execute(select(metadata.tables[table]))]
        store.close()
        return sorted(found, key=repr)

    def report(self) -> list[dict[str, str]]:
        with (self.workspace.reports.path / EVENT / "posts.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def rewritten(sample: Sample) -> tuple[list[StoredPost], list[StoredPost], tuple[bytes, ...]]:
    """The sample's posts, three of which get her words; their pictures, which no other resembles."""
    posts = read_posts(sample.posts)
    images = {image for post in posts for image in post.images}
    files = {image: (sample.live / image).read_bytes() for image in images if (sample.live / image).is_file()}
    hashes = {}
    for image, content in files.items():
        try:
            hashes[image] = hash_picture(decode(content))
        except Exception:  # noqa: BLE001  # some are broken on purpose
            continue
    carried = Counter(image for post in posts for image in post.images)
    with (sample.live / "truth.csv").open(newline="", encoding="utf-8") as file:
        truth = {row["image"]: row["label"] for row in csv.DictReader(file)}
    limits = read_params(Path(__file__).parents[2] / "params.yaml").duplicates
    hers = []
    for post in posts:
        if len(hers) < 3 and len(post.images) == 1 and post.repost_of is None and not post.id.startswith("20551"):
            (image,) = post.images
            alone = carried[image] == 1 and image in hashes and truth.get(image) == "damaged"
            if alone and sum(near(hashes[image], other, limits) for other in hashes.values()) == 1:
                hers.append(
                    replace(
                        post, text=f"earthquake collapsed building {WORDS[0]} {post.text}", author="her_handle_x",
                        author_id=WORDS[3], alt_text=f"{WORDS[1]} {image}",
                        place={"id": "5a1e00000000cafe", "full_name": f"{WORDS[2]}, Nowhere", "country_code": "GR",
                               "place_type": "city", "bbox": [20.0, 37.0, 20.1, 37.1]},
                    )
                )  # fmt: skip
    assert len(hers) == 3
    changed = {post.id: post for post in hers}
    pictures = tuple(files[post.images[0]] for post in hers)
    return [changed.get(post.id, post) for post in posts], hers, pictures


@pytest.fixture
def world(workspace: Workspace, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    now = datetime.fromisoformat(json.loads(sample.about.read_text(encoding="utf-8"))["now"])
    posts, hers, pictures = rewritten(sample)
    with FeedServer(sample.feed) as feed, XApi(posts, token=TOKEN, now=now, images_root=sample.live) as x:
        monkeypatch.setenv("QUAKELENS_USGS_FEED_URL", f"{feed.url}/feed.geojson")
        monkeypatch.setenv("QUAKELENS_USGS_EVENT_URL", f"{feed.url}/fdsnws/event/1/query")
        monkeypatch.setenv("QUAKELENS_SOURCES", "x")
        monkeypatch.setenv("QUAKELENS_X_BASE_URL", x.url)
        monkeypatch.setenv("QUAKELENS_X_BEARER_TOKEN", TOKEN)
        monkeypatch.setenv("QUAKELENS_MEDIA_ALLOW", x.address)
        yield World(workspace, x, now, hers, pictures)


def hold_out(workspace: Workspace) -> str:
    """Keep the held-out earthquakes what they are, whatever is added; returns one of them."""
    with (workspace.prepared / "pictures.csv").open(newline="", encoding="utf-8") as file:
        events = {row["event"] for row in csv.DictReader(file) if row["split"] == "held_out"} - {"none"}
    text = workspace.params.read_text(encoding="utf-8")
    assert text.count("  held_out: []") == 1
    workspace.params.write_text(text.replace("  held_out: []", f"  held_out: [{', '.join(sorted(events))}]"), "utf-8")
    return min(events)


def label(world: World) -> None:
    """A person labels her pictures, wrongly, so that they are on the sheet of mistakes, and says who she is."""
    folder = world.workspace.root / "hand"
    folder.mkdir()
    event = hold_out(world.workspace)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "event", "source", "note"])
        for number, picture in enumerate(world.pictures):
            (folder / f"{number}.jpg").write_bytes(picture)
            writer.writerow([f"{number}.jpg", "not_damaged", event, "x", f"{WORDS[0]} of {world.hers[number].id}"])
    added = collect(world.workspace, read_params(world.workspace.params), folder / "manifest.csv")
    assert added.added == 3
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


@pytest.mark.timeout(1200)
def test_a_deleted_post_leaves_nothing_in_the_whole_workspace(world: World) -> None:
    harvest_and_score(EVENT, now=world.now)
    ids = {post.id for post in world.hers}
    assert ids & {row["post_id"] for row in world.report()}
    others = {row["post_id"] for row in world.report()} - ids
    label(world)
    retrain()
    push(world.workspace)  # also what the pipeline made
    harvest_and_score(EVENT, now=world.now)  # perhaps with a new champion: heat maps of two versions
    # MLflow writes to where the workspace was before it was copied.
    roots = (world.workspace.root, *(artifact_folders(world.workspace, Settings()) or ()))
    before = world.sought.traces(*roots)
    for part in ("data/pages", "data/media", "data/heatmaps", "data/labelled", "data/prepared", "data/features",
                 "data/evaluated", "data/cache", "mlruns", "reports", ".dvc/cache", "dvc-remote"):  # fmt: skip
        assert any(f"/workspace/{part}/" in trace for trace in before), part

    world.x.remove(*ids)
    summary = purge(older_than_h=0)
    (asked,) = summary.networks
    assert (asked.removed, asked.unknown, asked.state) == (3, 0, "done")
    assert asked.there == asked.due - 3
    assert asked.usd == pytest.approx(0.005 * asked.there)
    assert summary.files.labelled == 3
    assert summary.files.problems == ()
    assert world.sought.traces(*roots) == []
    assert {str(row[1]) for row in world.rows("tombstones")} == ids
    assert {row["post_id"] for row in world.report()} == others

    # Nothing of it is in the way: the next version of the data is without it, and a harvest does not bring it back.
    assert "prepare" in retrain().stages
    push(world.workspace)
    harvest_and_score(EVENT, now=world.now)
    assert world.sought.traces(*roots) == []


@pytest.mark.timeout(600)
def test_a_network_that_refuses_removes_nothing_and_says_so(world: World) -> None:
    harvest_and_score(EVENT, now=world.now)
    before = world.rows("posts")
    world.x.remove(*(post.id for post in world.hers))
    world.x.faults_at["lookup"] = Faults(always=Fault("402"))
    with pytest.raises(SourceError, match="credits"):
        purge(older_than_h=0)
    assert world.rows("posts") == before
    store = open_store(store_url_of(Settings(), world.workspace))
    assert todo.pending(store) == []
    store.close()
