"""What X's error responses mean, and what a person must do about them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import requests

from quakelens.errors import RateLimited, SourceError, SourceRefused, SourceUnavailable

_MAX_TEXT = 600  # of X's own words in one message
_OLD_NAMES = ("tweet.fields", "edit_history_tweet_ids", "note_tweet", "referenced_tweets")
_CONSOLE = "in the developer console"


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
    if status >= 500 or status == 408:
        return SourceUnavailable(f"X failed with status {status}{said}: try again")
    if status == 409 and problem.get("connection_issue") != "RuleConfigurationIssue":
        return SourceUnavailable(f"X is busy with another request of this account (status 409){said}: try again")
    if status == 429:
        return _limited(response, problem, said)
    return _refused(response, problem, said)


def refuses_names(response: requests.Response) -> bool:
    """Whether X complains about the old names of its fields, those with `tweet`."""
    errors = _problem(response).get("errors")
    for item in errors if isinstance(errors, list) else ():
        parameters = item.get("parameters") if isinstance(item, dict) else None
        names = set(parameters) if isinstance(parameters, dict) else set()
        if "query" in names:  # the message may repeat words of the query
            continue
        message = str(item.get("message")) if isinstance(item, dict) else ""
        if names.intersection(_OLD_NAMES) or any(f"[{name}]" in message for name in _OLD_NAMES):
            return True
    return False


def _refused(response: requests.Response, problem: dict[str, Any], said: str) -> SourceRefused:
    """What a person must do; the spending limit comes with 402 or 403."""
    status, names = response.status_code, _names(problem)
    if status in (402, 403) and "spendcap" in names:
        return SourceRefused(
            f"the spending limit of the X account is reached{said}: raise it {_CONSOLE}, or wait for the next period"
        )
    if status == 403 and "creditsdepleted" in names:
        status = 402
    if status == 400 and refuses_names(response):
        return SourceRefused(f"X does not take the names of the fields{said}: set QUAKELENS_X_FIELDS to auto or post")
    return SourceRefused(_REFUSALS.get(status, _OTHER).format(status=status, said=said))


def _limited(response: requests.Response, problem: dict[str, Any], said: str) -> SourceError:
    """One of the kinds of 429: waiting for the reset helps, waiting a little helps, waiting does not help."""
    if "usagecap" in _names(problem) or "usage-capped" in _names(problem):
        return SourceRefused(
            f"the monthly cap on posts read from X is reached{said}: raise it {_CONSOLE} or wait for the next period"
        )
    if problem.get("connection_issue"):
        return RateLimited(f"X has too many open connections of this account{said}: close others, wait some minutes")
    remaining = response.headers.get("x-rate-limit-remaining", "0")
    if remaining.isdecimal() and int(remaining) > 0:
        # The limit of a second, not that of 15 minutes, whose reset the headers tell.
        return RateLimited(f"X takes no more requests this second{said}: wait some seconds")
    reset_time = _reset_time(response)
    until = f"wait until {reset_time:%H:%M:%S} UTC" if reset_time else "wait some minutes"
    return RateLimited(f"X's rate limit is spent{said}: {until}", reset_time)


_OTHER = "X refused with status {status}{said}: check QUAKELENS_X_BASE_URL and the developer console"
_REFUSALS = {
    400: "X cannot use the request{said}: correct harvest in params.yaml (words, max_query_chars, "
    "page_size), or ask within the last seven days",
    401: "X does not know the bearer token{said}: set QUAKELENS_X_BEARER_TOKEN to the app-only token "
    "of the developer console",
    402: "the X account has no credits left{said}: buy credits or raise the spending limit in the developer console",
    403: "X does not let this app search{said}: in the developer console, attach the app to a project "
    "with access to what QUAKELENS_X_ACCESS names, and check its spending limit",
}


def _problem(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _names(problem: dict[str, Any]) -> str:
    """The words by which a problem names itself, in lower case."""
    kind = str(problem.get("type", "")).rsplit("/", 1)[-1]
    return f"{kind} {problem.get('title', '')} {problem.get('reason', '')}".lower()


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
