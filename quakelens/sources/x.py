"""X: recent search of API v2, through tweepy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
import tweepy
from requests.adapters import HTTPAdapter

from quakelens.errors import SourceRefused, SourceUnavailable, UsageError
from quakelens.sources.post import Page, ParsedPage
from quakelens.sources.queries import make_queries
from quakelens.sources.source import Traits
from quakelens.sources.topic import Topic
from quakelens.sources.x_errors import error_of
from quakelens.sources.x_payload import delivered, parse_page, read_body
from quakelens.sources.x_redact import redact_page

_TWEEPY_HOST = "https://api.twitter.com"  # fixed in tweepy 4.17, client.py, BaseClient.request
_MIN_AGE = timedelta(seconds=30)
"""X fills a search up to 30 s before the present; a later end_time is refused (X API docs, Search)."""

REACH = timedelta(days=7)
"""How far back recent search reaches (X API docs, Search)."""

# Not asked for: authors, see the class; referenced_tweets.id. The reference's kind and id come with the post, and each
# expanded post is billed like one that was found.
_EXPANSIONS = ["attachments.media_keys", "geo.place_id"]
_TWEET_FIELDS = [
    "attachments", "author_id", "created_at", "edit_history_tweet_ids", "geo", "lang", "note_tweet",
    "possibly_sensitive", "referenced_tweets",
]  # fmt: skip
_MEDIA_FIELDS = ["alt_text", "height", "media_key", "preview_image_url", "type", "url", "width"]
_PLACE_FIELDS = ["country_code", "full_name", "geo", "id", "place_type"]


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a post and an author that are delivered, and for a count; as in the settings."""

    post_usd: float = 0.005
    author_usd: float = 0.010
    count_usd: float = 0.005


