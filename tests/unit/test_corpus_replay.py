"""A corpus with a replay beside it becomes what the demo's stand-ins serve."""

import json
from pathlib import Path

import pytest

from quakelens.demo.corpus import EVENT, corpus_replay
from quakelens.demo.servers import XApi
from quakelens.earthquakes.usgs import parse_feed
from quakelens.errors import UsageError
from quakelens.sources.x import XSource


def corpus(folder: Path) -> Path:
    (folder / "dev").mkdir()
    (folder / "dev" / "manifest.csv").write_text("image,label,event,source\n", encoding="utf-8")
    posts = [
        {
            "id": str(591900000000000000 + 1_000_000_000_000 * number),
            "created_at": f"2015-04-25T{8 + number:02}:00:00+00:00",
            "author": f"u_{number:010x}",
            "text": f"Earthquake {number}",
            "event_tag": "nepal" if number else "eclipse",
            "images": [
                {"file": f"images/{number}.jpg", "label": "damaged"},
                {"file": None, "label": "not_damaged"},
            ],
        }
        for number in range(4)
    ]
    (folder / "replay").mkdir()
    lines = "".join(json.dumps(post) + "\n" for post in posts)
    (folder / "replay" / "posts.jsonl").write_text(lines, encoding="utf-8")
    return folder / "dev"


def test_the_replay_can_be_harvested(tmp_path: Path) -> None:
    material = corpus_replay(corpus(tmp_path), tmp_path / "out")
    assert material.held_out == (EVENT,)
    (earthquake,) = parse_feed(material.feed.read_bytes()).earthquakes
    assert earthquake.id == "us20002926"
    assert material.truth.read_text(encoding="utf-8").splitlines()[1:] == [
        f"images/{number}.jpg,damaged" for number in (1, 2, 3)
    ]
    with XApi(material.posts, token="t", now=material.now, images_root=material.images) as x:
        source = XSource(base_url=x.url, bearer_token="t")
        page = source.search(
            "earthquake has:media", start_time=earthquake.origin_time, end_time=None, since_id=None,
            next_token=None, page_size=10,
        )  # fmt: skip
        posts = source.parse(page.raw).posts
    assert [post.text for post in posts] == ["Earthquake 3", "Earthquake 2", "Earthquake 1"]
    assert all(len(post.media) == 1 for post in posts)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    folder = corpus(tmp_path)
    (tmp_path / "replay" / "posts.jsonl").write_text('{"id": "1"}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="not in the form of a replay"):
        corpus_replay(folder, tmp_path / "out")
    (tmp_path / "replay" / "posts.jsonl").unlink()
    with pytest.raises(UsageError, match=r"posts\.jsonl is missing"):
        corpus_replay(folder, tmp_path / "out")
    (folder / "manifest.csv").unlink()
    with pytest.raises(UsageError, match=r"manifest\.csv is missing"):
        corpus_replay(folder, tmp_path / "out")
