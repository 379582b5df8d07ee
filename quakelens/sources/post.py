"""Posts in one form, whichever network they come from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MediaRef:
    """One picture that a post carries, not yet fetched.

    Attributes:
        key: The network's own id of the picture (X's media_key), unique within the source.
        url: Where the largest useful size is.
        kind: `photo`, `preview` for the still of a video or animation, or `file` for a picture of an imported
            archive, whose `url` is then a path on this machine; no network's page may give that kind.
        width: Pixels, if the network says so.
        height: Pixels, if the network says so.
        alt_text: The author's description.
    """

    key: str
    url: str
    kind: str = "photo"
    width: int | None = None
    height: int | None = None
    alt_text: str | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """One post.

    Attributes:
        source: The network: `x`, `bluesky`, `mastodon`, or `files` for pictures without posts.
        id: The network's id of the post's first version, unique within the source.
        created_at: UTC, timezone-aware.
        author: The handle, without `@`; None where the network withholds it, or was not asked as it charges.
        author_id: The network's id of the author, which stays when the handle changes.
        lookup: What the network's look-up of a single post takes, where that is not `id`.
        url: Where a person can see it.
        lang: BCP 47, as the network guessed it.
        latitude: Degrees north, where the post is located.
        longitude: Degrees east, where the post is located.
        place: The place's name, as the network gives it.
        location_kind: `point` (the post's own coordinates), `place` (centre of a place's box), or None.
        repost_of: Id of the post that this one repeats.
        sensitive: The network marks its media as sensitive.
    """

    source: str
    id: str
    created_at: datetime
    text: str
    url: str
    author: str | None = None
    author_id: str | None = None
    lookup: str | None = None
    lang: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    place: str | None = None
    location_kind: str | None = None
    repost_of: str | None = None
    sensitive: bool = False
    media: tuple[MediaRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search.

    Attributes:
        raw: The response as it came, to be archived before anything else is done with it.
        next_token: What to ask for next; None on the last page.
        newest_id: The network's mark of the newest post of the page, to go on from as `since_id`; None if the
            page is empty.
        fetched_at: UTC.
    """

    raw: bytes
    next_token: str | None
    newest_id: str | None
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Gone:
    """What a network says is not to be kept any more.

    Attributes:
        posts: Ids of deleted posts.
        authors: Ids of authors (`Post.author_id`) who left, were suspended or went private: all their posts go.
        source: Their network, as in `Post.source`; None if it is the one that says so.
    """

    posts: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()
    source: str | None = None

    def __bool__(self) -> bool:
        return bool(self.posts or self.authors)


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """What one raw page holds.

    Attributes:
        posts: In the page's order, without those that it says are deleted.
        problems: What could not be read or was left out, a sentence each; the other posts are whole.
        gone: Deletions that the page tells of.
    """

    posts: tuple[Post, ...]
    problems: tuple[str, ...]
    gone: Gone = Gone()
