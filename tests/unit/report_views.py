"""Small reports for tests, with pictures drawn here."""

from __future__ import annotations

import csv
import dataclasses
import io
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

from PIL import Image

from quakelens.earthquakes import Earthquake
from quakelens.report.view import Counts, PictureRow, PostRow, ReportFiles, ReportView

ORIGIN = datetime(2026, 11, 22, 6, 14, 9, tzinfo=UTC)


def post(number: int, **changes: object) -> PostRow:
    row = PostRow(
        source="x", id=str(1900000000000000000 + number), url=f"https://x.com/a/status/{number}",
        author="someone", text=f"words of post {number}", created_at=ORIGIN + timedelta(minutes=number),
        lang="el", latitude=None, longitude=None, place=None, location_kind=None, is_repost=False,
        sensitive=False,
    )  # fmt: skip
    return dataclasses.replace(row, **changes)  # type: ignore[arg-type]


def located(number: int, latitude: float, longitude: float, **changes: object) -> PostRow:
    given: dict[str, object] = {"place": "Lixouri", "location_kind": "point", **changes}
    return post(number, latitude=latitude, longitude=longitude, **given)


def picture(folder: Path, number: int, posts: tuple[PostRow, ...], **changes: object) -> PictureRow:
    file = folder / f"{number}.jpg"
    image = Image.linear_gradient("L").resize((900, 600)).convert("RGB")
    exif = Image.Exif()
    exif[0x010F] = "CameraMakerOfTheAuthor"
    image.save(file, exif=exif)
    heat = folder / f"{number}.png"
    Image.radial_gradient("L").resize((224, 224)).save(heat)
    row = PictureRow(
        sha256=f"{number:064x}", file=file, heatmap=heat, heatmap_box=(1 / 6, 0.0, 5 / 6, 1.0),
        decision="damaged", probability=0.9, model="quakelens v3", width=900, height=600, posts=posts,
        copies=1, first_seen=posts[0].created_at, recycled=False, fetched_at=ORIGIN,
        scored_at=posts[0].created_at + timedelta(seconds=192),
    )  # fmt: skip
    return dataclasses.replace(row, **changes)  # type: ignore[arg-type]


def view(*pictures: PictureRow, **changes: object) -> ReportView:
    quake = Earthquake(
        id="us7000abcd", ids=("us7000abcd",), origin_time=ORIGIN, latitude=38.2, longitude=20.6,
        depth_km=11.0, magnitude=6.4, magnitude_type="mww", place="9 km ENE of Argostólion, Greece",
        alert="orange", mmi=8.1, updated=ORIGIN, url="https://earthquake.example/us7000abcd",
    )  # fmt: skip
    counts = Counts(
        posts=1423, posts_located=12, pictures=612, fetched=587, failed=25, near_duplicates=141,
        scored=446, damaged=17, unsure=13, not_damaged=416, recycled=2,
    )  # fmt: skip
    made = ReportView(
        earthquake=quake, generated_at=ORIGIN + timedelta(hours=9, minutes=41), model="quakelens v3",
        model_note="held out: 0.87", counts=counts, pictures=pictures, latency_s=(194.0, 731.0),
        failures=(("gone", 19), ("timeout", 6)), notice=None, window_end=None,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def three(folder: Path) -> ReportView:
    """A damaged, an unsure and a recycled picture; six posts, two of them located."""
    return view(
        picture(folder, 1, (post(10, sensitive=True), located(12, 38.2, 20.43), post(700)), copies=3),
        picture(
            folder, 2, (located(20, 38.1754, 20.4886, location_kind="place", lang="en"),),
            decision="unsure", probability=0.41,
        ),
        picture(
            folder, 3, (post(-2880), post(30, source="bluesky")), recycled=True, probability=0.7,
        ),
    )  # fmt: skip


class Page(HTMLParser):
    """Elements and visible text of a page; asserts that elements are closed as they were opened."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.data = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.data = self.data or data
        elif self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str, of_class: str = "") -> list[dict[str, str | None]]:
        return [
            attrs
            for name, attrs in self.elements
            if name == tag and of_class in ["", *(attrs.get("class") or "").split()]
        ]


def read(files: ReportFiles) -> Page:
    return Page(files.html.read_text(encoding="utf-8"))


def table(files: ReportFiles) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files.csv.read_text(encoding="utf-8"), newline="")))