class XSource:
    """Recent search on X: the last seven days. Nothing in it sleeps or tries again.

    Authors are not expanded: each costs twice what a post does, and their ids come with the posts.

    Raises:
        UsageError: The token or the base URL cannot be used at all; the token is not in the message.
    """

    name = "x"

    def __init__(
        self,
        *,
        base_url: str,
        bearer_token: str,
        prices: Prices = Prices(),
        max_query_chars: int = 512,
        timeout_s: tuple[float, float] = (5.0, 30.0),
    ) -> None:
        """Make a client.

        Args:
            base_url: Where X API v2 answers, such as `https://api.x.com`.
            bearer_token: App-only bearer token.
            prices: What the account pays.
            max_query_chars: Longest query that the account may send.
            timeout_s: For connecting, and for each wait on the response.
        """
        self._base_url = base_url
        self._prices = prices
        self._max_query_chars = max_query_chars
        self.traits = Traits(reach=REACH)
        # tweepy logs the headers that it sends; the adapter puts the real token in behind its back.
        self._client = tweepy.Client("added-by-the-adapter", return_type=requests.Response, wait_on_rate_limit=False)
        session: requests.Session = self._client.session
        session.trust_env = False  # no proxy and no ~/.netrc between the token and X
        session.max_redirects = 0
        session.adapters.clear()
        session.mount(_TWEEPY_HOST, _Adapter(base_url, bearer_token, timeout_s))
        self._token = bearer_token.strip()

    def __repr__(self) -> str:
        return f"XSource(base_url={self._base_url!r})"

    def search(
        self,
        query: str,
        *,
        start_time: datetime,
        end_time: datetime | None,
        since_id: str | None,
        next_token: str | None,
        page_size: int,
    ) -> Page:
        """Ask X for one page; see `Source.search`.

        `since_id` is sent in place of `start_time`: X uses only one of them. An `end_time` that X
        would find too recent is left out, which asks for everything until 30 s ago.
        """
        parameters: dict[str, Any] = {
            "max_results": page_size,
            "next_token": next_token,
            "expansions": _EXPANSIONS,
            "tweet_fields": _TWEET_FIELDS,
            "media_fields": _MEDIA_FIELDS,
            "place_fields": _PLACE_FIELDS,
        }
        if since_id is None:
            parameters["start_time"] = start_time
        else:
            parameters["since_id"] = since_id
        if end_time is not None and end_time <= datetime.now(UTC) - _MIN_AGE:
            parameters["end_time"] = end_time
        raw = self._ask(self._client.search_recent_tweets, query, parameters)
        meta = read_body(raw).get("meta")
        meta = meta if isinstance(meta, Mapping) else {}
        return Page(
            raw=raw,
            next_token=_text(meta.get("next_token")),
            newest_id=_text(meta.get("newest_id")),
            fetched_at=datetime.now(UTC),
        )

    def queries(self, topic: Topic) -> Sequence[str]:
        """Queries that find a topic's posts with media; see `quakelens.sources.queries.make_queries`."""
        return make_queries(topic, max_chars=self._max_query_chars)

    def count(self, query: str, *, start_time: datetime, end_time: datetime | None, since_id: str | None) -> int:
        """Ask X how many posts a search would find; see `Source.count`."""
        parameters: dict[str, Any] = {"granularity": "day", "end_time": end_time}
        parameters |= {"start_time": start_time} if since_id is None else {"since_id": since_id}
        body = read_body(self._ask(self._client.get_recent_tweets_count, query, parameters))
        meta = body.get("meta")
        total = meta.get("total_tweet_count") if isinstance(meta, Mapping) else None
        if not isinstance(total, int):
            raise SourceUnavailable(f"X at {self._base_url} answered a count without a number: try again")
        return total

    def parse(self, raw: bytes) -> ParsedPage:
        """Read the posts of a raw page; see `quakelens.sources.x_payload.parse_page`."""
        return parse_page(raw)

    def most_usd(self, page_size: int) -> float:
        """Each post is charged for; see `Source.most_usd`."""
        return page_size * self._prices.post_usd

    def cost_usd(self, raw: bytes) -> float:
        """Each post and expanded author is charged for; see `Source.cost_usd`."""
        posts, authors = delivered(raw)
        return posts * self._prices.post_usd + authors * self._prices.author_usd

    def redact(self, raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
        """See `quakelens.sources.x_redact.redact_page`."""
        return redact_page(raw, posts=posts, authors=authors)

    def _ask(self, method: Callable[..., Any], query: str, parameters: dict[str, Any]) -> bytes:
        try:
            response = method(query, **parameters)
        except tweepy.HTTPException as error:
            raise error_of(error.response, secret=self._token) from None
        except requests.TooManyRedirects:
            raise SourceRefused(
                f"{self._base_url} sends requests for X elsewhere, and the token is not sent there: "
                "set QUAKELENS_X_BASE_URL to the final address"
            ) from None
        except requests.Timeout:
            raise SourceUnavailable(f"X at {self._base_url} did not answer in time: try again", charged=True) from None
        except requests.RequestException as error:
            what = f"{type(error).__name__}: {error}".replace(self._token, "***")
            raise SourceUnavailable(
                f"the connection to X at {self._base_url} failed ({what}): try again",
                charged=not isinstance(error, requests.ConnectionError) or "Connection refused" not in what,
            ) from None
        except (ValueError, TypeError, AttributeError) as error:
            # tweepy reads error bodies and the reset header without checking their form.
            raise SourceUnavailable(
                f"X at {self._base_url} answered with an error of unknown form ({type(error).__name__}): try again"
            ) from None
        return bytes(response.content)


class _Adapter(HTTPAdapter):
    """Sends what tweepy addresses to its fixed host to `base_url`, with the token and timeouts."""

    def __init__(self, base_url: str, token: str, timeout_s: tuple[float, float]) -> None:
        super().__init__()
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

    def send(  # type: ignore[override]  # the other arguments are passed on as they come
        self, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        asked = urlsplit(request.url or "")
        path = self._base.path.rstrip("/") + str(asked.path)
        request.url = urlunsplit((self._base.scheme, self._base.netloc, path, str(asked.query), ""))
        request.headers["Authorization"] = f"Bearer {self._token}"
        options["timeout"] = self._timeout_s
        return super().send(request, **options)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
