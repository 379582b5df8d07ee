"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict
from functools import lru_cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from quakelens.report.cards import DECISIONS, SOURCES, cards, post_view
from quakelens.report.chart import Chart, draw
from quakelens.report.rows import COLUMNS, CSV_COLUMNS, position, properties
from quakelens.report.text import duration, iso, one_line, plural, share, since, utc, web_link
from quakelens.report.view import PictureRow, PostRow, ReportView

_STYLES = ("base.css", "map.css", "gallery.css", "print.css")
_SCRIPTS = ("words.js", "map.js", "gallery.js", "filter.js", "export.js", "viewer.js", "start.js")
_HOURS = (0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 72, 168)
"""Stops of the time filter, hours after the origin time."""


def render(view: ReportView) -> str:
    """The whole page: styles, scripts, map and pictures inside; it asks for nothing from outside.

    Scripts run only if their hash is in the page's Content-Security-Policy, so that markup which a
    stranger's text might smuggle in could still not run.
    """
    chart = draw(view)
    script = f"(() => {{\n'use strict';\n{_static(_SCRIPTS)}\n}})();"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    quake = view.earthquake
    return _environment().get_template("index.html.jinja").render(
        view=view,
        quake=quake,
        counts=view.counts,
        title=one_line(quake.title),
        place=one_line(quake.place) or quake.id,
        quake_link=web_link(quake.url),
        chart=chart,
        cards=cards(view),
        decisions=[(key, name) for key, name in DECISIONS.items() if _has(view, key)],
        sources=_options(view, "source"),
        languages=_options(view, "lang"),
        hours=_stops(view),
        located_share=share(view.counts.posts_located, view.counts.posts),
        style=Markup(_static(_STYLES)),
        script=Markup(script),
        script_hash=digest,
        data=Markup(_json(_data(view, chart))),
    )  # fmt: skip


def _data(view: ReportView, chart: Chart) -> dict[str, Any]:
    origin = view.earthquake.origin_time
    return {
        "earthquake": view.earthquake.id,
        "origin": iso(origin),
        "columns": COLUMNS,
        "csv_columns": CSV_COLUMNS,
        "hours": _stops(view),
        "map": {
            "half": chart.half_km,
            "reach": chart.reach_km,
            "latitude": view.earthquake.latitude,
            "longitude": view.earthquake.longitude,
            "towns": [[t.name, t.x, t.y, t.population] for t in chart.towns],
        },
        "pictures": [
            {
                "posts": [_post(view, chart, picture, post) for post in picture.posts],
                "probability": picture.probability,
                "decision": picture.decision,
                "recycled": picture.recycled,
            }
            for picture in view.pictures
        ],
    }


def _post(view: ReportView, chart: Chart, picture: PictureRow, post: PostRow) -> dict[str, Any]:
    at = position(post)
    return {
        "row": properties(view, picture, post),
        "at": at,
        "spot": chart.spot_of.get((post.source, post.id)) if at else None,
        "seconds": round((post.created_at - view.earthquake.origin_time).total_seconds()),
        "shown": asdict(post_view(post, view.earthquake.origin_time)),
    }


def _json(data: dict[str, Any]) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _has(view: ReportView, decision: str) -> bool:
    return any(picture.decision == decision for picture in view.pictures)


def _options(view: ReportView, field: str) -> list[tuple[str, str]]:
    """Values that occur, the most frequent first, with their name and count."""
    found: dict[str, int] = {}
    for picture in view.pictures:
        for post in picture.posts:
            value = one_line(getattr(post, field))
            if value:
                found[value] = found.get(value, 0) + 1
    names = SOURCES if field == "source" else {}
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [(value, f"{names.get(value, value)} ({count})") for value, count in ordered]


def _stops(view: ReportView) -> list[float]:
    origin = view.earthquake.origin_time
    ages = [(post.created_at - origin).total_seconds() / 3600 for picture in view.pictures for post in picture.posts]
    last = max(ages, default=0.0)
    stops = [float(hours) for hours in _HOURS]
    return [hours for hours, shorter in zip(stops, [0.0, *stops], strict=False) if shorter < last]


def _static(names: tuple[str, ...]) -> str:
    folder = resources.files("quakelens.report") / "static"
    return "\n".join((folder / name).read_text(encoding="utf-8").strip() for name in names)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("quakelens.report", "templates"),
        autoescape=select_autoescape(["jinja", "html", "svg"], default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(utc=utc, iso=iso, duration=duration, one_line=one_line)
    environment.globals.update(plural=plural, since=since)
    return environment
