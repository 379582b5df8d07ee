"""What a harvest came to, as `quakelens harvest --json` prints it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from quakelens.depot import Filed
from quakelens.store import Store, earthquakes
from quakelens.store.latency import Delay, delays
from quakelens.store.media import count_media
from quakelens.store.posts import count_posts, spent
from quakelens.store.scores import count_scores


@dataclass(frozen=True, slots=True)
class HarvestSummary:
    """One earthquake after a harvest, over all runs; `new_posts` and `cost_usd` are of this run.

    Attributes:
        earthquake: Preferred id.
        posts: Of the earthquake.
        new_posts: That this run added.
        media: Pictures that the posts carry.
        fetched: Of them, that could be fetched.
        failed: That could not.
        near_duplicates: Fetched ones that repeat another, exactly or nearly.
        scored: Pictures with a decision of this model, near-duplicates once.
        flagged: Of them, damaged or unsure.
        skipped_lines: Posts, or lines of an archive, that could not be read.
        cost_usd: Upper bound of what the source charges, US dollars.
        report: The HTML page; None where none was written.
        latency: Seconds from a post to the decision on its picture, over the flagged pictures of this run; None
            where it has none, or replays the past. See `latency_of`.
    """

    earthquake: str
    posts: int
    new_posts: int
    media: int
    fetched: int
    failed: int
    near_duplicates: int
    scored: int
    flagged: int
    skipped_lines: int
    cost_usd: float
    report: str | None
    latency: dict[str, dict[str, float]] | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON, in the order above."""
        return asdict(self)


def summarise(
    store: Store,
    earthquake_id: str,
    *,
    model_version: str,
    new_posts: int,
    run_cost_usd: float,
    report: Filed | None,
    since: datetime | None = None,
) -> HarvestSummary:
    """Count what the store holds of an earthquake; `since` is when this run began, UTC, if its delays count.

    Raises:
        UsageError: The store does not know it.
    """
    known = earthquakes.get(store, earthquake_id)
    media = count_media(store, known.key)
    scores = count_scores(store, known.key, model_version)
    return HarvestSummary(
        earthquake=known.earthquake.id,
        posts=count_posts(store, known.key),
        new_posts=new_posts,
        media=media.media,
        fetched=media.fetched,
        failed=media.failed,
        near_duplicates=media.near_duplicates,
        scored=scores.scored,
        flagged=scores.flagged,
        skipped_lines=spent(store, earthquakes.keys_of(store, known.key)).problems,
        cost_usd=run_cost_usd,
        report=None if report is None else str(report),
        latency=None if since is None else latency_of(delays(store, known.key, model_version, since)),
    )


def latency_of(found: Sequence[Delay]) -> dict[str, dict[str, float]] | None:
    """Percentiles over flagged pictures, seconds.

    Returns:
        `from_post` since the post was made, `from_page` since its page came: each with `p50`, `p95`, `p99`.
    """
    flagged = [delay for delay in found if delay.flagged]
    if not flagged:
        return None
    return {
        "from_post": percentiles([(delay.decided_at - delay.created_at).total_seconds() for delay in flagged]),
        "from_page": percentiles([(delay.decided_at - delay.harvested_at).total_seconds() for delay in flagged]),
    }


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """`p50`, `p95` and `p99`, each the smallest value that so many percent do not exceed."""
    ordered = sorted(seconds)
    return {f"p{share}": round(ordered[-(-len(ordered) * share // 100) - 1], 2) for share in (50, 95, 99)}
