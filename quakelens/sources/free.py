"""What sources that charge nothing have in common."""

from __future__ import annotations

from datetime import datetime

from quakelens.errors import SourceRefused


class FreeSource:
    """The part of `Source` that is about money, for a source that is free and so is never counted beforehand."""

    def count(self, query: str, *, start_time: datetime, end_time: datetime | None, since_id: str | None) -> int:
        """Never asked, see `Traits.count_usd`."""
        raise SourceRefused("this source does not count posts: ask for them, which is free")

    def most_usd(self, page_size: int) -> float:
        """Free."""
        return 0.0

    def cost_usd(self, raw: bytes) -> float:
        """Free."""
        return 0.0
