"""Which of a network's posts and authors the store holds; asked while a stream of everyone's deletions is read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

from quakelens.store.database import Store
from quakelens.store.tables import posts

_MANY = 500  # values in one question


@dataclass(frozen=True, slots=True)
class Known:
    """The posts of one network, as `Post.source` names it. Both questions are answered by an index."""

    store: Store
    source: str

    def posts(self, ids: Collection[str]) -> set[str]:
        """Those of the ids under which a post is in the store."""
        return self._which(posts.c.id, ids)

    def authors(self, ids: Collection[str]) -> set[str]:
        """Those of the ids (`Post.author_id`) of whose authors a post is in the store."""
        return self._which(posts.c.author_id, ids)

    def _which(self, column: ColumnElement[str], values: Collection[str]) -> set[str]:
        found: set[str] = set()
        asked = list(values)
        with self.store.read() as connection:
            for start in range(0, len(asked), _MANY):
                part = column.in_(asked[start : start + _MANY])
                found |= set(connection.scalars(select(column).where(posts.c.source == self.source, part).distinct()))
        return found
