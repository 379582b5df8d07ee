"""Where things are and who may use them: the environment, read once when a command starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from quakelens.depot import Depot, open_depot
from quakelens.errors import UsageError
from quakelens.secrecy import remember_address, remember_all

_CHECKOUT = Path(__file__).resolve().parents[1]


def default_workspace() -> Path:
    """The project folder when quakelens runs from a checkout, else the current folder."""
    return _CHECKOUT if (_CHECKOUT / "dvc.yaml").is_file() else Path.cwd()


ADDRESSES = ("store_url", "tracking_uri", "dvc_remote")
"""Settings that may hold a password within an address; the rest of it may be shown."""


class Settings(BaseSettings):
    """Settings from environment variables that start with `QUAKELENS_`.

    Attributes:
        workspace: Folder of all state.
        store_url: SQLAlchemy URL of the store; by default SQLite in the workspace.
        files_url: Where pictures, heat maps, archived pages and reports are kept, `s3://bucket/prefix`; by default
            the workspace's folders.
        tracking_uri: MLflow's; by default SQLite under the workspace's mlruns/.
        usgs_feed_url: USGS GeoJSON summary feed that `watch` reads; empty to leave it out.
        usgs_event_url: USGS FDSN event service, for looking an earthquake up by id.
        emsc_feed_url: EMSC FDSN event service, which `watch` reads beside the USGS's feed and which is asked for
            earthquakes by EMSC id; empty to leave the EMSC out.
        emsc_stream_url: EMSC websocket, which wakes `watch` before the minute is over; empty to do without.
        sources: Networks that are harvested, separated by commas; empty: all that the settings give access to.
        budget_earthquake_usd: US dollars that the networks may charge for one earthquake, over all runs.
        budget_day_usd: US dollars that they may charge in one UTC day, over all earthquakes.
        budget_purge_usd: US dollars of these that asking whether posts are still there may cost.
        x_base_url: Where X API v2 answers.
        x_bearer_token: App-only bearer token for X API v2.
        x_access: `recent` for the last seven days, `all` where the account has the full archive.
        x_fields: The words in requests to X: `tweet`, `post`, or `auto` for the first until X refuses it.
        x_recheck: How X is asked whether posts are still there: `lookup`, paid by the post that is there, or
            `compliance`, in batches that cost nothing, where the account has it.
        x_post_usd: What X charges for a post that it delivers, US dollars.
        x_author_usd: What X charges for an author that it delivers.
        x_count_usd: What X charges for counting a query's posts.
        bluesky_jetstream_urls: Hosts of Bluesky's stream, separated by commas; the next is asked where one fails.
        bluesky_cdn_url: Where Bluesky's pictures are.
        bluesky_video_url: Where the stills of Bluesky's videos are.
        bluesky_handle: Account by which Bluesky is searched, such as `name.bsky.social`.
        bluesky_app_password: An app password of it; not the account's own.
        bluesky_service_url: The account's server.
        bluesky_appview_url: Where Bluesky is asked without a login whether posts are still there.
        mastodon_tokens: Access tokens for Mastodon servers that show their timelines to accounts only, as
            `server=token`, separated by commas.
        media_allow: `host:port` pairs on private addresses that pictures may be fetched from, over http
            too, and Mastodon servers asked; separated by commas. For stand-ins on this machine; empty otherwise.
        backend: What scores: `openvino`, `torch`, or `auto` for PyTorch where it can use a GPU, else OpenVINO.
        dask_address: Scheduler of Dask whose workers score archives, such as `tcp://10.0.0.1:8786`; without one the
            process itself does.
        dvc_remote: Where labelled data is pushed; by default a folder in the workspace.
        log: `text` for people, `json` for one object a line, see `quakelens.logs`.
        harvests_at_once: How many earthquakes workers harvest at the same time, over all machines.
        notify_urls: Whom to tell of failures and promotions, addresses as apprise takes them, separated by blanks.
        serve_host: Address that `serve` binds Prefect's and MLflow's pages to.
        serve_port: Prefect's port.
        serve_mlflow_port: MLflow's port.
        serve_queues: Work queues from which its worker takes runs, separated by commas; empty for all.
    """

    model_config = SettingsConfigDict(env_prefix="QUAKELENS_", frozen=True, extra="ignore")

    workspace: Path | None = None
    store_url: SecretStr | None = None
    files_url: str | None = None
    tracking_uri: SecretStr | None = None
    usgs_feed_url: str = "https://earthquake.usgs.gov/earthquakes/feed/v1.0/summary/4.5_day.geojson"
    usgs_event_url: str = "https://earthquake.usgs.gov/fdsnws/event/1/query"
    emsc_feed_url: str = "https://www.seismicportal.eu/fdsnws/event/1/query"
    emsc_stream_url: str = "wss://www.seismicportal.eu/standing_order/websocket"
    sources: str = ""
    budget_earthquake_usd: float = Field(default=25.0, ge=0)
    budget_day_usd: float = Field(default=50.0, ge=0)
    budget_purge_usd: float = Field(default=10.0, ge=0)
    x_base_url: str = "https://api.x.com"
    x_bearer_token: SecretStr | None = None
    x_access: Literal["recent", "all"] = "recent"
    x_fields: Literal["auto", "tweet", "post"] = "auto"
    x_recheck: Literal["lookup", "compliance"] = "lookup"
    # Pay per use, docs.x.com/x-api/pricing, August 2026; an account with another contract sets its own.
    x_post_usd: float = Field(default=0.005, ge=0)
    x_author_usd: float = Field(default=0.010, ge=0)
    x_count_usd: float = Field(default=0.005, ge=0)
    bluesky_jetstream_urls: str = (
        "wss://jetstream1.us-east.bsky.network/subscribe,wss://jetstream2.us-east.bsky.network/subscribe,"
        "wss://jetstream1.us-west.bsky.network/subscribe,wss://jetstream2.us-west.bsky.network/subscribe"
    )
    bluesky_cdn_url: str = "https://cdn.bsky.app"
    bluesky_video_url: str = "https://video.bsky.app"
    bluesky_handle: str = ""
    bluesky_app_password: SecretStr | None = None
    bluesky_service_url: str = "https://bsky.social"
    bluesky_appview_url: str = "https://public.api.bsky.app"
    mastodon_tokens: SecretStr | None = None
    media_allow: str = ""
    backend: Literal["auto", "openvino", "torch"] = "auto"
    dask_address: str | None = None
    dvc_remote: SecretStr | None = None
    log: Literal["text", "json"] = "text"
    harvests_at_once: int = Field(default=4, ge=1)
    notify_urls: SecretStr | None = None
    serve_host: str = "127.0.0.1"
    serve_port: int = Field(default=4200, ge=0, le=65535)
    serve_mlflow_port: int = Field(default=5000, ge=0, le=65535)
    serve_queues: str = ""

    def model_post_init(self, _: Any) -> None:
        """Have every secret hidden from now on."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if not isinstance(value, SecretStr):
                continue
            if name in ADDRESSES:
                remember_address(value.get_secret_value())
            else:
                remember_all(value.get_secret_value())


