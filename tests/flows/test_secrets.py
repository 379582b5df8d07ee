"""A secret in every setting that holds one, servers that repeat what they were sent: then every byte is searched."""

import base64
import json
import logging
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL
from pydantic import SecretStr
from searching import contents

from flows.harvest_and_score import harvest_and_score
from flows.purge import purge
from flows.retrain import retrain
from flows.watch import watch
from quakelens.cli.main import program
from quakelens.demo.sample import Sample
from quakelens.demo.servers import FeedServer, read_products
from quakelens.demo.servers.local import LocalServer, Reply, Request
from quakelens.errors import QuakelensError, UsageError
from quakelens.harvest.stream import Stream
from quakelens.logs import JsonLines, PlainLines
from quakelens.params import read_params
from quakelens.settings import Settings, Workspace, store_url_of
from quakelens.sources import Post
from quakelens.store import earthquakes, open_store
from quakelens.store.posts import PageRow, add_page
from quakelens.versioning import initialise

SECRETS = {
    "x_bearer_token": "planted-x-bearer",
    "bluesky_app_password": "planted-bsky-pass",
    "mastodon_tokens": "HOST=planted-masto-token",
    "store_url": "postgresql+psycopg://me:planted-store%2Fpass@127.0.0.1:1/none",
    "tracking_uri": "http://me:planted-mlflow-pass@HOST",
    "dvc_remote": "https://me:planted-dvc-pass@127.0.0.1:1/x",
    "notify_urls": "json://me:planted-notify-pass@127.0.0.1:1/planted-notify-path",
}
"""What is planted in each setting; HOST is the echoing server."""

PLAIN = {
    "workspace", "usgs_feed_url", "usgs_event_url", "emsc_feed_url", "emsc_stream_url", "sources",
    "budget_earthquake_usd", "budget_day_usd", "budget_purge_usd", "x_base_url", "x_access", "x_fields", "x_recheck",
    "x_post_usd", "x_author_usd", "x_count_usd", "bluesky_jetstream_urls", "bluesky_cdn_url", "bluesky_video_url",
    "bluesky_handle", "bluesky_service_url", "bluesky_appview_url", "media_allow", "log",
    "files_url", "dask_address", "harvests_at_once", "serve_host", "serve_port", "serve_mlflow_port",
    "serve_queues", "backend",
}  # fmt: skip
"""Settings that may be shown."""

OTHERS = {"AWS_SECRET_ACCESS_KEY": "planted-aws-secret", "AWS_SESSION_TOKEN": "planted-aws-session"}
WORDS = (
    "planted-x-bearer", "planted-bsky-pass", "planted-masto-token", "planted-store/pass", "planted-mlflow-pass",
    "planted-dvc-pass", "planted-notify-pass", "planted-notify-path", *OTHERS.values(),
)  # fmt: skip
NEEDLES = {
    form.encode(): word
    for word in WORDS
    for form in (
        word, quote(word, safe=""), json.dumps(word)[1:-1], base64.b64encode(word.encode()).decode(),
        base64.b64encode(f"me:{word}".encode()).decode(),
    )
}  # fmt: skip


def test_every_setting_is_secret_or_not() -> None:
    for name, field in Settings.model_fields.items():
        is_secret = "SecretStr" in str(field.annotation)
        assert is_secret == (name in SECRETS), f"{name}: plant something in it here, or list it as plain"
        assert is_secret or name in PLAIN, f"{name}: say whether it is secret"


def test_settings_show_none(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name: SecretStr(value) for name, value in SECRETS.items() if name in Settings.model_fields}
    settings = Settings(**known)  # type: ignore[arg-type]
    shown = f"{settings!r} {settings} {settings.model_dump_json()} {settings.model_dump()}"
    assert not traces(shown.encode())


def traces(data: bytes) -> list[str]:
    return [word for needle, word in NEEDLES.items() if needle in data]


def traces_below(root: Path) -> list[str]:
    found = []
    for path in (path for path in sorted(root.rglob("*")) if path.is_file()):
        for where, content in contents(path.name, path.read_bytes()):
            found += [f"{path}{where}: {word}" for word in traces(content)]
    return found


class Echo(LocalServer):
    """Fails in the way that is set, repeating in body and headers what it was sent."""

    def __init__(self) -> None:
        self.way = "401"
        self.asked: set[str] = set()
        super().__init__(self._answer)

    def _answer(self, request: Request) -> Reply:
        sent = request.headers.get("authorization", "") + " " + request.body.decode("utf-8", "replace")
        bare = sent.removeprefix("Bearer ").removeprefix("Basic ").strip()
        self.asked |= {word for needle, word in NEEDLES.items() if needle in sent.encode()}
        if self.way == "reset":
            return Reply(500, reset=True)
        if self.way == "redirect":
            return Reply(302, b"", headers={"location": f"{self.url}/elsewhere?token={quote(bare)}"})
        if self.way == "text":
            return Reply(200, f"no json: {sent} {bare}".encode(), content_type="text/html")
        told = f"you sent {sent} and {bare}"
        body = {
            "title": told, "detail": told, "type": told, "reason": told, "error": told, "message": told,
            "error_code": "INTERNAL_ERROR", "errors": [{"message": told, "parameters": {"x": [told]}}],
            "error_description": told,
        }  # fmt: skip
        return Reply(int(self.way), json.dumps(body).encode(), headers={"www-authenticate": "Bearer x", "x-said": "y"})


