"""Each network's way of telling which posts are still there, and who is behind a handle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quakelens.errors import UsageError
from quakelens.settings import Settings, allowed_hosts, mastodon_tokens
from quakelens.sources.presence import Presence


@dataclass(frozen=True, slots=True)
class Author:
    """Whom a network knows under a handle; `id` is None if nobody, `usd` is what the question cost, US dollars."""

    id: str | None
    usd: float = 0.0


def open_presence(network: str, settings: Settings) -> Presence:
    """Open a network, as `Post.source` names it, for asking whether posts are still there.

    Raises:
        UsageError: It cannot be asked, or the settings lack what it needs.
    """
    if network not in _PRESENCES:
        raise UsageError(
            f"`{network}` cannot be asked whether posts are still there: use one of {', '.join(_PRESENCES)}, or remove "
            "single posts with --post"
        )
    return _PRESENCES[network](settings)


def askable(network: str) -> bool:
    """Whether a network can be asked whether posts are still there."""
    return network in _PRESENCES


def can_find(network: str) -> bool:
    """Whether a network can be asked who is behind a handle."""
    return network in _AUTHORS


def most_usd_for_author(network: str, settings: Settings) -> float:
    """The most that finding an author can cost, US dollars."""
    return settings.x_author_usd if network == "x" else 0.0


def find_author(network: str, handle: str, settings: Settings) -> Author:
    """Ask a network whose handle this is.

    Raises:
        UsageError: It cannot be asked that, or it cannot be a handle.
        SourceUnavailable, RateLimited, SourceRefused: As `Presence.check`.
    """
    if network not in _AUTHORS:
        raise UsageError(f"`{network}` is not asked who is behind {handle}: give the author's id")
    return _AUTHORS[network](handle, settings)


def _x(settings: Settings) -> Presence:
    from quakelens.sources import x_presence

    return x_presence.open_presence(settings)


def _bluesky(settings: Settings) -> Presence:
    from quakelens.sources.bluesky_presence import BlueskyPresence
    from quakelens.sources.bluesky_xrpc import Xrpc

    return BlueskyPresence(Xrpc(settings.bluesky_appview_url, "QUAKELENS_BLUESKY_APPVIEW_URL"))


def _mastodon(settings: Settings) -> Presence:
    from quakelens.sources.mastodon_presence import MastodonPresence

    return MastodonPresence(tokens=mastodon_tokens(settings), allow=allowed_hosts(settings))


def _x_author(handle: str, settings: Settings) -> Author:
    from quakelens.sources import x_presence

    found = x_presence.find_author(x_presence.open_client(settings), handle, x_presence.prices_of(settings))
    return Author(found.id, found.usd)


def _bluesky_author(handle: str, settings: Settings) -> Author:
    from quakelens.sources.bluesky_presence import BlueskyPresence
    from quakelens.sources.bluesky_xrpc import Xrpc

    presence = BlueskyPresence(Xrpc(settings.bluesky_appview_url, "QUAKELENS_BLUESKY_APPVIEW_URL"))
    return Author(presence.find_author(handle))


_PRESENCES: dict[str, Callable[[Settings], Presence]] = {"x": _x, "bluesky": _bluesky, "mastodon": _mastodon}
_AUTHORS: dict[str, Callable[[str, Settings], Author]] = {"x": _x_author, "bluesky": _bluesky_author}
