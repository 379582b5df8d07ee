"""A request to the stand-in for X that was read and found right, and what its endpoint allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

Accepts = Literal["both", "tweet", "post"]
Granularity = Literal["minute", "hour", "day"]


class BadRequest(Exception):  # X's own word
    """The body that goes with status 400."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(str(body))
        self.body = body


@dataclass(frozen=True, slots=True)
class Terms:
    """What an endpoint allows.

    Attributes:
        archive: The full archive instead of the last seven days.
        max_chars: Of a query.
        max_results: Of a page.
        accepts: The spelling of parameters that is taken.
        fresh: How far before the present a search ends that gives no end.
    """

    archive: bool = False
    max_chars: int = 512
    max_results: int = 100
    accepts: Accepts = "both"
    fresh: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Lists:
    """The list parameters of a request, each with the values that it holds."""

    values: dict[str, frozenset[str]]

    def asks(self, name: str, value: str) -> bool:
        """Whether a list parameter such as `expansions` holds a value."""
        return value in self.values.get(name, ())

    def field(self, *names: str) -> bool:
        """Whether one of these fields of a post is asked for, in either parameter."""
        asked = self.values.get("tweet.fields", frozenset()) | self.values.get("post.fields", frozenset())
        return not asked.isdisjoint(names)

    @property
    def references(self) -> bool:
        """Whether the posts that are referred to are to be sent along."""
        return not self.values.get("expansions", frozenset()).isdisjoint(
            ("referenced_tweets.id", "referenced_posts.id", "referenced_posts")
        )


@dataclass(frozen=True, slots=True)
class Search:
    """A search or count that X would carry out. Times are UTC: `start` inclusive, `end` exclusive."""

    query: str
    start: datetime
    end: datetime
    since_id: int | None
    until_id: int | None
    max_results: int
    older_than: tuple[datetime, int] | None
    lists: Lists
    granularity: Granularity = "hour"

    @property
    def before(self) -> tuple[datetime, int]:
        """The position before which posts are looked for."""
        end = (self.end, 0)
        return end if self.older_than is None else min(end, self.older_than)

    def holds(self, position: tuple[datetime, int]) -> bool:
        """Whether a post at a position is not too old; ids grow with time."""
        return position[0] >= self.start and (self.since_id is None or position[1] > self.since_id)