@pytest.fixture
def echo(workspace: Workspace, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> Iterator[Echo]:
    with (
        Echo() as server,
        FeedServer(
            sample.feed, emsc=sample.emsc, products=read_products(json.loads(sample.products.read_bytes()))
        ) as feed,
    ):
        for name in ("usgs_feed_url", "emsc_feed_url", "usgs_event_url"):
            monkeypatch.setenv(f"QUAKELENS_{name.upper()}", f"{feed.url}/{FEEDS[name]}")
        for name in ("x_bearer_token", "bluesky_app_password", "mastodon_tokens", "notify_urls"):
            monkeypatch.setenv(f"QUAKELENS_{name.upper()}", SECRETS[name].replace("HOST", server.address))
        for name, value in OTHERS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("QUAKELENS_X_BASE_URL", server.url)
        monkeypatch.setenv("QUAKELENS_BLUESKY_SERVICE_URL", server.url)
        monkeypatch.setenv("QUAKELENS_BLUESKY_HANDLE", "me.example")
        monkeypatch.setenv("QUAKELENS_MEDIA_ALLOW", server.address)
        monkeypatch.setenv("QUAKELENS_SOURCES", "x,bluesky-search,mastodon")
        monkeypatch.setattr(Stream, "sleep", lambda self, seconds: None)
        text = workspace.params.read_text(encoding="utf-8")
        text = re.sub(r"(  mastodon_instances:.*\n)(    - .*\n)+", rf'\1    - "{server.address}"\n', text)
        workspace.params.write_text(text, encoding="utf-8")
        assert read_params(workspace.params).harvest.mastodon_instances == (server.address,)  # and no server out there
        yield server


FEEDS = {"usgs_feed_url": "feed.geojson", "emsc_feed_url": "emsc/query", "usgs_event_url": "fdsnws/event/1/query"}


def test_secrets_are_nowhere(
    workspace: Workspace, sample: Sample, echo: Echo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    now = datetime.fromisoformat(json.loads(sample.about.read_text(encoding="utf-8"))["now"])
    caplog.set_level(logging.DEBUG, "quakelens")
    told: list[str] = []

    def run(what: object, *arguments: object, **more: object) -> None:
        try:
            told.append(repr(what(*arguments, **more)))  # type: ignore[operator]
        except QuakelensError as error:
            while error is not None:
                told.append(f"{type(error).__name__}: {error}")
                error = error.__cause__  # type: ignore[assignment]

    run(watch, now=now)
    for way in ("500", "429", "redirect", "reset", "text"):
        echo.way = way
        run(harvest_and_score, "sample7001", now=now)
    assert {"planted-x-bearer", "planted-bsky-pass", "planted-masto-token"} <= echo.asked

    def command(*arguments: str, code: int | None = None) -> None:
        done = CliRunner().invoke(program, [*arguments])
        assert code is None or done.exit_code == code, done.output
        told.extend((done.output, f"{done.exception}"))

    for arguments in (["status"], ["status", "--json"], ["metrics"], ["report", "sample7001"], ["models"]):
        command(*arguments, code=0)
    plant_posts(workspace, now)
    for way in ("401", "500"):
        echo.way = way
        run(purge, older_than_h=0.0, now=now)
    echo.way = "401"
    run(retrain)

    # The registry answers with what it was sent; then nobody answers for the registry, and for the store.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD", raising=False)
    for where in (echo.address, "127.0.0.1:1"):
        with monkeypatch.context() as patch:
            patch.setenv("QUAKELENS_TRACKING_URI", SECRETS["tracking_uri"].replace("HOST", where))
            for arguments in (["models"], ["status", "--json"]):
                command(*arguments)
            run(harvest_and_score, "sample7001", now=now)
    assert "planted-mlflow-pass" in echo.asked
    with monkeypatch.context() as patch:
        patch.setenv("QUAKELENS_STORE_URL", SECRETS["store_url"])
        for arguments in (
            ["status"],
            ["status", "--json"],
            ["metrics"],
            ["report", "sample7001"],
            ["purge", "--dry-run"],
        ):
            command(*arguments)
        run(harvest_and_score, "sample7001", now=now)
        run(watch, now=now)
    with pytest.raises(UsageError, match="password") as refused:
        initialise(workspace, Settings(dvc_remote=SECRETS["dvc_remote"]))  # type: ignore[arg-type]
    told.append(str(refused.value))

    assert "***" in "".join(told)  # something was there to be hidden
    lines = [form().format(record) for record in caplog.records if record.name.startswith("quakelens")
             for form in (JsonLines, PlainLines)]  # fmt: skip
    others = [record.getMessage() for record in caplog.records]
    shown = "\n".join([*told, *lines, *others, *capfd.readouterr()])
    assert not traces(shown.encode()), [line for line in shown.splitlines() if traces(line.encode())]
    assert not traces_below(workspace.root)
    database = str(PREFECT_SERVER_DATABASE_CONNECTION_URL.value()).partition(":///")[2]
    files = list(Path(database).parent.glob(f"{Path(database).name}*"))
    assert files
    assert not [word for path in files for word in traces(path.read_bytes())]
    assert b"harvest-sources" in b"".join(path.read_bytes() for path in files)  # it is the one in use


def plant_posts(workspace: Workspace, now: datetime) -> None:
    """Posts that purge asks X and Mastodon about."""
    store = open_store(store_url_of(Settings(), workspace))
    key = earthquakes.get(store, "sample7001").key
    for source in ("x", "mastodon"):
        number = "2055100000000000001"
        planted = Post(
            source=source, id=number, created_at=now, author="a", author_id="1", text="quake",
            url=f"https://one.example/@a/{number}",
        )  # fmt: skip
        add_page(store, PageRow(f"{source}.gz", key, source, "window", "quake", now, 1, 1, 0, ()), [planted])
    store.close()
