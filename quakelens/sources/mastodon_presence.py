"""Whether Mastodon posts are still there: each is asked for at the server where it was found."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from quakelens.errors import RateLimited, SourceError
from quakelens.sources.mastodon_client import Answer, Instance, error_of
from quakelens.sources.mastodon_payload import uri_of
from quakelens.sources.post import Gone
from quakelens.sources.presence import Checked, KnownPost

_LOOKUP = re.compile(r"(?P<host>[a-z0-9.-]+(?::\d{1,5})?)/(?P<id>[A-Za-z0-9_-]{1,100})")


_WAITED_FOR = timedelta(minutes=1)


class MastodonPresence:
    """Asks by `GET /api/v1/statuses/:id`. Only Mastodon's own 404 or 410 says that a post is gone.

    A server that refuses, fails or is no more tells nothing of its posts: they stay unknown, and the posts of
    other servers can be asked about all the same.
    """

    name = "mastodon"
    batch = 1

    def __init__(self, *, tokens: dict[str, str] | None = None, allow: frozenset[str] = frozenset()) -> None:
        """Ask nothing yet; `tokens` and `allow` as in `quakelens.sources.mastodon.MastodonSource`."""
        self._tokens = tokens or {}
        self._allow = allow
        self._instances: dict[str, Instance] = {}
        self._silent: set[str] = set()

    def most_usd(self, posts: int) -> float:
        """Mastodon is free."""
        return 0.0

    def check(self, posts: Sequence[KnownPost]) -> Checked:
        """Ask about posts; see `Presence.check`.

        A server that gave no answer, or is limited for longer than a minute, is not asked again by the same
        object: its posts stay unknown, and those of the others need not wait for it.

        Raises:
            RateLimited: For a minute at most.
        """
        gone, unknown = set(), set()
        for post in posts:
            found = self._is_there(post)
            if found is None:
                unknown.add(post.id)
            elif not found:
                gone.add(post.id)
        return Checked(Gone(posts=frozenset(gone)), frozenset(unknown))

    def _is_there(self, post: KnownPost) -> bool | None:
        lookup = _LOOKUP.fullmatch(post.lookup or "")
        if lookup is None or lookup["host"] in self._silent:
            return None
        host = lookup["host"]
        instance = self._instances.get(host)
        if instance is None:
            instance = self._instances[host] = Instance(host, allow=self._allow, token=self._tokens.get(host))
        try:
            answer = instance.status(lookup["id"])
        except SourceError:
            self._silent.add(host)
            return None
        if answer.status == 200:
            # Another post under the id: the server began anew, and says nothing of this one.
            return True if uri_of(_body(answer)) == post.id else None
        if answer.status in (404, 410):
            body = _body(answer)
            return False if isinstance(body, dict) and "error" in body else None
        now = datetime.now(UTC)
        refusal = error_of(host, answer, now)
        if isinstance(refusal, RateLimited):
            if refusal.reset_time is not None and refusal.reset_time - now <= _WAITED_FOR:
                raise refusal
            self._silent.add(host)
        return None


def _body(answer: Answer) -> object:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
