"""One card of the gallery for each picture: what it shows, ready for the template."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from quakelens.errors import ImageError
from quakelens.report.pictures import heat_overlay, thumbnail
from quakelens.report.text import clean, duration, one_line, plural, since, utc, utc_short, web_link
from quakelens.report.view import PictureRow, PostRow, ReportView

_log = logging.getLogger(__name__)

DECISIONS = {"damaged": "Damaged", "unsure": "Unsure", "not_damaged": "Not damaged"}
SOURCES = {"x": "X", "bluesky": "Bluesky", "mastodon": "Mastodon"}
_LONG_TEXT = 280


@dataclass(frozen=True, slots=True)
class PostView:
    """One post for people; `link` is None where its address is no plain web address."""

    source: str
    author: str
    when: str
    since: str
    place: str
    located: str
    lang: str
    text: str
    long: bool
    link: str | None
    repost: bool


@dataclass(frozen=True, slots=True)
class Card:
    """One picture for people.

    Attributes:
        image: JPEG data URI, None if the file cannot be shown; `problem` says why.
        heat: PNG data URI of the heat map, None without.
        heat_style: Where the heat map lies, as CSS percentages of the picture.
        percent: Probability in percent, for the bar.
        delay: Time from the first post to the flag; None where that says nothing.
        warning: For a recycled picture: when and where it was posted before the earthquake.
        warning_link: The post that shows it; None where its address is no plain web address.
    """

    index: int
    anchor: str
    image: str | None
    problem: str | None
    heat: str | None
    heat_style: str
    width: int
    height: int
    decision: str
    decision_name: str
    probability: str
    percent: float
    posts: int
    duplicates: str | None
    located: str | None
    sensitive: bool
    first_seen: str
    first_since: str
    first_short: str
    delay: str | None
    warning: str | None
    warning_link: str | None
    model: str
    first: PostView


def cards(view: ReportView) -> list[Card]:
    """A card for each picture, in the order of the view; a picture that cannot be read stays a card."""
    return [_card(view, index, picture) for index, picture in enumerate(view.pictures)]


def post_view(post: PostRow, origin: datetime) -> PostView:
    """A post's words and times for people, all of it cleaned."""
    text = clean(post.text)
    return PostView(
        source=_network(post),
        author=one_line(post.author),
        when=utc(post.created_at),
        since=since(origin, post.created_at),
        place=one_line(post.place),
        located=_located(post),
        lang=one_line(post.lang),
        text=text,
        long=len(text) > _LONG_TEXT or text.count("\n") > 4,
        link=web_link(post.url),
        repost=post.is_repost,
    )


def _card(view: ReportView, index: int, picture: PictureRow) -> Card:
    origin = view.earthquake.origin_time
    image, problem = _image(picture, len(view.pictures))
    heat = _heat(picture)
    wait = (picture.scored_at - picture.first_seen).total_seconds()
    return Card(
        index=index,
        anchor=f"picture-{picture.sha256[:12]}",
        image=image,
        problem=problem,
        heat=heat,
        heat_style=_place(picture.heatmap_box),
        width=max(1, picture.width),
        height=max(1, picture.height),
        decision=picture.decision,
        decision_name=DECISIONS.get(picture.decision, picture.decision),
        probability=f"{picture.probability:.2f}",
        percent=round(100 * picture.probability, 1),
        posts=len(picture.posts),
        duplicates=plural(picture.copies - 1, "near-duplicate file") if picture.copies > 1 else None,
        located=next((kind for kind in map(_located, picture.posts) if kind), None),
        sensitive=any(post.sensitive for post in picture.posts),
        first_seen=utc(picture.first_seen),
        first_since=since(origin, picture.first_seen),
        first_short=(utc if picture.recycled else utc_short)(picture.first_seen),
        delay=duration(wait) if wait >= 0 and not picture.recycled else None,
        warning=_warning(picture, origin),
        warning_link=None if picture.earlier is None else web_link(picture.earlier.url),
        model=picture.model,
        first=post_view(picture.posts[0], origin) if picture.posts else _NO_POST,
    )


def _warning(picture: PictureRow, origin: datetime) -> str | None:
    if not picture.recycled:
        return None
    told = [f"first posted {utc(picture.first_seen)}"]
    if picture.first_seen < origin:
        told.append(f"{since(origin, picture.first_seen)} the earthquake")
    if picture.earlier is not None:
        place = one_line(picture.earlier.place)
        told.append(f"on {_network(picture.earlier)}" + (f" from {place}" if place else ""))
    if picture.earlier_earthquake is not None:
        told.append(f"harvested for {one_line(picture.earlier_earthquake.title)}")
    return ", ".join(told)


def _network(post: PostRow) -> str:
    return SOURCES.get(post.source, one_line(post.source))


_NO_POST = PostView("", "", "", "", "", "", "", "", False, None, False)


def _located(post: PostRow) -> str:
    if post.latitude is None or post.longitude is None:
        return ""
    return "exact point" if post.location_kind == "point" else "place centre"


def _image(picture: PictureRow, count: int) -> tuple[str | None, str | None]:
    try:
        return thumbnail(picture.file, pictures=count), None
    except ImageError as error:
        _log.warning("picture %s is not shown in the report: %s", picture.sha256, error)
        return None, f"This picture cannot be shown ({error.reason.replace('_', ' ')})."


def _heat(picture: PictureRow) -> str | None:
    if picture.heatmap is None or picture.heatmap_box is None:
        return None
    try:
        return heat_overlay(picture.heatmap)
    except ImageError as error:
        _log.warning("the heat map of %s is not shown in the report: %s", picture.sha256, error)
        return None


def _place(box: tuple[float, float, float, float] | None) -> str:
    left, top, right, bottom = box or (0.0, 0.0, 1.0, 1.0)
    return (
        f"left:{100 * left:.2f}%;top:{100 * top:.2f}%;"
        f"width:{100 * (right - left):.2f}%;height:{100 * (bottom - top):.2f}%"
    )
