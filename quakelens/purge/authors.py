"""Who is meant when an author asks to be removed."""

from __future__ import annotations

from datetime import datetime

from quakelens.errors import SourceError, UsageError
from quakelens.harvest.asking import Patience, Stopped
from quakelens.purge.recheck import PurgeBudget, charged
from quakelens.settings import Settings
from quakelens.sources.post import Gone
from quakelens.sources.presences import can_find, find_author, most_usd_for_author
from quakelens.store import Store, checks


def author_gone(
    store: Store, settings: Settings, source: str, name: str, now: datetime, patience: Patience | None = None
) -> Gone:
    """What goes with an author, who is looked for among the stored posts and then asked of the network.

    Args:
        store: Has the posts.
        settings: Access to the network.
        source: The network.
        name: A handle or an id.
        now: UTC.
        patience: How long to wait for the network.

    Raises:
        UsageError: Nobody is known under the name.
        SourceError: The network does not answer, or the budget does not allow the question.
    """
    authors, posts = checks.author_ids(store, source, name)
    if not authors and _is_id(name):
        authors = {name.strip()}  # also of somebody of whom nothing is stored: later posts stay away
    if not authors and can_find(source):
        budget = PurgeBudget(day_usd=settings.budget_day_usd)
        try:
            found = charged(
                store, source, [f"author {name}"], most_usd_for_author(source, settings), now, budget,
                patience or Patience(),
                lambda: ((author := find_author(source, name, settings)), author.usd),
            )  # fmt: skip
        except Stopped as stop:
            raise SourceError(f"{stop}. Nothing was removed: give the author's id, which needs no question") from stop
        if found.id is not None:
            authors = {found.id}
    if not authors and not posts:
        raise UsageError(
            f"no stored post of {source} is by `{name}`, and the network tells no id for that name: give the author's "
            "id, or remove single posts with --post"
        )
    return Gone(frozenset(posts), frozenset(authors))


def _is_id(name: str) -> bool:
    """X and others number their authors, Bluesky names them by DID, Mastodon by address."""
    text = name.strip()
    return text.isdigit() or text.startswith("did:") or "://" in text
