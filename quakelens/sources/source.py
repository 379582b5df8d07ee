"""What every network of posts can do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from quakelens.sources.post import Page, ParsedPage
from quakelens.sources.topic import Topic


@dataclass(frozen=True, slots=True)
class Traits:
    """How a network is asked.

    Attributes:
        reach: How far back its search goes; older times and marks are refused. None: any time.
        smallest_page: Posts; it gives no smaller page, so with fewer left of a limit nothing more is asked.
        largest_page: Posts.
        forward: Pages run from the oldest post to the newest, and the mark to go on from is the last page's.
        looks_back: Whether the days before an earthquake can be asked for.
        bounded: Whether the window and `harvest.max_posts` hold. Not so for an archive that a user chose: it is
            read whole, once.
        count_usd: Price of counting a query's posts beforehand; None where that cannot be asked.
        server_mark: What ends the server's name in a query, where each query goes to one of many servers: one
            that fails or refuses is passed over, and the others are asked. None where there is but one.
        local_files: Whether its media may be files of this machine (`MediaRef.kind`).
    """

    reach: timedelta | None = None
    smallest_page: int = 10
    largest_page: int = 100
    forward: bool = False
    looks_back: bool = True
    bounded: bool = True
    count_usd: float | None = None
    server_mark: str | None = None
    local_files: bool = False

    def server_of(self, query: str) -> str | None:
        """The server that a query goes to; None where there is but one."""
        return None if self.server_mark is None else query.partition(self.server_mark)[0]


class Source(Protocol):
    """A network that is searched a page at a time; the raw page is archived before it is parsed."""

    @property
    def name(self) -> str:
        """The word by which users choose it, such as `x`."""
        ...

    @property
    def traits(self) -> Traits:
        """How it is asked."""
        ...

    def queries(self, topic: Topic) -> Sequence[str]:
        """The searches, in the network's own language, that find a topic's posts; the most telling first."""
        ...

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
        """Ask for one page, newest posts first unless `traits.forward`.

        Args:
            query: One of `queries`.
            start_time: UTC, inclusive; not used where `since_id` is given.
            end_time: UTC, exclusive; None for now.
            since_id: Only posts newer than this mark, an earlier `Page.newest_id`. It stays the same while
                walking through pages.
            next_token: The page before this one's `Page.next_token`; None for the first page.
            page_size: Posts, within `traits`.

        Raises:
            SourceUnavailable: The failure passes by itself.
            RateLimited: Not before its `reset_time`.
            SourceRefused: A person must act.
        """
        ...

    def count(self, query: str, *, start_time: datetime, end_time: datetime | None, since_id: str | None) -> int:
        """How many posts a search would find; asked only where `traits.count_usd` is not None.

        Raises:
            SourceUnavailable, RateLimited, SourceRefused: As `search`.
        """
        ...

    def parse(self, raw: bytes) -> ParsedPage:
        """Read the posts of a raw page.

        Raises:
            SourceUnavailable: It is not a page of this network at all.
        """
        ...

    def most_usd(self, page_size: int) -> float:
        """The most that a page of so many posts can cost, US dollars."""
        ...

    def cost_usd(self, raw: bytes) -> float:
        """What a raw page cost, US dollars; an upper bound, as X charges a repeat within a UTC day once."""
        ...

    def redact(self, raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
        """A raw page without some posts, by id, and some authors' posts; nothing of them is left in it."""
        ...
