"""What every network of posts can do."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from quakelens.sources.post import Page, ParsedPage


class Source(Protocol):
    """A network that is searched a page at a time; the raw page is archived before it is parsed."""

    @property
    def name(self) -> str:
        """The word in `Post.source`, such as `x`."""
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
        """Ask for one page, newest posts first.

        Args:
            query: In the network's own language.
            start_time: UTC, inclusive; not used where `since_id` is given.
            end_time: UTC, exclusive; None for now.
            since_id: Only posts newer than this one. Keep it fixed while walking through pages.
            next_token: The page before this one's `Page.next_token`; None for the first page.
            page_size: Posts, 10 to 100.

        Raises:
            SourceUnavailable: The failure passes by itself.
            RateLimited: Not before its `reset_time`.
            SourceRefused: A person must act.
        """
        ...

    def parse(self, raw: bytes) -> ParsedPage:
        """Read the posts of a raw page.

        Raises:
            SourceUnavailable: It is not a page of this network at all.
        """
        ...
