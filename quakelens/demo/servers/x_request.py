"""What X checks of a request before it answers; every message goes into one answer with status 400."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from quakelens.demo.servers.x_fields import LISTS, OF_POSTS, OF_TWEETS
from quakelens.demo.servers.x_query import QueryError, compile_query
from quakelens.demo.servers.x_terms import Accepts, BadRequest, Granularity, Lists, Search, Terms

WINDOW = timedelta(days=7)
BEGINNING = datetime(2006, 3, 26, tzinfo=UTC)  # of the full archive
_DEFAULT_WINDOW = timedelta(days=30)  # of the full archive where no start is given
_MIN_AGE = timedelta(seconds=10)  # of an end_time that is given
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$")
_MAX_IDS = 100

_SEARCH = ("query", "start_time", "end_time", "since_id", "until_id", "max_results", "next_token", "pagination_token",
           "sort_order")  # fmt: skip
_COUNTS = ("query", "start_time", "end_time", "since_id", "until_id", "next_token", "pagination_token", "granularity",
           "search_count.fields")  # fmt: skip


_STRANGE: dict[Accepts, frozenset[str]] = {"both": frozenset(), "tweet": OF_POSTS, "post": OF_TWEETS}


def read_search(query: Sequence[tuple[str, str]], now: datetime, terms: Terms) -> Search:
    """Check the parameters of a search.

    Raises:
        BadRequest: With every complaint that X would make.
    """
    return _Reader(dict(query), now, terms).search(_SEARCH, lists=True)


def read_counts(query: Sequence[tuple[str, str]], now: datetime, terms: Terms) -> Search:
    """Check the parameters of a count; see `read_search`."""
    return _Reader(dict(query), now, terms).search(_COUNTS, lists=False)


def read_lookup(query: Sequence[tuple[str, str]], terms: Terms) -> tuple[list[str], Lists]:
    """Check the parameters of a look-up of posts by id; see `read_search`."""
    return _Reader(dict(query), datetime.now(UTC), terms).lookup()


def read_user(query: Sequence[tuple[str, str]], terms: Terms) -> Lists:
    """Check the parameters of a look-up of a user; see `read_search`."""
    return _Reader(dict(query), datetime.now(UTC), terms).user()


def token_after(query: str, created_at: datetime, post_id: str) -> str:
    """An opaque token for the page that follows this post."""
    body = json.dumps([_digest(query), created_at.isoformat(), post_id])
    return base64.urlsafe_b64encode(f"{_digest(body)}{body}".encode()).decode().rstrip("=")


def refused(name: str, value: str, message: str) -> BadRequest:
    """The complaint about one parameter."""
    return _bad_request([{"parameters": {name: [value]}, "message": message}])


def _bad_request(errors: list[dict[str, Any]]) -> BadRequest:
    return BadRequest(
        {
            "errors": errors,
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": "https://api.twitter.com/2/problems/invalid-request",
        }
    )


def iso(time: datetime) -> str:
    """As X writes times, in whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class _Reader:
    def __init__(self, values: dict[str, str], now: datetime, terms: Terms) -> None:
        self._values = values
        self._now = now
        self._terms = terms
        self._errors: list[dict[str, Any]] = []

    def search(self, known: Sequence[str], *, lists: bool) -> Search:
        self._check_names(known, list(LISTS) if lists else [])
        query = self._query()
        since_id = self._number("since_id")
        start = self._time("start_time") if since_id is None else None  # since_id overrides start_time
        earliest = BEGINNING if self._terms.archive else self._now - WINDOW
        if start is not None and start < earliest:
            self._refuse("start_time", f"'start_time' must be on or after {iso(earliest)}")
        end = self._time("end_time")
        if end is not None and end > self._now - _MIN_AGE:
            self._refuse("end_time", "'end_time' must be a minimum of 10 seconds prior to the request time")
        end = end or self._now - self._terms.fresh
        if start is None:
            start = end - _DEFAULT_WINDOW if self._terms.archive and since_id is None else earliest
        if since_id is None and start >= end:
            self._refuse("end_time", f"'end_time' must be after {iso(start)}")
        found = Search(
            query=query, start=start, end=end, since_id=since_id, until_id=self._number("until_id"),
            max_results=self._max_results(), older_than=self._position(query), lists=self._lists(),
            granularity=self._granularity(),
        )  # fmt: skip
        self._end()
        return found

    def lookup(self) -> tuple[list[str], Lists]:
        self._check_names(["ids"], list(LISTS))
        ids = [value for value in self._values.get("ids", "").split(",") if value]
        if not 1 <= len(ids) <= _MAX_IDS:
            self._refuse("ids", f"The number of values in the `ids` query parameter list [{len(ids)}] is not between "
                         f"1 and {_MAX_IDS}")  # fmt: skip
        if not all(re.fullmatch(r"\d{1,19}", value) for value in ids):
            self._refuse("ids", "The `ids` query parameter value is not valid")
        lists = self._lists()
        self._end()
        return ids, lists

    def user(self) -> Lists:
        self._check_names([], ["expansions", "user.fields", "tweet.fields", "post.fields"])
        lists = self._lists()
        self._end()
        return lists

    def _end(self) -> None:
        if self._errors:
            raise _bad_request(self._errors)

    def _check_names(self, plain: Sequence[str], lists: Sequence[str]) -> None:
        strange = _STRANGE[self._terms.accepts]
        names = [name for name in (*plain, *lists) if name not in strange]
        for name in self._values:
            if name not in names:
                self._refuse(name, f"The query parameter [{name}] is not one of [{','.join(names)}]")

    def _refuse(self, name: str, message: str) -> None:
        self._errors.append({"parameters": {name: [self._values.get(name, "")]}, "message": message})

    def _query(self) -> str:
        query = self._values.get("query", "")
        longest = self._terms.max_chars
        if not query.strip():
            self._refuse("query", "The `query` query parameter can not be empty")
        elif len(query) > longest:
            self._refuse(
                "query", f"The `query` query parameter length ({len(query)}) is not between 1 and {longest}"
            )  # fmt: skip
        else:
            try:
                compile_query(query)
            except QueryError as error:
                self._refuse("query", str(error))
        return query

    def _number(self, name: str) -> int | None:
        text = self._values.get(name)
        if text is None:
            return None
        if not re.fullmatch(r"\d{1,19}", text):
            self._refuse(name, f"The `{name}` query parameter value [{text}] is not valid")
            return None
        return int(text)

    def _max_results(self) -> int:
        text, most = self._values.get("max_results", "10"), self._terms.max_results
        if not re.fullmatch(r"\d{1,4}", text) or not 10 <= int(text) <= most:
            self._refuse(
                "max_results", f"The `max_results` query parameter value [{text}] is not between 10 and {most}"
            )  # fmt: skip
            return 10
        return int(text)

    def _granularity(self) -> Granularity:
        match self._values.get("granularity", "hour"):
            case "minute":
                return "minute"
            case "day":
                return "day"
            case "hour":
                return "hour"
            case other:
                self._refuse(
                    "granularity",
                    f"The `granularity` query parameter value [{other}] is not one of [minute,hour,day]",
                )
                return "hour"

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

    def _lists(self) -> Lists:
        strange = _STRANGE[self._terms.accepts]
        found = {}
        for name, names in LISTS.items():
            known = [value for value in names if value not in strange]
            found[name] = frozenset(value for value in self._values.get(name, "").split(",") if value)
            for value in sorted(found[name].difference(known)) if name not in strange else ():
                self._refuse(
                    name, f"The `{name}` query parameter value [{value}] is not one of [{','.join(known)}]"
                )  # fmt: skip
        return Lists(found)
