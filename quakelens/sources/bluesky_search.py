"""Bluesky's search, for those who have an account there; it reaches further back than the stream does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from quakelens.errors import SourceRefused, UsageError
from quakelens.sources.bluesky_record import Addresses
from quakelens.sources.bluesky_redact import redact_search
from quakelens.sources.bluesky_session import Session
from quakelens.sources.bluesky_views import indexed_at, parse_search, views_of
from quakelens.sources.bluesky_xrpc import read_object
from quakelens.sources.free import FreeSource
from quakelens.sources.post import Page, ParsedPage
from quakelens.sources.source import Traits
from quakelens.sources.topic import Topic

_LATE = timedelta(minutes=2)
"""How far a search goes back behind its mark: posts get into the index some time after they were made."""

_ADDRESSES = Addresses()


class BlueskySearchSource(FreeSource):
    """`app.bsky.feed.searchPosts`, newest posts first. Its posts are those of Bluesky, like the stream's."""

    name = "bluesky-search"

    def __init__(self, session: Session, *, addresses: Addresses = _ADDRESSES) -> None:
        """Ask nothing yet.

        Args:
            session: Who asks.
            addresses: Where pictures are.
        """
        self._session = session
        self._addresses = addresses
        self.traits = Traits(smallest_page=1, largest_page=100)

    def __repr__(self) -> str:
        return f"BlueskySearchSource({self._session!r})"

    def queries(self, topic: Topic) -> Sequence[str]:
        """A query for each word, since all words of a query must be in a post; the most telling word last.

        The last is the one with which the days before the earthquake are looked at, and all are free.

        Raises:
            UsageError: There is no word.
        """
        words = dict.fromkeys(" ".join(word.replace('"', " ").split()) for word in topic.words)
        kept = [word for word in words if any(character.isalnum() for character in word)]
        if not kept:
            raise UsageError("harvest.words in params.yaml holds no word to search for")
        return [f'"{word}"' if " " in word else word for word in reversed(kept)]

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
        """Ask for one page; see `Source.search`. A mark is the time of the newest post."""
        parameters = {
            "q": query,
            "sort": "latest",
            "limit": page_size,
            "since": _text(start_time) if since_id is None else _text(_time(since_id) - _LATE),
            "until": None if end_time is None else _text(end_time),
            "cursor": next_token,
        }
        raw = self._session.get("app.bsky.feed.searchPosts", parameters)
        views = views_of(raw)
        cursor = read_object(raw, self._session.xrpc.url).get("cursor")
        newest = max((time for time in map(indexed_at, views) if time is not None), default=None)
        goes_on = bool(views) and isinstance(cursor, str) and cursor not in ("", next_token)
        return Page(
            raw=raw,
            next_token=cursor if goes_on else None,
            newest_id=None if newest is None else _text(newest),
            fetched_at=datetime.now(UTC),
        )

    def parse(self, raw: bytes) -> ParsedPage:
        """See `quakelens.sources.bluesky_views.parse_search`."""
        return parse_search(raw, self._addresses)

    def redact(self, raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
        """See `quakelens.sources.bluesky_redact.redact_search`."""
        return redact_search(raw, posts=posts, authors=authors)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(mark: str) -> datetime:
    try:
        return datetime.fromisoformat(mark)
    except ValueError:
        raise SourceRefused(f"{mark[:60]!r} is no mark of Bluesky's search: the search starts anew") from None
