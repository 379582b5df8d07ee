"""What a report shows, and what strangers' words cannot do to it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image
from report_views import Page, located, picture, post, read, table, three, view

from quakelens.errors import DiskFull
from quakelens.report.rows import CSV_COLUMNS
from quakelens.report.view import Counts, ReportView
from quakelens.report.write import write_report

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \u202egnp.exe 😱 & \"'"


def image_in(uri: str | None) -> tuple[Image.Image, bytes]:
    data = base64.b64decode((uri or "").split(",")[1])
    return Image.open(io.BytesIO(data)), data


@pytest.fixture
def sample(tmp_path: Path) -> ReportView:
    return three(tmp_path)


def test_the_page_asks_for_nothing_from_outside(sample: ReportView, tmp_path: Path) -> None:
    files = write_report(sample, tmp_path / "out")
    page = read(files)
    for tag, attrs in page.elements:
        for name in ("src", "srcset", "poster", "data", "action", "xlink:href", "background"):
            assert (attrs.get(name) or "data:").startswith("data:"), (tag, attrs)
        if tag == "link":
            assert attrs["href"] == "data:,"
        assert not [name for name in attrs if name.startswith("on")]
    html = files.html.read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|\bfetch\(|XMLHttpRequest|WebSocket|\bimport\(", html)
    assert not {"iframe", "object", "embed", "base"} & {tag for tag, _ in page.elements}


def test_only_the_pages_own_script_may_run(sample: ReportView, tmp_path: Path) -> None:
    html = write_report(sample, tmp_path).html.read_text(encoding="utf-8")
    policy = next(
        attrs["content"] or ""
        for attrs in Page(html).all("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    assert "img-src data:" in policy
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert len(scripts) == 1
    assert f"script-src 'sha256-{digest}'" in policy


def test_every_link_is_a_web_address_and_keeps_its_reader_private(sample: ReportView, tmp_path: Path) -> None:
    links = [a for a in read(write_report(sample, tmp_path)).all("a") if a.get("target")]
    # The agency, the first post of each, and the earlier post of the recycled one.
    assert len([a for a in links if a.get("href")]) == 5
    for attrs in links:
        assert attrs["rel"] == "noopener noreferrer"
        assert (attrs.get("href") or "https://").startswith(("https://", "http://"))


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)",
        "data:text/html,x", "//evil.example/x", "file:///etc/passwd", "http://", "https://[::1", "",
        "https://x.com@evil.example/", "https://x.com/\"onmouseover=alert(1)", "https://x.com/" + "a" * 5000,
    ],
)  # fmt: skip
def test_no_other_address_becomes_a_link_or_a_cell(url: str, tmp_path: Path) -> None:
    files = write_report(view(picture(tmp_path, 1, (post(1, url=url), post(2, url=url)))), tmp_path)
    assert [a.get("href") for a in read(files).all("a", "link")] == [None]
    assert [row["post_url"] for row in table(files)] == ["", ""]
    assert [p["shown"]["link"] for p in json.loads(read(files).data)["pictures"][0]["posts"]] == [None] * 2


def test_hostile_words_are_shown_and_do_nothing(tmp_path: Path) -> None:
    words: dict[str, object] = {"text": HOSTILE, "author": HOSTILE, "lang": HOSTILE}
    posts = (located(1, 38.2, 20.4, place=HOSTILE, **words), post(2, source=HOSTILE, **words))
    hostile = view(
        picture(tmp_path, 1, posts), notice=HOSTILE, model=HOSTILE, model_note=HOSTILE,
        failures=((HOSTILE, 1),),
    )  # fmt: skip
    quake = dataclasses.replace(hostile.earthquake, place=HOSTILE, url="javascript:alert(1)")
    plain = read(write_report(view(picture(tmp_path, 1, (located(1, 38.2, 20.4),))), tmp_path / "plain"))
    page = read(write_report(dataclasses.replace(hostile, earthquake=quake), tmp_path / "hostile"))
    assert len(page.all("script")) == len(plain.all("script")) == 2
    assert len(page.all("img")) == len(plain.all("img")) == 2
    assert "<script>alert(1)</script><img src=x onerror=alert(2)>" in page.text
    assert "\u202e" not in page.text + page.data
    assert json.loads(page.data)["pictures"][0]["posts"][1]["shown"]["text"].startswith("</script>")


def test_a_text_of_5000_characters_is_kept_whole_and_folded(tmp_path: Path) -> None:
    page = read(write_report(view(picture(tmp_path, 1, (post(1, text="ä" * 5000),))), tmp_path))
    assert "ä" * 5000 in page.text
    assert len(page.all("p", "clamp")) == 1


def test_pictures_are_small_jpegs_without_exif(sample: ReportView, tmp_path: Path) -> None:
    images = [a for a in read(write_report(sample, tmp_path)).all("img") if a.get("class") != "heat"]
    assert len(images) == 3
    for attrs in images:
        image, data = image_in(attrs["src"])
        assert (image.format, max(image.size)) == ("JPEG", 720)
        assert not image.getexif()
        assert b"CameraMaker" not in data
        assert attrs["loading"] == "lazy"


def test_the_heat_map_lies_over_what_the_model_saw(sample: ReportView, tmp_path: Path) -> None:
    heat = read(write_report(sample, tmp_path)).all("img", "heat")
    assert [a["style"] for a in heat] == ["left:16.67%;top:0.00%;width:66.67%;height:100.00%"] * 3
    image, data = image_in(heat[0]["src"])
    assert image.format == "PNG"
    assert len(data) <= 15_000
    alpha = image.convert("RGBA").getchannel("A")
    # Pillow's radial gradient is 0 in the middle and strongest in the corners.
    assert alpha.getpixel((alpha.width // 2, alpha.height // 2)) == 0
    assert alpha.getpixel((0, 0)) == 255


def test_a_broken_picture_and_a_missing_heat_map_stay_cards(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff not a picture")
    pictures = (
        picture(tmp_path, 1, (post(1),), file=broken),
        picture(tmp_path, 2, (post(2),), file=tmp_path / "gone.jpg"),
        picture(tmp_path, 3, (post(3),), heatmap=broken),
        picture(tmp_path, 4, (post(4),), heatmap=None, heatmap_box=None),
    )
    files = write_report(view(*pictures), tmp_path)
    page = read(files)
    assert len(page.all("article", "card")) == 4
    assert len(page.all("p", "broken")) == 2
    assert len(page.all("img")) == 2
    assert len(table(files)) == 4


def test_what_an_analyst_must_not_miss(sample: ReportView, tmp_path: Path) -> None:
    notice = "Drawn sample: nothing of this happened."
    page = read(write_report(dataclasses.replace(sample, notice=notice), tmp_path))
    assert [a["role"] for a in page.all("div", "notice")] == ["alert"]
    for words in (
        notice,
        "RECYCLED first posted 20 Nov 2026, 06:14:09 UTC, 2 d before the earthquake",
        "12 posts of 1,423 (0.8 %) have a location; most posts carry none",
        "9 h 41 min before this page was written",
        "PAGER orange",
        "MMI 8.1",
        "3 min 14 s median · 12 min 11 s 95th percentile",
        "flagged in 3 min 12 s",
        "2 near-duplicate files",
        "2 further posts",
        "Why 25 pictures failed",
    ):
        assert words in page.text, words
    assert [("data-veil" in a) for a in page.all("article", "card")] == [True, False, False]


def test_dots_stand_where_the_posts_are(sample: ReportView, tmp_path: Path) -> None:
    far = picture(tmp_path, 7, (located(40, 52.52, 13.4),))
    nowhere = picture(tmp_path, 8, (located(41, 95.0, 20.0), located(42, float("nan"), 20.0)))
    pictures = (*sample.pictures, far, nowhere)
    page = read(write_report(dataclasses.replace(sample, pictures=pictures), tmp_path))
    dots = {a["class"]: (float(a["data-x"] or ""), float(a["data-y"] or "")) for a in page.all("g", "spot")}
    # 0.17 degrees of longitude at 38.2 N are 14.9 km; 0.0246 of latitude are 2.7 km.
    assert dots["spot damaged point"] == pytest.approx((-14.86, 0.0), abs=0.05)
    assert dots["spot unsure place"] == pytest.approx((-9.74, 2.73), abs=0.05)
    assert len(dots) == 2
    assert "1 of them lies outside the map" in page.text


@pytest.mark.parametrize(
    ("scored", "posts", "words"),
    [(446, 1423, "Nothing flagged"), (0, 8, "No pictures yet"), (0, 0, "No posts yet")],
)
def test_an_empty_report_says_what_that_means(scored: int, posts: int, words: str, tmp_path: Path) -> None:
    counts = Counts(posts, 0, 0, 0, 0, 0, scored, 0, 0, scored, 0)
    files = write_report(view(counts=counts, latency_s=None, failures=()), tmp_path / "new" / "folder")
    page = read(files)
    assert words in page.text
    assert "No post so far says where it was made" in page.text
    assert page.all("article") == page.all("dialog") == []
    assert files.csv.read_text(encoding="utf-8") == ",".join(CSV_COLUMNS) + "\n"
    assert json.loads(files.geojson.read_text())["features"] == []


def test_an_earthquake_of_which_little_is_known(tmp_path: Path) -> None:
    bare = view()
    quake = dataclasses.replace(
        bare.earthquake, magnitude=None, magnitude_type=None, place=None, alert=None, mmi=None,
        depth_km=None, url=None, latitude=-17.9, longitude=179.6,
    )  # fmt: skip
    page = read(write_report(dataclasses.replace(bare, earthquake=quake), tmp_path))
    assert "us7000abcd" in page.text
    assert "None" not in page.text


def test_a_failed_write_leaves_the_former_report(
    sample: ReportView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_report(sample, tmp_path / "out")
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(before) == {files.html, files.geojson, files.csv}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFull, match="No space"):
        write_report(dataclasses.replace(sample, pictures=()), tmp_path / "out")
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
