"""Counting a search's posts before they are paid for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from quakelens.errors import BudgetReached
from quakelens.harvest.archive import Request
from quakelens.harvest.asking import Patience, Stopped, patiently
from quakelens.sources.source import Source
from quakelens.store import Store, charges


@dataclass(frozen=True, slots=True)
class Expected:
    """What searches are expected to find and to cost, US dollars; `counted` searches were counted."""

    posts: int = 0
    usd: float = 0.0
    counted: int = 0

    def __add__(self, other: Expected) -> Expected:
        return Expected(self.posts + other.posts, self.usd + other.usd, self.counted + other.counted)


@dataclass(frozen=True, slots=True)
class Purse:
    """Whose money is spent: an earthquake's, within a budget; `keys` as in `charges.reserve`."""

    store: Store
    key: str
    keys: Sequence[str]
    budget: charges.Budget


def count_first(source: Source, request: Request, purse: Purse, patience: Patience) -> tuple[Expected, int]:
    """Ask how many posts a search would find; one that was counted already is not counted again.

    Returns:
        What is expected, and how many requests it took.

    Raises:
        Stopped: The budget does not allow even that, or the source gives no answer.
    """
    price = source.traits.count_usd
    assert price is not None
    asked = f"{request.kind} {request.query} {request.start_time.isoformat()}"
    key = f"count/{purse.key[:200]}/{source.name}/{hashlib.sha256(asked.encode()).hexdigest()[:16]}"
    known = charges.settled_units(purse.store, key)
    if known is not None:
        return _expected(source, known), 0
    charge = charges.Charge(key, purse.key, source.name, "count", patience.clock())
    most = price * patience.attempts  # each attempt is charged for whose answer is lost
    try:
        fresh = charges.reserve(purse.store, charge, most, purse.keys, purse.budget, shifting=True)
    except BudgetReached as error:
        raise Stopped(str(error), 0, "budget") from error
    try:
        posts, requests = patiently(
            source.name,
            lambda: source.count(
                request.query, start_time=request.start_time, end_time=request.end_time, since_id=request.since_id
            ),
            patience,
        )
    except Stopped as stop:
        if fresh and not stop.charged:
            charges.release(purse.store, key)
        raise
    charges.settle(purse.store, charge, price * requests, posts)
    return _expected(source, posts), requests


def _expected(source: Source, posts: int) -> Expected:
    return Expected(posts, source.most_usd(posts), 1)
