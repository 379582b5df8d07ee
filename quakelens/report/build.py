"""Looking up in the store what a report shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from quakelens.depot import Depot, as_depot
from quakelens.earthquakes import Earthquake
from quakelens.report.view import Counts, PictureRow, PostRow, ReportView
from quakelens.store import Store, earthquakes
from quakelens.store.groups import Group, Picture, count_located, groups_of, other_earthquakes
from quakelens.store.media import count_media
from quakelens.store.posts import count_posts
from quakelens.store.scores import Score, count_scores, group_scores


def build_view(
    store: Store,
    earthquake_id: str,
    media_dir: Path | Depot,
    heatmaps_dir: Path | Depot,
    *,
    model_label: str,
    model_version: str,
    model_note: str,
    now: datetime,
    notice: str | None = None,
    window_end: datetime | None = None,
) -> ReportView:
    """Gather one earthquake's posts and what one version of the model says of their pictures.

    Args:
        store: Where all is looked up.
        earthquake_id: Any of its ids.
        media_dir: Where the pictures lie; of a path the folder.
        heatmaps_dir: Where the heat maps lie.
        model_label: Name and version for people.
        model_version: Whose scores are shown.
        model_note: A sentence on what the model was measured to do.
        now: UTC.
        notice: A warning to show on top.
        window_end: Posts up to this time were asked for, UTC.

    Raises:
        UsageError: The store does not know the earthquake.
    """
    known = earthquakes.get(store, earthquake_id)
    earthquake = known.earthquake
    pictures, heatmaps = as_depot(media_dir), as_depot(heatmaps_dir)
    groups = groups_of(store, known.key, earthquake.origin_time)
    scores = group_scores(store, known.key, model_version)
    media = count_media(store, known.key)
    counted = count_scores(store, known.key, model_version)
    rows, latencies = [], []
    for group in groups:
        score = scores.get(group.id)
        if score is None or score.decision not in ("damaged", "unsure") or score.probability is None:
            continue
        shown = group.picture(score.sha256)  # the heat map belongs to this file; its copies may be cropped
        row = _picture(group, shown, score, earthquake.origin_time, pictures, heatmaps, model_label)
        if row.earlier is not None:
            row = replace(row, earlier_earthquake=_harvested_for(store, known.key, row.earlier))
        rows.append(row)
        latencies.extend(_latency_s(group, score, row))
    rows.sort(key=lambda row: (-row.probability, row.sha256))
    return ReportView(
        earthquake=earthquake,
        generated_at=now,
        model=model_label,
        model_note=model_note,
        counts=Counts(
            posts=count_posts(store, known.key),
            posts_located=count_located(store, known.key),
            pictures=media.media,
            fetched=media.fetched,
            failed=media.failed,
            near_duplicates=media.near_duplicates,
            scored=counted.scored,
            damaged=counted.damaged,
            unsure=counted.unsure,
            not_damaged=counted.not_damaged,
            recycled=sum(_is_recycled(group, earthquake.origin_time) for group in groups),
        ),
        pictures=tuple(rows),
        latency_s=_p50_p95(latencies),
        failures=_failures(media.reasons, scores.values()),
        notice=notice,
        window_end=window_end,
    )


def _picture(
    group: Group,
    shown: Picture,
    score: Score,
    origin_time: datetime,
    pictures: Depot,
    heatmaps: Depot,
    model: str,
) -> PictureRow:
    heatmap = None if score.heatmap is None else heatmaps.file(score.heatmap)
    assert score.decision is not None and score.probability is not None
    return PictureRow(
        sha256=shown.sha256,
        file=pictures.file(shown.path),
        heatmap=heatmap,
        heatmap_box=None if heatmap is None else score.box,
        decision=score.decision,
        probability=score.probability,
        model=model,
        width=shown.width,
        height=shown.height,
        posts=tuple(_post(row) for row in group.posts),
        copies=group.copies,
        first_seen=group.posts[0].created_at,
        recycled=_is_recycled(group, origin_time),
        fetched_at=shown.fetched_at,
        scored_at=score.scored_at,
    )


def _harvested_for(store: Store, key: str, post: PostRow) -> Earthquake | None:
    others = other_earthquakes(store, key, post.source, post.id)
    found = [earthquakes.get(store, other) for other in others]
    # Announcements that were later merged with this one are this one.
    return next((other.earthquake for other in found if other.key != key), None)


def _post(row: Row[Any]) -> PostRow:
    return PostRow(
        source=row.source, id=row.id, url=row.url, author=row.author, text=row.text,
        created_at=row.created_at, lang=row.lang, latitude=row.latitude, longitude=row.longitude,
        place=row.place, location_kind=row.location_kind, is_repost=row.repost_of is not None,
        sensitive=row.sensitive,
    )  # fmt: skip


def _is_recycled(group: Group, origin_time: datetime) -> bool:
    return bool(group.posts[0].created_at < origin_time)


def _latency_s(group: Group, score: Score, row: PictureRow) -> list[float]:
    """Seconds from the earthquake's first post with the picture to its flag; none for recycled ones."""
    own = [post.created_at for post in group.posts if post.own]
    if row.recycled or not own:
        return []
    return [max(0.0, (score.scored_at - min(own)).total_seconds())]


def _p50_p95(values: list[float]) -> tuple[float, float] | None:
    if not values:
        return None
    import numpy as np

    p50, p95 = np.percentile(values, (50, 95))
    return float(p50), float(p95)


def _failures(media: Iterable[tuple[str, int]], scores: Iterable[Score]) -> tuple[tuple[str, int], ...]:
    """Reasons of both fetching and scoring, the most frequent first."""
    counts: Counter[str] = Counter()
    for reason, number in media:
        counts[reason] += number
    for score in scores:
        if score.error is not None:
            counts[score.error.partition(":")[0]] += 1
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
