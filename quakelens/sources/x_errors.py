"""What X's error responses mean, and what a person must do about them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import requests

from quakelens.errors import RateLimited, SourceError, SourceRefused, SourceUnavailable

_MAX_TEXT = 600  # of X's own words in one message


def error_of(response: requests.Response, *, secret: str) -> SourceError:
    """The error for a response with a status that is not 2xx.

    Problem types are told apart by the last part of `type`: its host is api.twitter.com or api.x.com.

    Args:
        response: With its body read.
        secret: The bearer token, cut out of the message should X repeat it.
    """
    problem = _problem(response)
    said = _said(problem).replace(secret, "***")
    status = response.status_code
    kind = str(problem.get("type", "")).rsplit("/", 1)[-1]
    if status >= 500 or status == 408:
        return SourceUnavailable(f"X failed with status {status}{said}: try again")
    if status == 429:
        if kind == "usage-capped" or problem.get("title") == "UsageCapExceeded":
            return SourceRefused(
                f"the monthly cap on posts read from X is reached{said}: raise it in the developer "
                "console or wait for the next period"
            )
        reset_time = _reset_time(response)
        until = f"wait until {reset_time:%H:%M:%S} UTC" if reset_time else "wait some minutes"
        return RateLimited(f"X's rate limit is spent{said}: {until}", reset_time)
    return SourceRefused(_REFUSALS.get(status, _OTHER).format(status=status, said=said))


_OTHER = "X refused with status {status}{said}: check QUAKELENS_X_BASE_URL and the developer console"
_REFUSALS = {
    400: "X cannot use the request{said}: correct harvest in params.yaml (words, max_query_chars, "
    "page_size), or ask within the last seven days",
    401: "X does not know the bearer token{said}: set QUAKELENS_X_BEARER_TOKEN to the app-only token "
    "of the developer console",
    402: "the X account has no credits left{said}: buy credits or raise the spending limit in the developer console",
    403: "X does not let this app search{said}: in the developer console, attach the app to a project "
    "with access to recent search and check its spending limit",
}


def _problem(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _said(problem: dict[str, Any]) -> str:
    """X's own words, in brackets: each message of `errors`, or title and detail, and `reason`."""
    errors = problem.get("errors")
    parts = [
        str(item.get("message") or item.get("detail"))
        for item in (errors if isinstance(errors, list) else [])
        if isinstance(item, dict) and (item.get("message") or item.get("detail"))
    ]
    if not parts:
        parts = [str(problem[key]) for key in ("title", "detail") if problem.get(key)]
    if problem.get("reason"):
        parts.append(f"reason {problem['reason']}")
    text = "; ".join(dict.fromkeys(parts))
    if len(text) > _MAX_TEXT:
        text = text[:_MAX_TEXT] + "..."
    return f" ({text})" if text else ""


def _reset_time(response: requests.Response) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(response.headers["x-rate-limit-reset"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
