"""Asking Mastodon's servers, through Mastodon.py, with nothing in it that sleeps, retries or goes elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
from mastodon import Mastodon
from requests.adapters import HTTPAdapter

from quakelens import __version__
from quakelens.errors import RateLimited, SourceError, SourceRefused, SourceUnavailable, UsageError

_CONNECT_S, _READ_S, _WHOLE_S = 5.0, 15.0, 60.0
_MAX_BYTES = 16_000_000  # of an answer; a page of 40 posts is about 300 kB
_PASSING = {408, 425}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, with any status; names of `headers` in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Instance:
    """One server.

    Mastodon.py raises its own errors, some of them for headers that it cannot read; here the response itself
    is kept and judged.
    """

    def __init__(self, host: str, *, allow: frozenset[str] = frozenset(), token: str | None = None) -> None:
        """Make a client; nothing is asked yet.

        Args:
            host: Such as `mastodon.social`; with a port for a server on this machine.
            allow: `host:port` pairs that are asked over http; all others over https.
            token: Access token of an account there; None to ask without.

        Raises:
            UsageError: The token cannot be one; it is not in the message.
        """
        self.host = host
        base = f"{'http' if host in allow else 'https'}://{host}"
        if token is not None and not (token and all("!" <= character <= "~" for character in token)):
            raise UsageError(f"the token for {host} is empty or holds characters that no token has")
        self._adapter = _Adapter(token)
        session = requests.Session()
        session.trust_env = False  # no proxy and no ~/.netrc between a token and its server
        session.max_redirects = 0
        session.adapters.clear()
        session.mount(f"{base}/", self._adapter)
        self._client = _Client(
            api_base_url=base, session=session, ratelimit_method="throw", request_timeout=_READ_S,
            user_agent=f"quakelens/{__version__}",
        )  # fmt: skip

    def timeline(self, tag: str, *, limit: int, since_id: str | None, max_id: str | None) -> Answer:
        """A page of a tag's timeline, newest posts first.

        Raises:
            SourceUnavailable: No answer came.
        """
        return self._ask(
            lambda: self._client.timeline_hashtag(tag, limit=limit, since_id=since_id, max_id=max_id)
        )  # fmt: skip

    def status(self, local_id: str) -> Answer:
        """One post by the id that it has on this server.

        Raises:
            SourceUnavailable: No answer came.
        """
        return self._ask(lambda: self._client.status(local_id))

    def _ask(self, request: Callable[[], Any]) -> Answer:
        self._adapter.kept.clear()
        why = "nothing was sent"
        try:
            request()
        except Exception as error:  # noqa: BLE001  # headers and bodies of strangers make Mastodon.py raise anything
            why = self._adapter.hide(str(error))[:300]
        if not self._adapter.kept:
            raise SourceUnavailable(f"{self.host} gave no answer ({why}): try again")
        return self._adapter.kept[-1]


def error_of(host: str, answer: Answer, now: datetime) -> SourceError:
    """The error for an answer that is not 200.

    Args:
        host: Who answered.
        answer: With any other status.
        now: UTC, for a reset that is given in seconds.
    """
    status = answer.status
    if status == 429:
        reset = _reset_time(answer.headers, now)
        until = f"wait until {reset:%H:%M:%S} UTC" if reset else "wait some minutes"
        return RateLimited(f"the rate limit of {host} is spent: {until}", reset)
    if status >= 500 or status in _PASSING:
        return SourceUnavailable(f"{host} failed with status {status}: try again")
    if 300 <= status < 400:
        return SourceRefused(
            f"{host} sends requests elsewhere (status {status}), which is not followed: put the final host into "
            "harvest.mastodon_instances"
        )
    if 200 <= status < 300:
        return SourceUnavailable(f"{host} answered with status {status} and no posts: try again")
    return SourceRefused(
        f"{host} does not show its tag timelines (status {status}): give a token of an account there in "
        "QUAKELENS_MASTODON_TOKENS, or take it out of harvest.mastodon_instances"
    )


def _reset_time(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """When the limit is renewed; Mastodon gives an ISO time, proxies before it seconds."""
    try:
        reset = datetime.fromisoformat(headers["x-ratelimit-reset"].strip())
        return reset.astimezone(UTC) if reset.tzinfo else reset.replace(tzinfo=UTC)
    except (KeyError, ValueError, OverflowError):
        pass
    try:
        return datetime.fromtimestamp(now.timestamp() + min(float(headers["retry-after"]), 86_400.0), UTC)
    except (KeyError, ValueError, OverflowError):
        return None


class _Client(Mastodon):
    """Asks for a timeline only; Mastodon.py would first ask each server whether it has one."""

    def timeline_is_available(self, *_: Any, **__: Any) -> bool:
        return True


class _Adapter(HTTPAdapter):
    """Sends to one server, within limits, with the token that Mastodon.py does not know; keeps the answer."""

    def __init__(self, token: str | None) -> None:
        super().__init__()
        self._token = token
        self.kept: list[Answer] = []

    def hide(self, text: str) -> str:
        return text.replace(self._token, "***") if self._token else text

    def send(  # type: ignore[override]  # the other arguments are passed on as they come
        self, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        options |= {"timeout": (_CONNECT_S, _READ_S), "stream": True}
        deadline = time.monotonic() + _WHOLE_S
        response = super().send(request, **options)
        body = bytearray()
        try:
            for chunk in response.iter_content(65_536):
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise requests.ConnectionError(f"the answer is larger than {_MAX_BYTES:,} bytes")
                if time.monotonic() > deadline:
                    raise requests.Timeout(f"the answer took longer than {_WHOLE_S:.0f} s")
        except BaseException:
            response.close()
            raise
        headers = {name.lower(): value for name, value in response.headers.items()}
        response._content = bytes(body)
        self.kept.append(Answer(response.status_code, headers, bytes(body)))
        return response
