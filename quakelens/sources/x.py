"""X: recent search or the full archive of API v2, through tweepy."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from quakelens.errors import SourceUnavailable
from quakelens.sources.post import Page, ParsedPage
from quakelens.sources.queries import make_queries
from quakelens.sources.source import Traits
from quakelens.sources.topic import Topic
from quakelens.sources.x_client import Fields, XClient
from quakelens.sources.x_payload import delivered, parse_page, read_body
from quakelens.sources.x_redact import redact_page

Access = Literal["recent", "all"]

REACH = timedelta(days=7)
"""How far back recent search reaches (X API docs, Search)."""

ARCHIVE_CHARS = 1024
"""Longest query that the full archive takes from every account (X API docs, Search)."""

_MIN_AGE = timedelta(seconds=30)
"""X fills a search up to 30 s before the present; a later end_time is refused (X API docs, Search)."""

_ARCHIVE_PAUSE_S = 1.05  # the full archive takes one request a second
_METHODS: dict[Access, tuple[str, str]] = {
    "recent": ("search_recent_tweets", "get_recent_tweets_count"),
    "all": ("search_all_tweets", "get_all_tweets_count"),
}

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


PAY_PER_USE = Prices()


class XSource:
    """Recent search on X, the last seven days; or the full archive, where the account has it.

    Authors are not expanded: each costs twice what a post does, and their ids come with the posts. Nothing tries
    again by itself. The one wait is for the full archive, which takes a request a second: it is made here before
    tweepy is called, and is never longer than that second.

    Raises:
        UsageError: The token or the base URL cannot be used at all; the token is not in the message.
    """

    name = "x"

    def __init__(
        self,
        *,
        base_url: str,
        bearer_token: str,
        prices: Prices = PAY_PER_USE,
        access: Access = "recent",
        fields: Fields = "auto",
        max_query_chars: int = 512,
        timeout_s: tuple[float, float] = (5.0, 30.0),
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Make a client.

        Args:
            base_url: Where X API v2 answers, such as `https://api.x.com`.
            bearer_token: App-only bearer token.
            prices: What the account pays.
            access: `all` for the full archive.
            fields: See `XClient`.
            max_query_chars: Longest query that the account may send; at least 1,024 with the full archive.
            timeout_s: For connecting, and for each wait on the response.
            sleep: Waits, at most about a second.
            clock: The present, UTC.
        """
        self._clock = clock
        self._client = XClient(base_url=base_url, bearer_token=bearer_token, fields=fields, timeout_s=timeout_s)
        self._prices = prices
        self._access = access
        self._search, self._count = _METHODS[access]
        is_all = access == "all"
        self._max_query_chars = max(max_query_chars, ARCHIVE_CHARS) if is_all else max_query_chars
        self.traits = Traits(
            reach=None if is_all else REACH, largest_page=500 if is_all else 100, count_usd=prices.count_usd
        )
        self._pace = _Pace(_ARCHIVE_PAUSE_S if is_all else 0.0, sleep)

    def __repr__(self) -> str:
        return f"XSource(base_url={self._client.base_url!r}, access={self._access!r})"

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
        parameters = self._bounds(start_time, end_time, since_id)
        self._pace.wait()
        raw = self._client.ask(
            self._search, query, max_results=page_size, next_token=next_token, expansions=_EXPANSIONS,
            tweet_fields=_TWEET_FIELDS, media_fields=_MEDIA_FIELDS, place_fields=_PLACE_FIELDS, **parameters,
        )  # fmt: skip
        meta = _meta(raw)
        return Page(
            raw=raw,
            next_token=_text(meta.get("next_token")),
            newest_id=_text(meta.get("newest_id")),
            fetched_at=self._clock(),
        )

    def queries(self, topic: Topic) -> Sequence[str]:
        """Queries that find a topic's posts with media; see `quakelens.sources.queries.make_queries`."""
        return make_queries(topic, max_chars=self._max_query_chars)

    def count(self, query: str, *, start_time: datetime, end_time: datetime | None, since_id: str | None) -> int:
        """Ask X how many posts a search would find; see `Source.count`.

        With the full archive, of a window longer than 31 days the newest 31 are counted: a request gives no more.
        """
        parameters = self._bounds(start_time, end_time, since_id)
        meta = _meta(self._client.ask(self._count, query, granularity="day", **parameters))
        total = meta.get("total_tweet_count", meta.get("total_post_count"))
        if isinstance(total, bool) or not isinstance(total, int) or total < 0:
            raise SourceUnavailable(
                f"X at {self._client.base_url} answered a count without a number: try again", charged=True
            )
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

    def _bounds(self, start_time: datetime, end_time: datetime | None, since_id: str | None) -> dict[str, Any]:
        parameters: dict[str, Any] = {"start_time": start_time} if since_id is None else {"since_id": since_id}
        if end_time is not None and end_time <= self._clock() - _MIN_AGE:
            parameters["end_time"] = end_time
        return parameters


class _Pace:
    """Keeps requests so many seconds apart, in all threads of this process."""

    def __init__(self, pause_s: float, sleep: Callable[[float], None]) -> None:
        self._pause_s = pause_s
        self._sleep = sleep
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for the turn of one request."""
        if self._pause_s == 0:
            return
        with self._lock:
            rest = self._next - time.monotonic()
            if rest > 0:
                self._sleep(min(rest, self._pause_s))
            self._next = time.monotonic() + self._pause_s


def _meta(raw: bytes) -> Mapping[str, Any]:
    """The page's own figures; X may have charged for an answer that is no page."""
    try:
        meta = read_body(raw).get("meta")
    except SourceUnavailable as error:
        raise SourceUnavailable(str(error), charged=True) from None
    return meta if isinstance(meta, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
