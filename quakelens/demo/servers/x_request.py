"""What X checks of a search before it searches; every message goes into one answer with status 400."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from quakelens.demo.servers.x_query import Predicate, QueryError, compile_query

WINDOW = timedelta(days=7)
MAX_QUERY_CHARS = 512
_MIN_AGE = timedelta(seconds=10)  # of an end_time that is given
_DEFAULT_AGE = timedelta(seconds=30)  # of the end where none is given
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$")

POST_FIELDS = [
    "attachments",
    "author_id",
    "conversation_id",
    "created_at",
    "edit_controls",
    "edit_history_tweet_ids",
    "edit_history_post_ids",
    "entities",
    "geo",
    "id",
    "in_reply_to_user_id",
    "lang",
    "note_tweet",
    "note_post",
    "possibly_sensitive",
    "public_metrics",
    "referenced_tweets",
    "referenced_posts",
    "reply_settings",
    "source",
    "text",
    "withheld",
    "context_annotations",
]
_LISTS = {
    "expansions": [
        "author_id",
        "attachments.media_keys",
        "geo.place_id",
        "referenced_tweets.id",
        "referenced_posts.id",
        "referenced_posts",
        "attachments.poll_ids",
        "entities.mentions.username",
        "in_reply_to_user_id",
        "edit_history_tweet_ids",
        "edit_history_post_ids",
        "referenced_tweets.id.author_id",
    ],
    "tweet.fields": POST_FIELDS,
    "post.fields": POST_FIELDS,
    "media.fields": [
        "alt_text",
        "duration_ms",
        "height",
        "media_key",
        "non_public_metrics",
        "preview_image_url",
        "public_metrics",
        "type",
        "url",
        "variants",
        "width",
    ],
    "place.fields": [
        "contained_within",
        "country",
        "country_code",
        "full_name",
        "geo",
        "id",
        "name",
        "place_type",
    ],
    "poll.fields": ["duration_minutes", "end_datetime", "id", "options", "voting_status"],
    "user.fields": [
        "created_at",
        "description",
        "entities",
        "id",
        "location",
        "name",
        "pinned_tweet_id",
        "profile_image_url",
        "protected",
        "public_metrics",
        "url",
        "username",
        "verified",
        "verified_type",
        "withheld",
    ],
}
_PLAIN = [
    "query",
    "start_time",
    "end_time",
    "since_id",
    "until_id",
    "max_results",
    "next_token",
    "pagination_token",
    "sort_order",
]


class BadRequest(Exception):  # X's own word
    """The body that goes with status 400."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(str(body))
        self.body = body


@dataclass(frozen=True, slots=True)
class Search:
    """A search that X would carry out. Times are UTC: `start` inclusive, `end` exclusive."""

    query: str
    matches: Predicate
    start: datetime
    end: datetime
    since_id: int | None
    until_id: int | None
    max_results: int
    older_than: tuple[datetime, int] | None
    lists: dict[str, frozenset[str]]

    def asks(self, name: str, value: str) -> bool:
        """Whether a list parameter such as `expansions` holds a value."""
        return value in self.lists.get(name, ())


def read_search(query: Sequence[tuple[str, str]], now: datetime) -> Search:
    """Check the parameters of a request.

    Raises:
        BadRequest: With every complaint that X would make.
    """
    return _Reader(dict(query), now).search()


