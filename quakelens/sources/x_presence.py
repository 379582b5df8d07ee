"""Asking X whether posts are still there, by look-up, and who an author is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quakelens.errors import SourceUnavailable, UsageError
from quakelens.settings import Settings
from quakelens.sources.post import Gone
from quakelens.sources.presence import Checked, KnownPost, Presence
from quakelens.sources.x import PAY_PER_USE, Prices
from quakelens.sources.x_client import XClient, token_of
from quakelens.sources.x_payload import read_body

_LOOKED_UP = 100  # ids in one request (X API docs, Post lookup)
_GONE = {"resource-not-found", "not-authorized-for-resource", "disallowed-resource"}
"""Problem types of a post that is deleted, protected, suspended or not to be shown."""

_HANDLE = re.compile(r"^@?([A-Za-z0-9_]{1,15})$")


@dataclass(frozen=True, slots=True)
class FoundAuthor:
    """An author's id; None where X knows none, or does not say. `usd` is what the question cost."""

    id: str | None
    usd: float


class XLookup:
    """`Presence` by GET /2/tweets: X charges for each post that is still there."""

    name = "x"
    batch = _LOOKED_UP

    def __init__(self, client: XClient, prices: Prices = PAY_PER_USE) -> None:
        """Take a client and what the account pays."""
        self._client = client
        self._prices = prices

    def most_usd(self, posts: int) -> float:
        """Each post that is there is charged for; see `Presence.most_usd`."""
        return posts * self._prices.post_usd

    def check(self, posts: Sequence[KnownPost]) -> Checked:
        """Ask about posts; see `Presence.check`.

        A post that X gives is there, unless it is withheld. One of which it says that it does not exist, or is not
        for us, is gone. One of which it says neither is unknown.
        """
        if not posts:
            return Checked(Gone())
        assert len(posts) <= self.batch
        asked = {each.lookup or each.id: each.id for each in posts}
        body = _body(self._client.ask("get_tweets", list(asked), tweet_fields=["withheld"]))
        there: set[str] = set()
        withheld: set[str] = set()
        found = [item for item in _items(body.get("data")) if isinstance(item, Mapping)]
        for item in found:
            history = _items(item.get("edit_history_tweet_ids")) + _items(item.get("edit_history_post_ids"))
            ids = {str(item.get("id")), *map(str, history)}
            (withheld if item.get("withheld") else there).update(asked[each] for each in ids if each in asked)
        gone = {asked[each] for each in _said_gone(body) if each in asked}
        gone = (gone | withheld) - there
        unknown = set(asked.values()) - gone - there
        return Checked(Gone(frozenset(gone)), frozenset(unknown), round(len(found) * self._prices.post_usd, 6))


def find_author(client: XClient, handle: str, prices: Prices = PAY_PER_USE) -> FoundAuthor:
    """Ask X for the id that belongs to a handle, with or without @.

    X does not tell it of an account that is suspended or gone; then only the id itself helps.

    Raises:
        UsageError: It cannot be a handle.
        SourceUnavailable, RateLimited, SourceRefused: As `quakelens.sources.source.Source.search`.
    """
    match = _HANDLE.match(handle.strip())
    if match is None:
        raise UsageError(f"{handle!r} is no handle of X: give up to 15 letters, digits and underscores, or the id")
    data = _body(client.ask("get_user", username=match[1])).get("data")
    number = data.get("id") if isinstance(data, Mapping) else None
    return FoundAuthor(str(number), prices.author_usd) if number else FoundAuthor(None, 0.0)


def open_presence(settings: Settings) -> Presence:
    """X's way of telling what is still there that `QUAKELENS_X_RECHECK` names.

    Raises:
        UsageError: There is no token for X.
    """
    from quakelens.sources.x_compliance import XCompliance

    client = open_client(settings)
    if settings.x_recheck == "compliance":
        return XCompliance(client)
    return XLookup(client, prices_of(settings))


def open_client(settings: Settings) -> XClient:
    """A client for the settings' account.

    Raises:
        UsageError: There is no token for X.
    """
    return XClient(base_url=settings.x_base_url, bearer_token=token_of(settings), fields=settings.x_fields)


def prices_of(settings: Settings) -> Prices:
    """What the settings' account pays."""
    return Prices(settings.x_post_usd, settings.x_author_usd, settings.x_count_usd)


def _said_gone(body: Mapping[str, Any]) -> set[str]:
    """Ids of posts of which an answer says that they are gone."""
    gone = set()
    for error in _items(body.get("errors")):
        if not isinstance(error, Mapping) or error.get("parameter") != "ids":
            continue
        if str(error.get("type", "")).rsplit("/", 1)[-1] in _GONE:
            gone |= {str(error[key]) for key in ("resource_id", "value") if error.get(key)}
    return gone


def _body(raw: bytes) -> dict[str, Any]:
    try:
        return read_body(raw)
    except SourceUnavailable as error:
        raise SourceUnavailable(str(error), charged=True) from None


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
