"""Asking a network about the stored posts, and removing those that it does not have any more."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from quakelens.errors import BudgetReached
from quakelens.harvest.asking import Patience, Stopped, patiently
from quakelens.params import Duplicates
from quakelens.progress import Report
from quakelens.sources.post import Gone
from quakelens.sources.presence import Checked, KnownPost, Presence
from quakelens.store import Store, charges, checks
from quakelens.store.charges import Budget, Charge
from quakelens.store.removal import remove_posts

Answer = TypeVar("Answer")


_CENT = 1e-6  # sums of floats; far below any price


@dataclass(frozen=True, slots=True)
class PurgeBudget:
    """What may be spent on a UTC day, US dollars: on these questions, and on all that the networks charge for."""

    lookups_usd: float = float("inf")
    day_usd: float = float("inf")


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What became of one network's posts.

    Attributes:
        source: The network.
        due: Posts that were to be asked about.
        there: Of them, that it still has.
        removed: Posts that went, reposts and others of the same authors among them.
        unknown: Of which it said nothing that could be relied on; the next run asks again.
        usd: What it charged, US dollars.
        state: `done`, or why not all were asked about, as in `quakelens.store.polls.Poll`.
        stopped_because: The same in a sentence; None if all were.
    """

    source: str
    due: int = 0
    there: int = 0
    removed: int = 0
    unknown: int = 0
    usd: float = 0.0
    state: str = "done"
    stopped_because: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the network failed or refused; limits that were kept are no failure."""
        return self.state in ("down", "refused")


@dataclass(frozen=True, slots=True)
class Planned:
    """How many posts of a network are due, and the most that asking about them can cost, US dollars."""

    source: str
    due: int
    max_usd: float


def plan(store: Store, presence: Presence, now: datetime, older_than: timedelta) -> Planned:
    """What `recheck` would ask."""
    ids = checks.due(store, presence.name, now - older_than)
    sizes = [len(ids[start : start + presence.batch]) for start in range(0, len(ids), presence.batch)]
    return Planned(presence.name, len(ids), round(sum(presence.most_usd(size) for size in sizes), 4))


def recheck(
    store: Store,
    presence: Presence,
    limits: Duplicates,
    now: datetime,
    older_than: timedelta,
    *,
    budget: PurgeBudget | None = None,
    patience: Patience | None = None,
    on_post: Report = lambda done, total: None,
) -> Rechecked:
    """Ask about the posts that were not checked lately; what is gone leaves the store at once.

    Every answer is kept before the next question, so a run that is killed goes on where it was. What leaves the
    store is put down to go from the files, see `quakelens.purge.remove.complete`.

    Args:
        store: Has the posts.
        presence: The network.
        limits: When two pictures are near-duplicates.
        now: UTC.
        older_than: Posts that were harvested or checked since are not asked about.
        budget: What may be spent.
        patience: How long to wait for the network.
        on_post: Called after each question with how many posts are done, and of how many.
    """
    ids = checks.due(store, presence.name, now - older_than)
    done, there, removed, unknown, usd = 0, 0, 0, 0, 0.0
    stopped: Stopped | None = None
    for start in range(0, len(ids), presence.batch):
        part = ids[start : start + presence.batch]
        asked = checks.known(store, presence.name, part)  # others may have gone with one before
        try:
            answer = (
                _ask(store, presence, asked, now, budget or PurgeBudget(), patience or Patience())
                if asked
                else Checked(Gone())
            )
        except Stopped as stop:
            stopped = stop
            break
        gone = remove_posts(store, presence.name, answer.gone, now, limits)
        alive = {
            post.id
            for post in asked
            if post.id not in answer.gone.posts
            and post.id not in answer.unknown
            and post.author_id not in answer.gone.authors
        }
        checks.set_checked(store, presence.name, alive, now)
        there, removed, unknown = there + len(alive), removed + gone.posts, unknown + len(answer.unknown)
        usd, done = usd + answer.usd, done + len(part)
        on_post(done, len(ids))
    return Rechecked(
        source=presence.name, due=len(ids), there=there, removed=removed, unknown=unknown, usd=round(usd, 4),
        state="done" if stopped is None else stopped.state,
        stopped_because=None if stopped is None else str(stopped),
    )  # fmt: skip


def _ask(
    store: Store, presence: Presence, posts: Sequence[KnownPost], now: datetime, budget: PurgeBudget, patience: Patience
) -> Checked:
    if not posts:
        return Checked(Gone())
    return charged(
        store, presence.name, [post.id for post in posts], presence.most_usd(len(posts)), now, budget, patience,
        lambda: (answer := presence.check(posts), answer.usd),
    )  # fmt: skip


def charged(
    store: Store, source: str, about: Sequence[str], most_usd: float, now: datetime, budget: PurgeBudget,
    patience: Patience, ask: Callable[[], tuple[Answer, float]],
) -> Answer:  # fmt: skip
    """Ask a question that may cost: the most is booked before, what it cost after.

    Raises:
        Stopped: The network gives no answer, or the budget does not allow the question.
    """
    key = _key(store, source, about, now)
    charge = Charge(key, None, source, "lookup", now)
    spent = charges.spent_on_day_usd(store, now, "lookup")
    if most_usd > 0 and spent + most_usd > budget.lookups_usd + _CENT:
        raise Stopped(
            f"{spent:.2f} US dollars were spent today (UTC) on asking whether posts are still there, and the next "
            f"question to {source} may cost {most_usd:.3f}: it goes on tomorrow, or raise QUAKELENS_BUDGET_PURGE_USD, "
            f"now {budget.lookups_usd:.2f}",
            0,
            "budget",
        )
    try:
        charges.reserve(store, charge, most_usd, (), Budget(day_usd=budget.day_usd))
    except BudgetReached as error:
        raise Stopped(str(error), 0, "budget") from error
    try:
        (answer, usd), _ = patiently(source, ask, patience)
    except Stopped as stop:
        if not stop.charged:
            charges.release(store, key)
        raise
    charges.settle(store, charge, usd, len(about) if usd else 0)
    return answer


def _key(store: Store, source: str, about: Sequence[str], now: datetime) -> str:
    """The same for a question that is asked again after a crash on the same day, another for one that was answered."""
    digest = hashlib.sha256("\n".join(about).encode()).hexdigest()[:32]
    number = 0
    while charges.settled_units(store, f"lookup/{source}/{now:%Y-%m-%d}/{digest}/{number}") is not None:
        number += 1
    return f"lookup/{source}/{now:%Y-%m-%d}/{digest}/{number}"
