"""Asking Bluesky's servers over XRPC: JSON over HTTP, and errors with names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from quakelens.errors import RateLimited, SourceError, SourceRefused, SourceUnavailable, UsageError

Parameters = Mapping[str, str | int | Sequence[str] | None]

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_MAX_SAID = 300  # of a server's own words in a message
_LOGIN = "set QUAKELENS_BLUESKY_HANDLE and QUAKELENS_BLUESKY_APP_PASSWORD to an account and an app password of it"


_OTHER = "Bluesky at {url} refused with status {status}{said}: check {setting}"
_REFUSALS = {
    "AuthFactorTokenRequired": "Bluesky wants a code by mail with this password{said}: use an app password",
    "AccountTakedown": "Bluesky has taken the account down{said}: use another",
    "401": f"Bluesky does not let quakelens in{{said}}: {_LOGIN}",
    "403": f"Bluesky at {{url}} does not answer this without a login{{said}}: {_LOGIN}",
}


class TokenExpired(SourceError):
    """The session's token is over: take a new one and ask again."""


class Xrpc:
    """One server; nothing in it sleeps or tries again."""

    def __init__(self, url: str, setting: str) -> None:
        """Make a client.

        Args:
            url: The server's address.
            setting: The environment variable that holds it, for messages.

        Raises:
            UsageError: It is no address.
        """
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, TypeError):
            parsed = httpx.URL("")
        if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
            raise UsageError(
                f"Bluesky cannot be reached at {url!r}: set {setting} to something like https://bsky.social"
            )
        self.url = url.rstrip("/")
        self._setting = setting
        self._not_before: datetime | None = None
        # No proxy and no ~/.netrc between a password and Bluesky, and no redirect to elsewhere.
        # Nobody closes a source, so no connection is left open.
        self._client = httpx.Client(
            timeout=_TIMEOUT, trust_env=False, follow_redirects=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    def get(self, method: str, parameters: Parameters, *, token: str | None = None) -> bytes:
        """Ask a question; see `_send` for errors."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return self._send("GET", method, token, params=given)

    def post(self, method: str, body: Mapping[str, Any] | None, *, token: str | None = None) -> dict[str, Any]:
        """Have something done; see `_send` for errors."""
        return read_object(self._send("POST", method, token, json=body), self.url)

    def _send(self, verb: str, method: str, token: str | None, **content: Any) -> bytes:
        """Send a request.

        Raises:
            TokenExpired: As named.
            SourceUnavailable, RateLimited, SourceRefused: As in `Source.search`.
        """
        if self._not_before is not None and datetime.now(UTC) < self._not_before:
            raise RateLimited(f"{self.url} gave its last answer for now", self._not_before)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        try:
            response = self._client.request(verb, f"{self.url}/xrpc/{method}", headers=headers, **content)
        except httpx.TimeoutException:
            raise SourceUnavailable(f"Bluesky at {self.url} did not answer in time: try again") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            what = f"{type(error).__name__}: {error}"
            raise SourceUnavailable(f"the connection to Bluesky at {self.url} failed ({what}): try again") from None
        if response.headers.get("ratelimit-remaining") == "0":
            self._not_before = _reset_time(response)
        if response.status_code == 200:
            return response.content
        raise self._error(response)

    def _error(self, response: httpx.Response) -> SourceError:
        name, said = _said(response)
        status = response.status_code
        if name in ("ExpiredToken", "InvalidToken") and status in (400, 401):
            return TokenExpired(f"Bluesky's session is over{said}")
        if status >= 500 or status == 408:
            return SourceUnavailable(f"Bluesky at {self.url} failed with status {status}{said}: try again")
        if status == 429:
            until = _reset_time(response)
            told = f"wait until {until:%H:%M:%S} UTC" if until else "wait some minutes"
            return RateLimited(f"Bluesky's rate limit is spent{said}: {told}", until)
        told = _REFUSALS.get(name) or _REFUSALS.get(str(status)) or _OTHER
        return SourceRefused(told.format(url=self.url, status=status, said=said, setting=self._setting))


def read_object(raw: bytes, url: str) -> dict[str, Any]:
    """The JSON object of an answer.

    Raises:
        SourceUnavailable: It is none: cut off, or a proxy's page.
    """
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        start = raw[:60].decode("utf-8", "replace")
        raise SourceUnavailable(f"Bluesky at {url} answered with something else than an object ({start!r}): try again")
    return body


def _said(response: httpx.Response) -> tuple[str, str]:
    """The error's name, and the server's own words in brackets."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return "", ""
    name = str(body.get("error") or "")
    said = f"{name}: {body.get('message') or 'no reason given'}"
    return name, f" ({said[:_MAX_SAID]})"


def _reset_time(response: httpx.Response) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(response.headers["ratelimit-reset"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
