"""Asking a network whether posts are still there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from quakelens.sources.post import Gone


@dataclass(frozen=True, slots=True)
class KnownPost:
    """A post that the store holds; the fields as in `quakelens.sources.post.Post`."""

    id: str
    author_id: str | None
    lookup: str | None
    url: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a network says of some posts.

    Attributes:
        gone: Those that must go, and authors all of whose posts must go.
        unknown: Ids of posts of which it said nothing that could be relied on; they are asked about again.
        usd: What the question cost, US dollars.
    """

    gone: Gone
    unknown: frozenset[str] = frozenset()
    usd: float = 0.0


class Presence(Protocol):
    """A network's way of telling which posts are still there."""

    @property
    def name(self) -> str:
        """The network, as in `Post.source`."""
        ...

    @property
    def batch(self) -> int:
        """How many posts one question takes."""
        ...

    def most_usd(self, posts: int) -> float:
        """The most that a question about so many posts can cost, US dollars."""
        ...

    def check(self, posts: Sequence[KnownPost]) -> Checked:
        """Ask about up to `batch` posts.

        Raises:
            SourceUnavailable: The failure passes by itself; nothing may be concluded from it.
            RateLimited: Not before its `reset_time`.
            SourceRefused: A person must act.
        """
        ...
