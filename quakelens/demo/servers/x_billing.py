"""What X charges: resources by the piece, a repeat within a UTC day once, requests for counts each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Tariff:
    """US dollars for a post, an author and a count; X's pricing page, August 2026."""

    post_usd: float = 0.005
    user_usd: float = 0.010
    count_usd: float = 0.005


PAY_PER_USE = Tariff()


class Billing:
    """The account: what was charged, what may be.

    Attributes:
        usd: Charged so far, US dollars; answers that were lost on the way too.
        repeats: Posts and authors that came again on their UTC day, and so cost nothing.
        posts: Charged posts, over all days.
        by_day: Charged posts by UTC day.
    """

    def __init__(
        self, tariff: Tariff, *, credits_usd: float | None, spending_limit_usd: float | None, cap: int
    ) -> None:  # fmt: skip
        self.usd = 0.0
        self.repeats = 0
        self.posts = 0
        self.by_day: Counter[str] = Counter()
        self.credits_usd = credits_usd
        self.spending_limit_usd = spending_limit_usd
        self.cap = cap
        self._tariff = tariff
        self._seen: set[tuple[str, str, str]] = set()

    def refusal(self) -> str | None:
        """The name of the fault that an account shows which may not spend: `402`, `403-spend`, `usage-cap`."""
        if self.credits_usd is not None and self.usd >= self.credits_usd:
            return "402"
        if self.spending_limit_usd is not None and self.usd >= self.spending_limit_usd:
            return "403-spend"
        return "usage-cap" if self.posts >= self.cap else None

    def charge(self, now: datetime, *, posts: Iterable[str] = (), users: Iterable[str] = (), counts: int = 0) -> None:
        """Book what an answer holds."""
        day = now.date().isoformat()
        usd = counts * self._tariff.count_usd
        for kind, price, ids in (("post", self._tariff.post_usd, posts), ("user", self._tariff.user_usd, users)):
            for number in ids:
                if (day, kind, number) in self._seen:
                    self.repeats += 1
                    continue
                self._seen.add((day, kind, number))
                usd += price
                if kind == "post":
                    self.posts += 1
                    self.by_day[day] += 1
        self.usd = round(self.usd + usd, 6)
