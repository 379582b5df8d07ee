"""What a report shows, already looked up: plain values, no database, no network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from quakelens.depot import Filed
from quakelens.earthquakes import Earthquake


@dataclass(frozen=True, slots=True)
class PostRow:
    """A post that carries a picture. Times are UTC; latitude and longitude are degrees or None."""

    source: str
    id: str
    url: str
    author: str | None
    text: str
    created_at: datetime
    lang: str | None
    latitude: float | None
    longitude: float | None
    place: str | None
    location_kind: str | None
    is_repost: bool
    sensitive: bool


@dataclass(frozen=True, slots=True)
class PictureRow:
    """One group of near-duplicate pictures, shown by its first.

    Attributes:
        sha256: Of the shown file, 64 hex digits.
        file: The shown picture.
        heatmap: 8-bit grey PNG the size of the model's view, laid over `heatmap_box`; None if not flagged.
        heatmap_box: What part of the picture (EXIF applied) the model saw: left, top, right, bottom in 0..1.
        decision: `damaged`, `not_damaged` or `unsure`.
        probability: Calibrated, 0 to 1.
        model: Name and version, such as `quakelens v3`.
        width: Pixels of the shown file, EXIF applied.
        height: Pixels of the shown file, EXIF applied.
        posts: Every post that carries one of the group, oldest first.
        copies: How many different files the group holds.
        first_seen: When the oldest post with it was posted, UTC.
        recycled: It was posted before the origin time, so it cannot show this earthquake.
        fetched_at: UTC.
        scored_at: UTC.
        earlier_earthquake: For a recycled picture, the other earthquake for which its oldest post was
            harvested; None where it was found by looking at the days before this one.
    """

    sha256: str
    file: Filed
    heatmap: Filed | None
    heatmap_box: tuple[float, float, float, float] | None
    decision: str
    probability: float
    model: str
    width: int
    height: int
    posts: tuple[PostRow, ...]
    copies: int
    first_seen: datetime
    recycled: bool
    fetched_at: datetime
    scored_at: datetime
    earlier_earthquake: Earthquake | None = None

    @property
    def earlier(self) -> PostRow | None:
        """The oldest post, if it shows the picture to be recycled."""
        return self.posts[0] if self.recycled and self.posts else None


@dataclass(frozen=True, slots=True)
class Counts:
    """What the harvest did, for the earthquake as a whole."""

    posts: int
    posts_located: int
    pictures: int
    fetched: int
    failed: int
    near_duplicates: int
    scored: int
    damaged: int
    unsure: int
    not_damaged: int
    recycled: int


@dataclass(frozen=True, slots=True)
class ReportView:
    """Everything that one report shows.

    Attributes:
        pictures: Damaged and unsure ones, most probable first.
        latency_s: Seconds from post to flag over the flagged pictures: p50 and p95; None without flags.
        failures: Reason and count of the pictures that could not be fetched or read.
        notice: A warning to show on top of everything, such as that the sample is drawn; None without.
        window_end: Posts up to this time were asked for.
    """

    earthquake: Earthquake
    generated_at: datetime
    model: str
    model_note: str
    counts: Counts
    pictures: tuple[PictureRow, ...]
    latency_s: tuple[float, float] | None
    failures: tuple[tuple[str, int], ...]
    notice: str | None
    window_end: datetime | None


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where the report was written."""

    html: Filed
    geojson: Filed
    csv: Filed
