"""X API v2 through tweepy: one request at a time, in the spelling that X takes, failures as errors of a source."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests
import tweepy
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError

from quakelens.errors import SourceRefused, SourceUnavailable, UsageError
from quakelens.settings import Settings
from quakelens.sources.x_errors import error_of, refuses_names

Spelling = Literal["tweet", "post"]
Fields = Literal["auto", "tweet", "post"]

_TWEEPY_HOST = "https://api.twitter.com"  # fixed in tweepy 4.17, client.py, BaseClient.request
_RESET = "x-rate-limit-reset"

_NEW_NAMES = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
    "referenced_tweets": "referenced_posts",
    "referenced_tweets.id": "referenced_posts",
}
"""What changes in lists of fields and expansions (X's OpenAPI document, 2.167 of August 2026)."""


def token_of(settings: Settings) -> str:
    """The bearer token.

    Raises:
        UsageError: There is none.
    """
    token = settings.x_bearer_token.get_secret_value() if settings.x_bearer_token is not None else ""
    if not token:
        raise UsageError(
            "X is not asked without a token: set QUAKELENS_X_BEARER_TOKEN to the app-only bearer token of an X "
            "developer account"
        )
    return token


class XClient:
    """Sends requests; nothing in it sleeps or repeats a request that may have cost something.

    Attributes:
        base_url: Where X answers.
        timeout_s: For connecting, and for each wait on the response.
    """

    def __init__(
        self, *, base_url: str, bearer_token: str, fields: Fields = "auto", timeout_s: tuple[float, float] = (5.0, 30.0)
    ) -> None:
        """Make a client.

        Args:
            base_url: Where X API v2 answers, such as `https://api.x.com`.
            bearer_token: App-only bearer token.
            fields: The spelling of parameters: `tweet`, `post`, or `auto` for the first until X refuses it.
            timeout_s: For connecting, and for each wait on the response.

        Raises:
            UsageError: The token or the base URL cannot be used at all; the token is not in the message.
        """
        self.base_url = base_url
        self.timeout_s = timeout_s
        self._token = bearer_token.strip()
        self._may_change = fields == "auto"
        self._adapter = _Adapter(base_url, bearer_token, timeout_s, "post" if fields == "post" else "tweet")
        # tweepy logs the headers that it sends; the adapter puts the real token in behind its back. The return type
        # keeps tweepy from reading answers, which it would do in place and without checking them.
        self._tweepy = tweepy.Client("added-by-the-adapter", return_type=requests.Response, wait_on_rate_limit=False)
        session: requests.Session = self._tweepy.session
        session.trust_env = False  # no proxy and no ~/.netrc between the token and X
        session.max_redirects = 0
        session.adapters.clear()
        session.mount(_TWEEPY_HOST, self._adapter)

    @property
    def spelling(self) -> Spelling:
        """That of the parameters now."""
        return self._adapter.spelling

    def ask(self, method: str, *positional: Any, **parameters: Any) -> bytes:
        """Call a method of `tweepy.Client`.

        A refusal of the spelling is answered by the same request in the other one; it costs nothing.

        Returns:
            The body, unread.

        Raises:
            SourceUnavailable, RateLimited, SourceRefused: As `quakelens.sources.source.Source.search`.
        """
        response = self._call(method, positional, parameters)
        if self._may_change and response.status_code == 400 and refuses_names(response):
            self._may_change = False
            self._adapter.spelling = "post"
            response = self._call(method, positional, parameters)
        if not 200 <= response.status_code < 300:
            raise error_of(response, secret=self._token)
        return bytes(response.content)

    def _call(self, method: str, positional: tuple[Any, ...], parameters: dict[str, Any]) -> requests.Response:
        call: Callable[..., requests.Response] = getattr(self._tweepy, method)
        self._adapter.forget()
        try:
            return call(*positional, **parameters)
        except tweepy.HTTPException as error:
            response: requests.Response | None = error.response
        except requests.TooManyRedirects:
            raise SourceRefused(
                f"{self.base_url} sends requests for X elsewhere, and the token is not sent there: "
                "set QUAKELENS_X_BASE_URL to the final address"
            ) from None
        except requests.ConnectTimeout:
            raise SourceUnavailable(f"X at {self.base_url} cannot be reached in time: try again") from None
        except requests.Timeout:
            raise SourceUnavailable(f"X at {self.base_url} did not answer in time: try again", charged=True) from None
        except requests.RequestException as error:
            what = f"{type(error).__name__}: {error}".replace(self._token, "***")
            raise SourceUnavailable(
                f"the connection to X at {self.base_url} failed ({what}): try again", charged=_was_sent(error)
            ) from None
        except (ValueError, TypeError, AttributeError, RecursionError):
            # tweepy reads error bodies without checking their form; we read them ourselves.
            response = self._adapter.last
            if response is None or 200 <= response.status_code < 300:
                raise
        assert response is not None
        return response


def _was_sent(error: requests.RequestException) -> bool:
    """Whether a request that failed may have reached X, which may then have charged for it."""
    if isinstance(error, requests.exceptions.SSLError):
        return False
    cause = error.args[0] if error.args else None
    return not (isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError))


class _Adapter(HTTPAdapter):
    """Sends what tweepy addresses to its fixed host to `base_url`, with the token, timeouts and spelling."""

    def __init__(self, base_url: str, token: str, timeout_s: tuple[float, float], spelling: Spelling) -> None:
        super().__init__()
        self.spelling: Spelling = spelling
        self._base = urlsplit(base_url)
        if self._base.scheme not in ("http", "https") or not self._base.hostname:
            raise UsageError(
                f"X cannot be reached at {base_url!r}: set QUAKELENS_X_BASE_URL to something like https://api.x.com"
            )
        token = token.strip()
        if not token or not all("!" <= character <= "~" for character in token):
            raise UsageError(
                "the bearer token for X is empty or holds characters that no token has: "
                "set QUAKELENS_X_BEARER_TOKEN to the app-only token of the developer console"
            )
        self._token = token
        self._timeout_s = timeout_s
        self._local = threading.local()

    @property
    def last(self) -> requests.Response | None:
        """The last answer in this thread, whose body is read; None after `forget`."""
        found: requests.Response | None = getattr(self._local, "response", None)
        return found

    def forget(self) -> None:
        """Forget the last answer."""
        self._local.response = None

    def send(  # type: ignore[override]  # the other arguments are passed on as they come
        self, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        asked = urlsplit(request.url or "")
        path = self._base.path.rstrip("/") + str(asked.path)
        query = _respelled(str(asked.query)) if self.spelling == "post" else str(asked.query)
        request.url = urlunsplit((self._base.scheme, self._base.netloc, path, query, ""))
        request.headers["Authorization"] = f"Bearer {self._token}"
        options["timeout"] = self._timeout_s
        response = super().send(request, **options)
        if not response.headers.get(_RESET, "0").isdecimal():
            del response.headers[_RESET]  # tweepy turns it into a number unseen
        self._local.response = response
        return response


def _respelled(query: str) -> str:
    """The parameters in X's new words."""
    pairs = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in ("tweet.fields", "expansions"):
            values = dict.fromkeys(_NEW_NAMES.get(each, each) for each in value.split(","))
            pairs.append((name.replace("tweet.", "post."), ",".join(values)))
        else:
            pairs.append((name, value))
    return urlencode(pairs)
