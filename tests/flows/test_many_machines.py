"""Two workers on servers of every kind do together what one process does alone."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from services import S3, PostgreSQL, free_port, wait_for
from sqlalchemy import select

from flows.deployments import HOME
from flows.harvest_and_score import harvest_and_score
from quakelens.demo.sample import Sample
from quakelens.demo.servers import FeedServer, XApi
from quakelens.model.bundle import MANIFEST, sha256_of
from quakelens.registry.names import BUNDLE_TAG
from quakelens.registry.registry import Registry
from quakelens.settings import Settings, Workspace
from quakelens.station.parts import POOL
from quakelens.store import Store, open_store
from quakelens.store.tables import metadata
from quakelens.versioning import initialise, push

TOKEN = "a-token-of-the-stand-in"
AT_ONCE = 3  # harvests; they carry the same pictures, so that both machines store and score the same at once


@contextmanager
def process(arguments: list[str], environment: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of its own group, which ends with the block."""
    with log.open("wb") as out:
        started = subprocess.Popen(
            [sys.executable, "-m", *arguments], env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield started
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGTERM)
        try:
            started.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait(timeout=30)


def earthquakes(sample: Sample, folder: Path) -> list[Path]:
    """Some earthquakes of one agency at the same place and time, each in a file."""
    folder.mkdir()
    (feature,) = [each for each in json.loads(sample.feed.read_bytes())["features"] if each["id"] == "sample7001"]
    files = []
    for number in range(AT_ONCE):
        name = f"sample80{number:02d}"
        file = folder / f"{name}.geojson"
        properties = {**feature["properties"], "code": name.removeprefix("sample"), "ids": f",{name},"}
        file.write_text(json.dumps({**feature, "id": name, "properties": properties}), encoding="utf-8")
        files.append(file)
    return files


def rows(store: Store) -> dict[str, Any]:
    """What the store holds, without what depends on the order in which things came: times, and who was first."""

    def of(table: str, *names: str) -> list[tuple[Any, ...]]:
        columns = metadata.tables[table].c
        with store.read() as connection:
            return sorted((tuple(row) for row in connection.execute(select(*(columns[n] for n in names)))), key=repr)

    groups = defaultdict(set)
    for sha256, group in of("pictures", "sha256", "group_id"):
        groups[group].add(sha256)
    scored = {sha256 for (sha256,) in of("scores", "sha256")}
    assert all(group & scored for group in groups.values()), "each group is scored"
    return {
        "posts": of("posts", "source", "id", "created_at", "author", "text", "url"),
        "of earthquakes": of("earthquake_posts", "earthquake", "source", "post_id", "lookback"),
        "media": of("media", "source", "key", "url", "status", "reason", "sha256"),
        "of posts": of("post_media", "source", "post_id", "media_key", "position"),
        "pages": of("pages", "path", "earthquake", "posts", "problems"),
        "groups": sorted(sorted(group) for group in groups.values()),
        "runs": of("runs", "earthquake", "state"),
        "charges": of("charges", "key", "earthquake", "usd", "units", "settled"),
    }


def wait(until: Callable[[], bool], what: str, within_s: float = 600) -> None:
    deadline = time.monotonic() + within_s
    while not until():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


