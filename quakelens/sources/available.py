"""The sources that the settings give access to."""

from __future__ import annotations

from quakelens.errors import UsageError
from quakelens.settings import Settings
from quakelens.sources.source import Source

NAMES = ("x",)


def open_source(name: str, settings: Settings) -> Source:
    """Open a source by its name.

    Raises:
        UsageError: There is none of this name, or the settings lack what it needs.
    """
    if name != "x":
        raise UsageError(f"source `{name}` is unknown: use one of {', '.join(NAMES)}")
    if settings.x_bearer_token is None or not settings.x_bearer_token.get_secret_value():
        raise UsageError(
            "X is not asked without a token: set QUAKELENS_X_BEARER_TOKEN to the app-only bearer token of an X "
            "developer account"
        )
    from quakelens.sources.x import XSource

    return XSource(base_url=settings.x_base_url, bearer_token=settings.x_bearer_token.get_secret_value())
