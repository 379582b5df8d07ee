"""The drawn sample: same bytes, whole or redone, broken where it says so."""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from quakelens import images
from quakelens.demo.drawing import KINDS, TOWNS, draw_picture, draw_second_view
from quakelens.demo.sample import ORIGIN_TIME, Sample, write_sample
from quakelens.demo.sample_feed import IDS
from quakelens.demo.sample_live import BROKEN, MISSING, RECYCLED
from quakelens.demo.sample_texts import CALM, CLAIM, DAMAGE
from quakelens.errors import ImageError, UsageError
from quakelens.params import read_params

SMALL = {"pictures_per_earthquake": 4, "others": 3}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return write_sample(tmp_path_factory.mktemp("sample") / "it", **SMALL)


def digest(directory: Path) -> dict[str, str]:
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def manifest(sample: Sample) -> list[dict[str, str]]:
    with sample.manifest.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def posts(sample: Sample) -> list[dict[str, object]]:
    return [json.loads(line) for line in sample.posts.read_text(encoding="utf-8").splitlines()]


def when(post: dict[str, object]) -> datetime:
    return datetime.fromisoformat(str(post["created_at"]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_picture_and_another_seed_another(kind: str) -> None:
    town = TOWNS["kesmir"]
    first, again, other = (draw_picture(kind, town, Random(seed)) for seed in ("a", "a", "b"))
    assert first.mode == "RGB"
    assert 320 <= min(first.size) <= max(first.size) <= 900
    assert first.tobytes() == again.tobytes()
    assert first.size != other.size or first.tobytes() != other.tobytes()
    assert np.asarray(first.convert("L"), float).std() > 8


def test_a_second_view_differs_from_the_first() -> None:
    first = draw_picture("damaged", TOWNS["arvela"], Random("scene"))
    second = draw_second_view("damaged", TOWNS["arvela"], Random("scene"), Random("view"))
    assert first.size != second.size or first.tobytes() != second.tobytes()


def test_six_earthquakes_hold_both_classes_and_every_picture_is_readable(sample: Sample) -> None:
    rows = manifest(sample)
    assert len(rows) == sample.counts.labelled == 6 * 4 + 3
    labels = defaultdict(set)
    for row in rows:
        labels[row["event"]].add(row["label"])
        images.decode((sample.manifest.parent / row["image"]).read_bytes())
    assert labels.pop("none") == {"not_damaged"}
    assert len(labels) == 6
    assert all(found == {"damaged", "not_damaged"} for found in labels.values())
    assert all(event.startswith("sample-") for event in labels)
    assert {row["note"] for row in rows} == {"drawn sample"}
    assert len({row["image"] for row in rows}) == len(rows)


def test_a_complete_sample_is_returned_at_once_and_left_alone(sample: Sample) -> None:
    before = {path: path.stat().st_mtime_ns for path in sample.directory.rglob("*")}
    calls: list[tuple[int, int]] = []
    start = time.perf_counter()
    again = write_sample(sample.directory, on_progress=lambda *at: calls.append(at), **SMALL)
    assert time.perf_counter() - start < 0.2
    assert again == sample
    assert calls == []
    assert {path: path.stat().st_mtime_ns for path in sample.directory.rglob("*")} == before


class Killed(BaseException):
    """Stands for the end of the process."""


def kill_at(picture: int) -> Callable[[int, int], None]:
    def on_progress(done: int, total: int) -> None:
        if done == picture:
            raise Killed

    return on_progress


def test_a_half_written_sample_is_redone_with_the_same_bytes_as_a_whole_one(sample: Sample, tmp_path: Path) -> None:
    directory = tmp_path / "it"
    with pytest.raises(Killed):
        write_sample(directory, on_progress=kill_at(5), **SMALL)
    (directory / "labelled" / "images" / "stray.jpg").write_bytes(b"left over")
    seen: list[tuple[int, int]] = []
    done = write_sample(directory, on_progress=lambda *at: seen.append(at), **SMALL)
    assert done.counts == sample.counts
    assert digest(directory) == digest(sample.directory)
    assert seen == [(number, len(seen)) for number in range(1, len(seen) + 1)]


def test_another_seed_gives_other_pictures(sample: Sample, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        write_sample(tmp_path, seed=8, on_progress=kill_at(2), **SMALL)
    made = list((tmp_path / "labelled").rglob("*.jpg"))
    assert len(made) == 2
    for path in made:
        assert path.read_bytes() != (sample.directory / path.relative_to(tmp_path)).read_bytes()


def test_a_folder_of_somebody_else_is_refused_and_kept(tmp_path: Path) -> None:
    kept = tmp_path / "labelled" / "mine.csv"
    kept.parent.mkdir()
    kept.write_text("image,label\n")
    with pytest.raises(UsageError, match="no drawn sample"):
        write_sample(tmp_path, **SMALL)
    assert kept.read_text() == "image,label\n"


@pytest.mark.parametrize("wrong", [{"pictures_per_earthquake": 3}, {"others": -1}])
def test_numbers_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        write_sample(tmp_path / "it", **wrong)
    assert not (tmp_path / "it").exists()


def test_the_feed_announces_one_earthquake_that_matters_and_then_revises_it(sample: Sample) -> None:
    trigger = read_params(Path(__file__).parents[2] / "params.yaml").trigger

    def matters(feature: dict[str, dict[str, object]]) -> bool:
        found, depth = feature["properties"], feature["geometry"]["coordinates"][2]
        return found["type"] == "earthquake" and (
            found["alert"] in trigger.alerts
            or (found["mmi"] or 0) >= trigger.min_mmi
            or ((found["mag"] or 0) >= trigger.min_magnitude and (depth or 0) <= trigger.max_depth_km)
        )

    first, revised = (json.loads(path.read_text()) for path in (sample.feed, sample.feed_revised))
    for feed in (first, revised):
        assert feed["type"] == "FeatureCollection"
        assert feed["metadata"]["count"] == len(feed["features"]) == 6
        assert feed["metadata"]["status"] == 200
        for feature in feed["features"]:
            found = feature["properties"]
            assert feature["id"] == found["net"] + found["code"]
            assert f",{feature['id']}," in found["ids"]
            assert "DRAWN SAMPLE" in found["title"]
            assert found["updated"] <= feed["metadata"]["generated"]
    (before,) = filter(matters, first["features"])
    (after,) = filter(matters, revised["features"])
    assert (before["id"], after["id"]) == IDS
    assert before["properties"]["ids"] == after["properties"]["ids"]
    assert before["properties"]["time"] == after["properties"]["time"] == ORIGIN_TIME.timestamp() * 1000
    assert before["properties"]["updated"] < after["properties"]["updated"]
    picked = [(f["properties"]["mag"], f["properties"]["alert"], f["properties"]["mmi"]) for f in (before, after)]
    assert picked == [(6.4, None, None), (6.5, "orange", 7.9)]


def test_posts_come_in_order_with_growing_ids_that_hold_their_times(sample: Sample) -> None:
    found = posts(sample)
    assert len(found) == sample.counts.posts
    ids = [int(str(post["id"])) for post in found]
    assert ids == sorted(set(ids))
    assert [when(post) for post in found] == sorted(when(post) for post in found)
    for post, number in zip(found, ids, strict=True):
        assert (number >> 22) + 1_288_834_974_657 == round(when(post).timestamp() * 1000)
    hours = [(when(post) - ORIGIN_TIME).total_seconds() / 3600 for post in found]
    assert sum(hour < 0 for hour in hours) == 2
    assert max(hours) < 8


def test_posts_are_of_every_sort_that_a_network_sends(sample: Sample) -> None:
    found = posts(sample)
    by_id = {post["id"]: post for post in found}
    reposts = [post for post in found if post["repost_of"]]
    assert len(reposts) >= 10
    for post in reposts:
        original = by_id[post["repost_of"]]
        assert post["images"] == original["images"]
        assert when(post) > when(original)
        assert post["author"] != original["author"]
    used = Counter(name for post in found for name in post["images"])  # type: ignore[attr-defined]
    assert max(used.values()) > 1
    assert any(len(post["images"]) > 1 for post in found)  # type: ignore[arg-type]
    assert any(post["coordinates"] for post in found)
    assert any(post["place"] for post in found)
    assert any(not post["images"] for post in found)
    assert all("drawn sample" in str(post["text"]) for post in found)
    assert len({post["lang"] for post in found}) >= 5
    recycled = [when(post) for post in found if post["images"] == [RECYCLED]]
    assert min(recycled) < ORIGIN_TIME < max(recycled)


def test_every_text_names_an_earthquake_in_its_language() -> None:
    words = read_params(Path(__file__).parents[2] / "params.yaml").harvest.words
    texts = [(lang, text) for group in (DAMAGE, CALM) for lang, all_of in group.items() for text in all_of]
    for lang, text in (*texts, *CLAIM):
        assert any(word.lower() in text.lower() for word in words[lang].earthquake), text


def test_every_posted_picture_is_readable_or_broken_as_declared(sample: Sample) -> None:
    names = {str(name) for post in posts(sample) for name in post["images"]}  # type: ignore[attr-defined]
    with sample.truth.open(newline="", encoding="utf-8") as file:
        truth = {row["image"]: row for row in csv.DictReader(file)}
    assert names == set(truth) | set(BROKEN)
    for name in names - set(BROKEN):
        images.decode((sample.live / name).read_bytes())
    for name, reason in BROKEN.items():
        with pytest.raises(ImageError) as caught:
            images.decode(images.read_bytes(sample.live / name))
        assert caught.value.reason == reason
    assert not (sample.live / MISSING).exists()
    for row in truth.values():
        if row["copy_of"]:
            assert row["label"] == truth[row["copy_of"]]["label"]
    distinct = [row for row in truth.values() if not row["copy_of"]]
    assert len(distinct) == sample.counts.live_pictures
    assert sum(row["label"] == "damaged" for row in distinct) == sample.counts.live_damaged == 21


def test_some_live_files_are_cmyk_turned_with_gps_and_animated(sample: Sample) -> None:
    modes, turned, frames = set(), 0, 0
    for path in (sample.live / "images").iterdir():
        if path.name in {Path(name).name for name in BROKEN}:
            continue
        with Image.open(path) as image:
            modes.add(image.mode)
            frames = max(frames, getattr(image, "n_frames", 1))
            exif = image.getexif()
            if exif.get(0x0112) == 6:
                turned += 1
                assert exif.get_ifd(0x8825)[1] == "N"
    assert "CMYK" in modes
    assert turned == 1
    assert frames == 2


def test_about_says_what_time_it_is_and_that_it_is_drawn(sample: Sample) -> None:
    about = json.loads(sample.about.read_text())
    assert datetime.fromisoformat(about["now"]) > max(when(post) for post in posts(sample))
    assert about["earthquake_ids"] == list(IDS)
    assert "drawn sample" in about["notice"]
