"""The sources that the settings give access to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quakelens.errors import UsageError
from quakelens.params import Harvest
from quakelens.settings import Settings, allowed_hosts, mastodon_tokens, workspace_of
from quakelens.sources.bluesky_record import Addresses
from quakelens.sources.source import Source
from quakelens.store import Store

Opener = Callable[[Settings, Harvest, Store | None], Source]


def chosen(settings: Settings) -> tuple[str, ...]:
    """The networks that `QUAKELENS_SOURCES` names, or all that the settings give access to."""
    named = tuple(name.strip() for name in settings.sources.split(",") if name.strip())
    accessible = [name for name in _OPENERS if name not in _NEEDS or _NEEDS[name](settings)]
    return named or tuple(accessible)


def open_source(name: str, settings: Settings, params: Harvest, store: Store | None = None) -> Source:
    """Open a source by its name.

    Args:
        name: One of those that `chosen` can give, or `archive:` and the path of a file or folder.
        settings: Addresses and what gives access.
        params: What is asked for.
        store: Tells a source that hears of deletions which posts are known; without it, it passes none on.

    Raises:
        UsageError: There is none of this name, or the settings lack what it needs.
    """
    kind, _, path = name.partition(":")
    if kind == "archive":
        return _archive(path, store)
    if name not in _OPENERS:
        raise UsageError(f"source `{name}` is unknown: use one of {', '.join(_OPENERS)} or archive:PATH")
    return _OPENERS[name](settings, params, store)


def _x(settings: Settings, params: Harvest, store: Store | None) -> Source:
    from quakelens.sources.x import Prices, XSource
    from quakelens.sources.x_client import token_of

    return XSource(
        base_url=settings.x_base_url,
        bearer_token=token_of(settings),
        prices=Prices(settings.x_post_usd, settings.x_author_usd, settings.x_count_usd),
        access=settings.x_access,
        fields=settings.x_fields,
        max_query_chars=params.max_query_chars,
    )


def _bluesky(settings: Settings, params: Harvest, store: Store | None) -> Source:
    from quakelens.sources.jetstream import JetstreamSource
    from quakelens.sources.jetstream_page import NothingKnown
    from quakelens.store.known import Known

    return JetstreamSource(
        [url for url in settings.bluesky_jetstream_urls.split(",") if url.strip()],
        known=NothingKnown() if store is None else Known(store, "bluesky"),
        addresses=_bluesky_addresses(settings),
    )


def _bluesky_search(settings: Settings, params: Harvest, store: Store | None) -> Source:
    password = settings.bluesky_app_password
    if not settings.bluesky_handle or password is None or not password.get_secret_value():
        raise UsageError(
            "Bluesky is not searched without a login: set QUAKELENS_BLUESKY_HANDLE and "
            "QUAKELENS_BLUESKY_APP_PASSWORD to an account and an app password of it"
        )
    from quakelens.sources.bluesky_search import BlueskySearchSource
    from quakelens.sources.bluesky_session import Session
    from quakelens.sources.bluesky_xrpc import Xrpc

    session = Session(
        Xrpc(settings.bluesky_service_url, "QUAKELENS_BLUESKY_SERVICE_URL"),
        settings.bluesky_handle.strip().removeprefix("@"),
        password.get_secret_value(),
        workspace_of(settings).cache / "bluesky-session.json",
    )
    return BlueskySearchSource(session, addresses=_bluesky_addresses(settings))


def _bluesky_addresses(settings: Settings) -> Addresses:
    return Addresses(settings.bluesky_cdn_url.rstrip("/"), settings.bluesky_video_url.rstrip("/"))


def _mastodon(settings: Settings, params: Harvest, store: Store | None) -> Source:
    from quakelens.sources.mastodon import MastodonSource

    return MastodonSource(
        params.mastodon_instances, tokens=mastodon_tokens(settings), allow=allowed_hosts(settings)
    )  # fmt: skip


def _archive(path: str, store: Store | None) -> Source:
    from quakelens.sources.archives.source import ArchiveSource
    from quakelens.sources.jetstream_page import NothingKnown
    from quakelens.store.known import Known

    if not path:
        raise UsageError("archive: names no file: write `archive:` and the path of a file or folder")
    return ArchiveSource(Path(path), known=NothingKnown() if store is None else Known(store, "bluesky"))


_OPENERS: dict[str, Opener] = {"x": _x, "bluesky": _bluesky, "bluesky-search": _bluesky_search, "mastodon": _mastodon}
_NEEDS: dict[str, Callable[[Settings], bool]] = {
    "x": lambda settings: settings.x_bearer_token is not None,
    "bluesky-search": lambda settings: bool(settings.bluesky_handle) and settings.bluesky_app_password is not None,
}
"""What gives access to a network that is not open to everyone."""
