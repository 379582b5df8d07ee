"""Bluesky: the stream of all posts, read from a time on through Jetstream."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from quakelens.sources.bluesky_record import Addresses
from quakelens.sources.free import FreeSource
from quakelens.sources.jetstream_connection import Host
from quakelens.sources.jetstream_frames import microseconds
from quakelens.sources.jetstream_match import Matcher, query_of
from quakelens.sources.jetstream_page import Filling, KnownPosts, Mark, NothingKnown
from quakelens.sources.jetstream_payload import head_of, parse_page, redact_page
from quakelens.sources.jetstream_reading import REACH, Pace, Reading
from quakelens.sources.post import Page, ParsedPage
from quakelens.sources.source import Traits
from quakelens.sources.topic import Topic

_NOTHING = NothingKnown()
_ADDRESSES = Addresses()


class JetstreamSource(FreeSource):
    """All posts of Bluesky, of which those with pictures and one of the words are kept. Free, without a login.

    Deletions, and accounts that are deleted, suspended or deactivated, come in the same stream and are kept
    where they concern a post that is known. Nothing else of anyone is kept.
    """

    name = "bluesky"

    def __init__(
        self,
        urls: Sequence[str],
        *,
        known: KnownPosts = _NOTHING,
        addresses: Addresses = _ADDRESSES,
        pace: Pace | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            urls: Of hosts that give the same stream; the next is asked where one fails.
            known: Posts and authors that are kept already.
            addresses: Where pictures are.
            pace: How the stream is read.

        Raises:
            UsageError: An address cannot be used, or there is none.
        """
        self._hosts = [Host.of(url) for url in urls] or [Host.of("")]
        self._next_host = 0
        self._known = known
        self._addresses = addresses
        self._pace = pace or Pace()
        self.traits = Traits(reach=REACH, smallest_page=1, largest_page=500, forward=True, looks_back=False)

    def __repr__(self) -> str:
        return f"JetstreamSource({[host.url for host in self._hosts]!r})"

    def queries(self, topic: Topic) -> Sequence[str]:
        """One query; see `quakelens.sources.jetstream_match`."""
        return [query_of(topic)]

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
        """Read the stream until the page is full, the present or `end_time` is reached, or the time is up.

        A connection that is cut is taken up again where it was, at the next host. If no host answers any
        more, the page holds what came until then; see `Source.search` for the rest.
        """
        start_us = microseconds(start_time)
        place = next_token or since_id
        mark = Mark.of(place) if place else Mark(start_us)
        filling = Filling(
            matches=Matcher(query),
            known=self._known,
            floor_us=0 if since_id else start_us,
            end_us=None if end_time is None else microseconds(end_time),
            mark=mark,
        )
        reading = Reading(filling, page_size, self._pace, self._hosts, self._next_host, mark.cursor_us)
        if filling.end_us is None or mark.cursor_us < filling.end_us:
            reading.run()
        self._next_host = reading.host_number
        frames, reached = filling.finish()
        head = head_of(
            start_us=mark.cursor_us, end_us=reached.cursor_us, frames=filling.frames, problems=reading.problems()
        )
        return Page(
            raw=b"".join(line + b"\n" for line in (head, *frames)),
            next_token=None if reading.done else str(reached),
            newest_id=str(reached),
            fetched_at=datetime.now(UTC),
        )

    def parse(self, raw: bytes) -> ParsedPage:
        """See `quakelens.sources.jetstream_payload.parse_page`."""
        return parse_page(raw, self._addresses)

    def redact(self, raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
        """See `quakelens.sources.jetstream_payload.redact_page`."""
        return redact_page(raw, posts=posts, authors=authors)
