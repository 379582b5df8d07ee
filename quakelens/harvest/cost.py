"""What a network charges."""

from __future__ import annotations

POST_USD = {"x": 0.005}
"""A post that is delivered (X, pay per use, docs.x.com/x-api/pricing, August 2026); others charge nothing."""

AUTHOR_USD = {"x": 0.010}
"""An author that is delivered with a page of posts (the same)."""


def cost_usd(source: str, *, posts: int, authors: int) -> float:
    """US dollars for what a source delivered; an upper bound, as X charges a repeat within a day once."""
    return round(posts * POST_USD.get(source, 0.0) + authors * AUTHOR_USD.get(source, 0.0), 4)
