"""Bluesky: the stream of all posts, read from a time on through Jetstream."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from quakelens.errors import SourceError, SourceRefused, SourceUnavailable
from quakelens.sources.bluesky_record import Addresses
from quakelens.sources.jetstream_connection import CursorTooOld, Host, open_stream, worst
from quakelens.sources.jetstream_frames import microseconds, time_of
from quakelens.sources.jetstream_match import Matcher, query_of
from quakelens.sources.jetstream_page import OVERLAP_US, Filling, KnownPosts, Mark, NothingKnown
from quakelens.sources.jetstream_payload import head_of, parse_page, redact_page
from quakelens.sources.post import Page, ParsedPage
from quakelens.sources.source import Traits
from quakelens.sources.topic import Topic

REACH = timedelta(hours=36)
"""How far back a host's memory goes (Jetstream's default look-back)."""

_GAP_US = 60_000_000  # the network is never silent for so long
_NOTHING = NothingKnown()
_ADDRESSES = Addresses()


@dataclass(frozen=True, slots=True)
class Pace:
    """How a stream is read, in seconds.

    Attributes:
        page_s: Longest time for one page; what it found until then is kept.
        edge_s: An event so young is the present, and the search is done.
        silence_s: Longest wait for a frame.
        open_s: For connecting.
        tries: Connections in a row that bring nothing before the source counts as down; each host gets one.
        pause_s: Before the next of them; it doubles.
        sleep: Waits.
        clock: Seconds since 1970.
    """

    page_s: float = 60.0
    edge_s: float = 5.0
    silence_s: float = 20.0
    open_s: float = 10.0
    tries: int = 4
    pause_s: float = 0.5
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time


class JetstreamSource:
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
        reading = _Reading(filling, page_size, self._pace, self._hosts, self._next_host, mark.cursor_us)
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

    def count(self, query: str, *, start_time: datetime, end_time: datetime | None, since_id: str | None) -> int:
        """Never asked: a stream cannot be counted without reading it."""
        raise SourceRefused("Bluesky's stream does not count: read it")

    def parse(self, raw: bytes) -> ParsedPage:
        """See `quakelens.sources.jetstream_payload.parse_page`."""
        return parse_page(raw, self._addresses)

    def most_usd(self, page_size: int) -> float:
        """Free."""
        return 0.0

    def cost_usd(self, raw: bytes) -> float:
        """Free."""
        return 0.0

    def redact(self, raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
        """See `quakelens.sources.jetstream_payload.redact_page`."""
        return redact_page(raw, posts=posts, authors=authors)


class _Reading:
    """The connections that fill one page."""

    def __init__(
        self, filling: Filling, page_size: int, pace: Pace, hosts: Sequence[Host], host_number: int, asked_us: int
    ) -> None:
        self._filling = filling
        self._page_size = page_size
        self._pace = pace
        self._hosts = hosts
        self.host_number = host_number
        self._asked_us = asked_us
        self._over = time.monotonic() + pace.page_s
        self._missed: list[str] = []
        self.done = filling.end_us is not None and asked_us >= filling.end_us

    def problems(self) -> list[str]:
        """What could not be read, a sentence each."""
        malformed = self._filling.malformed
        told = [f"{malformed} frames of Bluesky's stream could not be read"] if malformed else []
        return [*self._missed, *(f"Bluesky's stream says {each}" for each in self._filling.notices), *told]

    def run(self) -> None:
        """Read until the page is full.

        Raises:
            SourceError: No host gave anything; as in `Source.search`.
        """
        errors: list[SourceError] = []
        while True:
            before = self._filling.mark.cursor_us
            try:
                self._connection()
                return
            except CursorTooOld:
                self._skip_to_reach()
                continue
            except SourceError as error:
                errors = [*errors, error] if self._filling.mark.cursor_us <= before else [error]
            self.host_number = (self.host_number + 1) % len(self._hosts)
            if time.monotonic() >= self._over and self._filling.mark.cursor_us > self._asked_us:
                return
            if len(errors) >= max(self._pace.tries, len(self._hosts)):
                if self._filling.mark.cursor_us > self._asked_us:
                    return  # what came is kept, and the next page asks again
                raise worst(errors)
            longest = self._pace.pause_s * 2.0 ** min(len(errors) - 1, 5)
            self._pace.sleep(longest * (0.5 + random.random() / 2))

    def _connection(self) -> None:
        pace, filling = self._pace, self._filling
        again = filling.frames or filling.mark.cursor_us > filling.floor_us
        cursor_us = filling.mark.cursor_us - (OVERLAP_US if again else 0)
        host = self._hosts[self.host_number]
        first = True
        with open_stream(host, cursor_us, open_s=pace.open_s, silence_s=pace.silence_s) as frames:
            for data in frames:
                now_us = int(pace.clock() * 1e6)
                time_us = filling.take(data, now_us)
                if time_us is not None:
                    if first:
                        self._note_gap(host, cursor_us, time_us)
                        first = False
                    if time_us >= now_us - pace.edge_s * 1e6:
                        self.done = True
                    if filling.end_us is not None and time_us >= filling.end_us:
                        self.done = True
                if self.done or filling.posts >= self._page_size or time.monotonic() >= self._over:
                    return

    def _note_gap(self, host: Host, asked_us: int, first_us: int) -> None:
        if first_us - asked_us > _GAP_US:
            minutes = (first_us - asked_us) / 60e6
            self._missed.append(
                f"{host.name} keeps nothing between {time_of(asked_us):%Y-%m-%d %H:%M} and "
                f"{time_of(first_us):%Y-%m-%d %H:%M} UTC: the posts of {minutes:,.0f} minutes were not reached"
            )

    def _skip_to_reach(self) -> None:
        """Go on where the host's memory should start."""
        asked_us = self._filling.mark.cursor_us
        edge_us = int(self._pace.clock() * 1e6) - REACH // timedelta(microseconds=1) + _GAP_US
        if edge_us <= asked_us:
            raise SourceUnavailable("Bluesky's stream keeps less than it says: try again")
        self._filling.mark = Mark(edge_us)
        self._missed.append(
            f"Bluesky's stream keeps nothing from {time_of(asked_us):%Y-%m-%d %H:%M} UTC any more: posts until "
            f"{time_of(edge_us):%Y-%m-%d %H:%M} UTC were not reached"
        )
