"""Mastodon: tag timelines of many servers, through Mastodon.py."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from quakelens.errors import SourceRefused, SourceUnavailable, UsageError
from quakelens.sources.free import FreeSource
from quakelens.sources.mastodon_client import Instance, error_of
from quakelens.sources.mastodon_payload import archived, created_at, parse_page, redact_page
from quakelens.sources.post import Page, ParsedPage
from quakelens.sources.source import Traits
from quakelens.sources.topic import Topic

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?")
_MAX_TAGS = 8  # a server, of which so many towns: each is a request a poll
_MAX_TOWN_TAGS = 3
_LATE = timedelta(minutes=3)
"""How far behind the newest post is looked again: a post that arrives late from another server gets an id of
the time at which it was written (lib/mastodon/snowflake.rb)."""
_FIRST_SNOWFLAKE = datetime(2016, 1, 1, tzinfo=UTC)


class MastodonSource(FreeSource):
    """Public posts with a tag, as each of some servers knows them.

    A query is `server#tag`. No server knows all posts; one that is seen on several servers is one post, as its
    id is the address under which its author's server published it.
    """

    name = "mastodon"
    traits = Traits(smallest_page=1, largest_page=40, server_mark="#")

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        tokens: Mapping[str, str] | None = None,
        allow: frozenset[str] = frozenset(),
    ) -> None:
        """Make clients; nothing is asked yet.

        Args:
            hosts: Servers, such as `mastodon.social`.
            tokens: Access tokens by server; without one only what is public there is shown.
            allow: `host:port` pairs that are asked over http, for servers on this machine.

        Raises:
            UsageError: There is no server, one is no host name, or a token has no server.
        """
        if not hosts:
            raise UsageError("harvest.mastodon_instances in params.yaml names no server: add one")
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise UsageError(f"harvest.mastodon_instances: {host!r} is no host name such as mastodon.social")
        tokens = tokens or {}
        for host in tokens:
            if host not in hosts:
                raise UsageError(f"QUAKELENS_MASTODON_TOKENS: {host} is not among harvest.mastodon_instances")
        self._instances = {host: Instance(host, allow=allow, token=tokens.get(host)) for host in hosts}

    def queries(self, topic: Topic) -> Sequence[str]:
        """Each tag on each server: first the most shaken towns, then words for earthquake."""
        towns = list(dict.fromkeys(_tags(topic.towns, join=True)))[:_MAX_TOWN_TAGS]
        words = [tag for tag in dict.fromkeys(_tags(topic.words, join=False)) if tag not in towns]
        tags = [*towns, *words[: _MAX_TAGS - len(towns)]]
        return [f"{host}#{tag}" for tag in tags for host in self._instances]

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
        """Ask one server for one page of a tag; see `Source.search`.

        A timeline has no times: the walk ends at the page whose oldest post is older than `start_time`. Ids
        begin with the time, by which `end_time` is asked for.
        """
        host, _, tag = query.partition("#")
        if host not in self._instances or not tag:
            raise SourceRefused(f"{query!r} is no query of these servers: ask for `server#tag`")
        max_id = next_token or (None if end_time is None else _id_at(end_time))
        since = None if since_id is None else _a_little_before(since_id)
        answer = self._instances[host].timeline(tag, limit=page_size, since_id=since, max_id=max_id)
        now = datetime.now(UTC)
        if answer.status != 200:
            raise error_of(host, answer, now)
        posts = _posts(host, answer.body)
        ids = [item["id"] for item in posts if isinstance(item, Mapping) and isinstance(item.get("id"), str)]
        last = ids[-1] if ids else None
        times = [time for time in map(created_at, posts[-1:]) if time is not None]
        is_end = last is None or last == next_token or (since_id is None and any(time < start_time for time in times))
        return Page(
            raw=archived(host, answer.body),
            next_token=None if is_end else last,
            newest_id=ids[0] if ids else None,
            fetched_at=now,
        )

    def parse(self, raw: bytes) -> ParsedPage:
        """Read the posts of a raw page; see `quakelens.sources.mastodon_payload.parse_page`."""
        return parse_page(raw)

    def redact(self, raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
        """See `quakelens.sources.mastodon_payload.redact_page`."""
        return redact_page(raw, posts=posts, authors=authors)


def _posts(host: str, body: bytes) -> list[object]:
    try:
        posts = json.loads(body)
    except (ValueError, RecursionError):
        posts = None
    if not isinstance(posts, list):
        start = body[:60].decode("utf-8", "replace")
        raise SourceUnavailable(f"{host} answered with something else than posts ({start!r}): try again")
    return posts


def _tags(texts: Sequence[str], *, join: bool) -> Iterator[str]:
    """Texts as tags, in lower case; several words are one tag if `join`, and none otherwise."""
    for text in texts:
        words = unicodedata.normalize("NFC", text).removeprefix("#").casefold().split()
        tag = "".join(character for word in words for character in word if _belongs(character))
        if tag and (join or len(words) == 1) and any(character.isalpha() for character in tag):
            yield tag


def _belongs(character: str) -> bool:
    # Marks belong to words in many scripts, such as the vowel signs of Devanagari.
    return character == "_" or unicodedata.category(character)[0] in "LNM"


def _id_at(time: datetime) -> str:
    """The first id of a moment; milliseconds since 1970 in the upper 48 bits (lib/mastodon/snowflake.rb)."""
    return str(int(time.timestamp() * 1000) << 16)


def _a_little_before(local_id: str) -> str:
    """An id from `_LATE` earlier; ids that hold no time stay."""
    if not local_id.isascii() or not local_id.isdigit() or len(local_id) > 19:
        return local_id
    milliseconds = int(local_id) >> 16
    if milliseconds < _FIRST_SNOWFLAKE.timestamp() * 1000:
        return local_id
    return str((milliseconds - int(_LATE.total_seconds() * 1000)) << 16)
