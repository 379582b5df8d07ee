"""Reading and redacting archived pages: asks nothing of a network, and so needs no access to it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from quakelens.errors import UsageError
from quakelens.sources.post import ParsedPage


class Redact(Protocol):
    """As `Source.redact`."""

    def __call__(self, raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
        """A raw page without some posts and authors."""
        ...


@dataclass(frozen=True, slots=True)
class PageReader:
    """What reads a source's archived pages; its methods are as those of `Source`.

    Attributes:
        name: As `Source.name`.
        network: As `Post.source` of the posts of its pages; None where they can be of any.
    """

    name: str
    network: str | None
    parse: Callable[[bytes], ParsedPage]
    redact: Redact


def page_reader(name: str) -> PageReader:
    """The reader of a source's pages.

    Raises:
        UsageError: No source of this name is known here.
    """
    found = _READERS.get(name.partition(":")[0])
    if found is None:
        raise UsageError(
            f"the archived pages of `{name}` cannot be read by this version of quakelens: install the one that "
            "harvested them"
        )
    return found(name)


def _x(name: str) -> PageReader:
    from quakelens.sources.x_payload import parse_page
    from quakelens.sources.x_redact import redact_page

    return PageReader(name, "x", parse_page, redact_page)


def _bluesky(name: str) -> PageReader:
    from quakelens.sources.jetstream_payload import parse_page, redact_page

    return PageReader(name, "bluesky", parse_page, redact_page)


def _bluesky_search(name: str) -> PageReader:
    from quakelens.sources.bluesky_redact import redact_search
    from quakelens.sources.bluesky_views import parse_search

    return PageReader(name, "bluesky", parse_search, redact_search)


def _mastodon(name: str) -> PageReader:
    from quakelens.sources.mastodon_payload import parse_page, redact_page

    return PageReader(name, "mastodon", parse_page, redact_page)


def _archive(name: str) -> PageReader:
    from quakelens.sources.archives.payload import parse_page, redact_page

    return PageReader(name, None, parse_page, redact_page)


_READERS: dict[str, Callable[[str], PageReader]] = {
    "x": _x,
    "bluesky": _bluesky,
    "bluesky-search": _bluesky_search,
    "mastodon": _mastodon,
    "archive": _archive,
}