@pytest.mark.timeout(900)
def test_two_machines_do_what_one_process_does(
    prefect_server: None, trained: Workspace, sample: Sample, postgresql: PostgreSQL, s3: S3, mlflow: tuple[str, str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    now = datetime.fromisoformat(json.loads(sample.about.read_text(encoding="utf-8"))["now"])
    quakes = earthquakes(sample, tmp_path / "quakes")
    with (
        FeedServer(sample.feed, emsc=sample.emsc) as feed,
        XApi(sample.posts, token=TOKEN, now=now, images_root=sample.live) as x,
    ):
        settings = {
            "QUAKELENS_USGS_FEED_URL": f"{feed.url}/feed.geojson", "QUAKELENS_EMSC_FEED_URL": f"{feed.url}/emsc/query",
            "QUAKELENS_USGS_EVENT_URL": f"{feed.url}/fdsnws/event/1/query", "QUAKELENS_EMSC_STREAM_URL": "",
            "QUAKELENS_SOURCES": "x", "QUAKELENS_X_BASE_URL": x.url, "QUAKELENS_X_BEARER_TOKEN": TOKEN,
            "QUAKELENS_MEDIA_ALLOW": x.address,
        }  # fmt: skip
        alone = Workspace(tmp_path / "alone")
        initialise(alone, Settings())
        for name, value in {**settings, "QUAKELENS_WORKSPACE": str(alone.root)}.items():
            monkeypatch.setenv(name, value)
        for quake in quakes:
            harvest_and_score(str(quake), model="starter", now=now)
        store = open_store(f"sqlite:///{alone.store}")
        wanted = rows(store)
        store.close()
        bucket = together(trained, postgresql, s3, mlflow, settings, quakes, now, tmp_path)

    store = open_store(postgresql.url("machines"))
    done = rows(store)
    store.close()
    for what, value in wanted.items():
        assert done[what] == value, what
    objects = s3.objects(bucket, "files/")
    for part in ("media", "pages"):
        depot = getattr(alone, part)
        assert {name for name in objects if name.startswith(f"files/{part}/")} == {
            f"files/{part}/{name}" for name in depot.names() if not name.startswith(".")
        }
    for name in (name for name in alone.media.names() if not name.startswith(".")):
        assert objects[f"files/media/{name}"] == alone.media.file(name).read_bytes()
    for quake in quakes:
        page = objects[f"files/reports/{quake.stem}/index.html"].decode()
        assert "data:image/jpeg" in page
        assert "data:image/png" in page, "its heat maps are in it"
        ours = (alone.reports.path / quake.stem / "posts.csv").read_text(encoding="utf-8")
        theirs = objects[f"files/reports/{quake.stem}/posts.csv"].decode()
        assert theirs.count("\n") == ours.count("\n") > 3


def together(
    trained: Workspace, postgresql: PostgreSQL, s3: S3, mlflow: tuple[str, str], settings: dict[str, str],
    quakes: list[Path], now: datetime, tmp_path: Path,
) -> str:  # fmt: skip
    """Give the harvests and a retraining to two workers; gives the bucket of the files when all are done."""
    bucket, port = s3.bucket(), free_port()
    one = Workspace(Path(shutil.copytree(trained.root, tmp_path / "one", symlinks=True)))
    remote = Settings(dvc_remote=f"s3://{bucket}/data")
    initialise(one, remote)
    tracked = sorted(one.labelled.glob("*.dvc"))
    push(one, tracked)
    shutil.rmtree(tracked[0].with_suffix(""))  # as on a machine that is new
    shutil.rmtree(one.root / ".dvc" / "cache" / "files")
    two = Workspace(tmp_path / "two")
    initialise(two, remote)

    address = f"http://127.0.0.1:{port}/api"
    common = {
        **os.environ, **settings, **s3.environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": address, "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "INFO", "PREFECT_WORKER_QUERY_SECONDS": "1", "QUAKELENS_TRACKING_URI": mlflow[0],
        "QUAKELENS_STORE_URL": postgresql.create("machines"), "QUAKELENS_FILES_URL": f"s3://{bucket}/files",
        "QUAKELENS_DVC_REMOTE": f"s3://{bucket}/data",
    }  # fmt: skip
    database = {"PREFECT_API_DATABASE_CONNECTION_URL": postgresql.url(
        Path(postgresql.create("prefect")).name, "postgresql+asyncpg"),
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",  # nothing runs but what the test starts
    }  # fmt: skip
    serving = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    with process(serving, {**common, **database}, tmp_path / "server.log") as server:
        wait_for(port, server, within_s=180)
        environment = {**common, "QUAKELENS_WORKSPACE": str(one.root)}
        subprocess.run([sys.executable, "-m", "quakelens", "deploy"], env=environment, check=True, timeout=180)
        worker = ["prefect", "worker", "start", "--pool", POOL, "--type", "process", "--limit", "2", "--name"]
        with (
            process(
                [*worker, "one", "--work-queue", HOME, "--work-queue", "default"], environment, tmp_path / "one.log"
            ),
            process(
                [*worker, "two", "--work-queue", "default"],
                {**common, "QUAKELENS_WORKSPACE": str(two.root)}, tmp_path / "two.log",
            ),
        ):  # fmt: skip
            wait(lambda: len(online(address)) == 2, "the workers did not come up")
            asked = [start(address, "retrain/retrain", {})]  # for the machine that has the labelled data
            asked += [
                start(address, "harvest-and-score/harvest-and-score",
                      {"earthquake": str(quake), "model": "starter", "now": now.isoformat()})
                for quake in quakes
            ]  # fmt: skip
            wait(lambda: all(state(address, each) in ENDED for each in asked), "the runs did not end")
            states = [state(address, each) for each in asked]
            logs = {name: (tmp_path / f"{name}.log").read_text(errors="replace") for name in ("one", "two")}
            assert states == ["COMPLETED"] * len(asked), logs
    # Both may reach for a run; the server lets one of them.
    told = {
        name: {word: set(re.findall(f"{word} flow run '([^']+)'", log)) for word in TOLD} for name, log in logs.items()
    }
    took = {name: said[TOLD[0]] - said[TOLD[1]] for name, said in told.items()}
    assert took["one"] | took["two"] == set(asked)
    assert not took["one"] & took["two"]
    assert asked[0] in took["one"]
    assert took["two"], "both did something"
    registry = Registry(two, Settings(tracking_uri=mlflow[0]))
    (champion,) = [version for version in registry.versions() if version.champion]
    assert champion.tags[BUNDLE_TAG] == sha256_of(one.exported / MANIFEST)
    return bucket


TOLD = ("submitting", "Aborted submission of")
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def online(address: str) -> list[str]:
    found = httpx.post(f"{address}/work_pools/{POOL}/workers/filter", json={}, timeout=60).json()
    return [each["name"] for each in found if each["status"] == "ONLINE"]


def start(address: str, deployment: str, parameters: dict[str, Any]) -> str:
    found = httpx.get(f"{address}/deployments/name/{deployment}", timeout=60).json()
    asked = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    made = httpx.post(f"{address}/deployments/{found['id']}/create_flow_run", json=asked, timeout=60)
    made.raise_for_status()
    return str(made.json()["id"])


def state(address: str, run: str) -> str:
    return str(httpx.get(f"{address}/flow_runs/{run}", timeout=60).json()["state_type"])