def read_settings() -> Settings:
    """Read the environment.

    Raises:
        UsageError: A variable holds a value that cannot be used; the message names it, not its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        names = ", ".join(f"QUAKELENS_{str(item['loc'][0]).upper()}" for item in error.errors())
        raise UsageError(f"these environment variables cannot be used: {names}") from None


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """The `host:port` pairs of `media_allow`."""
    return frozenset(host.strip() for host in settings.media_allow.split(",") if host.strip())


def notify_urls(settings: Settings) -> list[str]:
    """The addresses of `notify_urls`; each may hold a password."""
    return [] if settings.notify_urls is None else settings.notify_urls.get_secret_value().split()


def mastodon_tokens(settings: Settings) -> dict[str, str]:
    """Access tokens by Mastodon server.

    Raises:
        UsageError: An entry is not `server=token`; the message does not show it.
    """
    given = "" if settings.mastodon_tokens is None else settings.mastodon_tokens.get_secret_value()
    tokens = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in given.split(","))), start=1):
        host, mark, token = (part.strip() for part in entry.partition("="))
        if not (host and mark and token):
            raise UsageError(f"QUAKELENS_MASTODON_TOKENS: entry {number} is not `server=token`")
        tokens[host.lower()] = token
    return tokens


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders and files of one workspace. Nothing is created by asking for a path.

    Attributes:
        root: Of the folders.
        files_url: Where pictures, heat maps, archived pages and reports are instead; None for folders.
    """

    root: Path
    files_url: str | None = None

    @property
    def params(self) -> Path:
        """params.yaml."""
        return self.root / "params.yaml"

    @property
    def pipeline(self) -> Path:
        """dvc.yaml."""
        return self.root / "dvc.yaml"

    @property
    def labelled(self) -> Path:
        """Labelled pictures, one folder an earthquake, each tracked by DVC."""
        return self.root / "data" / "labelled"

    @property
    def prepared(self) -> Path:
        """Output of the stage `prepare`."""
        return self.root / "data" / "prepared"

    @property
    def features(self) -> Path:
        """Output of the stage `features`."""
        return self.root / "data" / "features"

    @property
    def trained(self) -> Path:
        """Output of the stage `train`."""
        return self.root / "data" / "trained"

    @property
    def evaluated(self) -> Path:
        """Output of the stage `evaluate`."""
        return self.root / "data" / "evaluated"

    @property
    def exported(self) -> Path:
        """Output of the stage `export`: the whole model, ready to register."""
        return self.root / "data" / "bundle"

    @property
    def cache(self) -> Path:
        """Things that can be computed again."""
        return self.root / "data" / "cache"

    @property
    def store(self) -> Path:
        """The default store, an SQLite file."""
        return self.root / "data" / "store.db"

    @property
    def pages(self) -> Depot:
        """Raw pages of the networks, as they came."""
        return open_depot(self.root / "data" / "pages", self.files_url, "pages")

    @property
    def media(self) -> Depot:
        """Fetched pictures, named by sha256."""
        return open_depot(self.root / "data" / "media", self.files_url, "media")

    @property
    def heatmaps(self) -> Depot:
        """Heat maps of flagged pictures, one folder a model version."""
        return open_depot(self.root / "data" / "heatmaps", self.files_url, "heatmaps")

    @property
    def mlruns(self) -> Path:
        """MLflow's database and artifacts."""
        return self.root / "mlruns"

    @property
    def reports(self) -> Depot:
        """One folder an earthquake."""
        return open_depot(self.root / "reports", self.files_url, "reports")

    @property
    def decoding(self) -> Path:
        """Which pictures are being decoded, and which ended a process, see `quakelens.decoding`."""
        return self.root / "data" / "decoding"

    @property
    def locks(self) -> Path:
        """Lock files between processes."""
        return self.root / "data" / "locks"


def workspace_of(settings: Settings) -> Workspace:
    """The workspace that the settings name."""
    return Workspace((settings.workspace or default_workspace()).resolve(), settings.files_url)


def store_url_of(settings: Settings, workspace: Workspace) -> str:
    """SQLAlchemy URL of the store."""
    return _told(settings.store_url) or f"sqlite:///{workspace.store}"


def dvc_remote_of(settings: Settings) -> str | None:
    """Where labelled data is pushed; None for the folder in the workspace."""
    return _told(settings.dvc_remote)


def tracking_uri_of(workspace: Workspace, settings: Settings) -> str:
    """MLflow's tracking and registry URI."""
    return _told(settings.tracking_uri) or f"sqlite:///{workspace.mlruns / 'mlflow.db'}"


def _told(address: SecretStr | None) -> str | None:
    return address.get_secret_value() if address is not None else None
