"""Column types that the store adds to SQLAlchemy's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_SIGN = 1 << 63
_RANGE = 1 << 64


class Instant(TypeDecorator[datetime]):
    """A moment: timezone-aware in Python, UTC in the database.

    Raises:
        ValueError: A naive datetime is given.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive datetimes; convert the others to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no timezone; the store takes aware datetimes only")
        value = value.astimezone(UTC)
        # SQLite keeps text without an offset, which also makes its order that of time.
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give UTC back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Bits64(TypeDecorator[int]):
    """64 bits as an unsigned int in Python; the same bits as a signed BIGINT in the database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """Unsigned to signed."""
        if value is None:
            return None
        return value - _RANGE if value >= _SIGN else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:
        """Signed to unsigned."""
        return None if value is None else int(value) % _RANGE
