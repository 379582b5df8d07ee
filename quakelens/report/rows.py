"""The report as a table, one row for each picture of each post: GeoJSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from typing import Any

from quakelens.report.text import csv_text, iso, one_line, web_link
from quakelens.report.view import PictureRow, PostRow, ReportView

COLUMNS = (
    "earthquake",
    "source",
    "post_id",
    "post_url",
    "posted_at",
    "picture_sha256",
    "decision",
    "probability",
    "model",
    "recycled",
    "near_duplicates",
    "location_kind",
    "place",
    "lang",
    "first_seen",
    "scored_at",
    "earlier_post",
    "earlier_source",
    "earlier_earthquake",
)
"""Properties of a GeoJSON feature, and the CSV's columns before latitude and longitude."""

CSV_COLUMNS = (*COLUMNS, "latitude", "longitude")


def position(post: PostRow) -> tuple[float, float] | None:
    """Latitude and longitude in degrees; None without both or if either cannot be on Earth."""
    if post.latitude is None or post.longitude is None:
        return None
    if not (math.isfinite(post.latitude) and math.isfinite(post.longitude)):
        return None
    if abs(post.latitude) > 90 or abs(post.longitude) > 180:
        return None
    return round(post.latitude, 5), round(post.longitude, 5)


def properties(view: ReportView, picture: PictureRow, post: PostRow) -> dict[str, Any]:
    """One row under `COLUMNS`. No text and no author: networks allow ids and links to be passed on.

    Of a recycled picture, `first_seen` is when its oldest post was made, `earlier_post` the link to that,
    `earlier_source` its network, and `earlier_earthquake` the id of the other earthquake, if any, for which
    it was harvested.

    `near_duplicates` counts the other files of the picture's group; `post_url`, `place`, `lang` and
    `location_kind` are None where unknown; times are ISO 8601 in UTC; `probability` has 4 decimals.
    """
    located = position(post) is not None
    earlier = picture.earlier
    return {
        "earthquake": view.earthquake.id,
        "source": one_line(post.source),
        "post_id": one_line(post.id),
        "post_url": web_link(post.url),
        "posted_at": iso(post.created_at),
        "picture_sha256": picture.sha256,
        "decision": picture.decision,
        "probability": round(picture.probability, 4),
        "model": picture.model,
        "recycled": picture.recycled,
        "near_duplicates": picture.copies - 1,
        "location_kind": post.location_kind if located else None,
        "place": one_line(post.place) or None,
        "lang": one_line(post.lang) or None,
        "first_seen": iso(picture.first_seen),
        "scored_at": iso(picture.scored_at),
        "earlier_post": None if earlier is None else web_link(earlier.url),
        "earlier_source": None if earlier is None else one_line(earlier.source),
        "earlier_earthquake": picture.earlier_earthquake.id if picture.earlier_earthquake else None,
    }


def geojson(view: ReportView) -> str:
    """A FeatureCollection (RFC 7946) with one feature for each picture of each post.

    `geometry` is a Point where the post is located and null elsewhere; `location_kind` says whether
    the point is the post's own (`point`) or the centre of a named place (`place`). The properties are
    those of `COLUMNS`.
    """
    features = [
        {
            "type": "Feature",
            "geometry": None if at is None else {"type": "Point", "coordinates": [at[1], at[0]]},
            "properties": row,
        }
        for row, at in _rows(view)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)


def csv_table(view: ReportView) -> str:
    """`CSV_COLUMNS` with a header; text that a spreadsheet could run as a formula is disarmed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for row, at in _rows(view):
        cells = [_cell(row[name]) for name in COLUMNS]
        writer.writerow(cells + (["", ""] if at is None else [f"{at[0]:.5f}", f"{at[1]:.5f}"]))
    return out.getvalue()


def _rows(view: ReportView) -> Iterator[tuple[dict[str, Any], tuple[float, float] | None]]:
    for picture in view.pictures:
        for post in picture.posts:
            yield properties(view, picture, post), position(post)


def _cell(value: object) -> str:
    # Numbers are ours and may be negative; only text can hold a formula of a stranger.
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.4f}"
    return str(value) if isinstance(value, int) else csv_text(str(value))
