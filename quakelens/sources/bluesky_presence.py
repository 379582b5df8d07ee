"""Whether posts are still on Bluesky, and who is behind a handle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quakelens.errors import SourceRefused
from quakelens.sources.bluesky_record import MalformedRecord, split_id
from quakelens.sources.bluesky_views import is_public, views_of
from quakelens.sources.bluesky_xrpc import Xrpc, read_object
from quakelens.sources.post import Gone
from quakelens.sources.presence import Checked, KnownPost


class BlueskyPresence:
    """`app.bsky.feed.getPosts` at the public AppView; free, and without a login."""

    name = "bluesky"
    batch = 25

    def __init__(self, appview: Xrpc) -> None:
        """Ask nothing yet.

        Args:
            appview: Where it is asked.
        """
        self._appview = appview

    def most_usd(self, posts: int) -> float:
        """Free."""
        return 0.0

    def check(self, posts: Sequence[KnownPost]) -> Checked:
        """Ask about up to 25 posts; see `Presence.check`.

        Bluesky leaves out what was deleted or taken down, and posts of accounts that are. As it may also
        leave something out by mistake, what is missing is asked for a second time. Posts that moderators
        hid, and those of authors who let only members see them, must go too.
        """
        asked, unknown = [], set()
        for post in posts:
            try:
                split_id(post.id)
            except MalformedRecord:
                unknown.add(post.id)
            else:
                asked.append(post.id)
        there = self._there(asked)
        missing = [uri for uri in asked if uri not in there]
        there |= self._there(missing)
        return Checked(Gone(posts=frozenset(uri for uri in asked if not there.get(uri, False))), frozenset(unknown))

    def find_author(self, handle: str) -> str | None:
        """The DID (`Post.author_id`) behind a handle, with or without `@`; None if there is none.

        Raises:
            SourceUnavailable, RateLimited, SourceRefused: As `check`.
        """
        name = handle.strip().removeprefix("@").lower()
        if name.startswith("did:"):
            return name
        try:
            raw = self._appview.get("com.atproto.identity.resolveHandle", {"handle": name})
        except SourceRefused as error:
            if "status 400" in str(error):
                return None
            raise
        did = read_object(raw, self._appview.url).get("did")
        return did if isinstance(did, str) and did.startswith("did:") else None

    def _there(self, uris: Sequence[str]) -> dict[str, bool]:
        """Of some posts those that Bluesky gives, and whether everyone may see them."""
        if not uris:
            return {}
        views: list[Mapping[str, object]] = views_of(self._appview.get("app.bsky.feed.getPosts", {"uris": uris}))
        return {str(view.get("uri")): is_public(view) for view in views}