def token_after(query: str, created_at: datetime, post_id: str) -> str:
    """An opaque token for the page that follows this post."""
    body = json.dumps([_digest(query), created_at.isoformat(), post_id])
    return base64.urlsafe_b64encode(f"{_digest(body)}{body}".encode()).decode().rstrip("=")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class _Reader:
    def __init__(self, values: dict[str, str], now: datetime) -> None:
        self._values = values
        self._now = now
        self._errors: list[dict[str, Any]] = []

    def search(self) -> Search:
        for name in self._values:
            if name not in _PLAIN and name not in _LISTS:
                self._refuse(name, f"The query parameter [{name}] is not one of [{','.join(_PLAIN)}]")
        query, matches = self._query()
        since_id = self._number("since_id")
        start = self._time("start_time") if since_id is None else None  # since_id overrides start_time
        earliest = self._now - WINDOW
        if start is not None and start < earliest:
            self._refuse("start_time", f"'start_time' must be on or after {_iso(earliest)}")
        end = self._time("end_time")
        if end is not None and end > self._now - _MIN_AGE:
            self._refuse("end_time", "'end_time' must be a minimum of 10 seconds prior to the request time")
        start, end = start or earliest, end or self._now - _DEFAULT_AGE
        if since_id is None and start >= end:
            self._refuse("end_time", f"'end_time' must be after {_iso(start)}")
        found = Search(
            query=query,
            matches=matches,
            start=start,
            end=end,
            since_id=since_id,
            until_id=self._number("until_id"),
            max_results=self._max_results(),
            older_than=self._position(query),
            lists={name: self._list(name, known) for name, known in _LISTS.items()},
        )
        if self._errors:
            raise BadRequest(
                {
                    "errors": self._errors,
                    "title": "Invalid Request",
                    "detail": "One or more parameters to your request was invalid.",
                    "type": "https://api.twitter.com/2/problems/invalid-request",
                }
            )
        return found

    def _refuse(self, name: str, message: str) -> None:
        self._errors.append({"parameters": {name: [self._values.get(name, "")]}, "message": message})

    def _query(self) -> tuple[str, Predicate]:
        query = self._values.get("query", "")
        if not query.strip():
            self._refuse("query", "The `query` query parameter can not be empty")
        elif len(query) > MAX_QUERY_CHARS:
            self._refuse(
                "query",
                f"The `query` query parameter length ({len(query)}) is not between 1 and {MAX_QUERY_CHARS}",
            )
        else:
            try:
                return query, compile_query(query)
            except QueryError as error:
                self._refuse("query", str(error))
        return query, lambda _: False

    def _number(self, name: str) -> int | None:
        text = self._values.get(name)
        if text is None:
            return None
        if not re.fullmatch(r"\d{1,19}", text):
            self._refuse(name, f"The `{name}` query parameter value [{text}] is not valid")
            return None
        return int(text)

    def _max_results(self) -> int:
        text = self._values.get("max_results", "10")
        if not re.fullmatch(r"\d{1,4}", text) or not 10 <= int(text) <= 100:
            self._refuse("max_results", f"The `max_results` query parameter value [{text}] is not between 10 and 100")
            return 10
        return int(text)

    def _time(self, name: str) -> datetime | None:
        text = self._values.get(name)
        if text is None:
            return None
        try:
            if not _TIME.match(text):
                raise ValueError(text)
            return datetime.fromisoformat(text).astimezone(UTC)
        except ValueError:
            self._refuse(name, f"The `{name}` query parameter value [{text}] is not a valid RFC3339 date")
            return None

    def _position(self, query: str) -> tuple[datetime, int] | None:
        name = "next_token" if "next_token" in self._values else "pagination_token"
        token = self._values.get(name)
        if token is None:
            return None
        try:
            text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
            check, body = text[:12], text[12:]
            asked, created_at, post_id = json.loads(body)
            if check != _digest(body) or asked != _digest(query):
                raise ValueError(token)
            return datetime.fromisoformat(created_at), int(post_id)
        except (ValueError, TypeError):
            self._refuse(name, f"The `{name}` query parameter value [{token}] is not valid")
            return None

    def _list(self, name: str, known: Sequence[str]) -> frozenset[str]:
        values = frozenset(value for value in self._values.get(name, "").split(",") if value)
        for value in sorted(values.difference(known)):
            self._refuse(name, f"The `{name}` query parameter value [{value}] is not one of [{','.join(known)}]")
        return values


def _iso(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
