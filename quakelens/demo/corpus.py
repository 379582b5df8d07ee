"""Real photographs and a replay of real posts, where a corpus of them is at hand.

The corpus is a folder with `manifest.csv`; beside it lies `replay/` with `posts.jsonl` (a post a line: `id`,
`created_at`, `author`, `text`, `event_tag`, `images` with `file` and `label`) and the posts' pictures.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from quakelens.demo.material import Material
from quakelens.errors import UsageError
from quakelens.files import write_atomically, write_json

EVENT = "2015-nepal"
"""The replayed earthquake: kept from training, as the next earthquake would be."""

TAG = "nepal"

# As the USGS lists it: https://earthquake.usgs.gov/earthquakes/eventpage/us20002926
ORIGIN_TIME = datetime.fromisoformat("2015-04-25T06:11:25.950+00:00")
NOW = ORIGIN_TIME + timedelta(hours=72)
FEATURE: dict[str, Any] = {
    "type": "Feature",
    "id": "us20002926",
    "properties": {
        "mag": 7.8,
        "magType": "mww",
        "place": "67 km NNE of Bharatpur, Nepal",
        "time": int(ORIGIN_TIME.timestamp() * 1000),
        "updated": int((ORIGIN_TIME + timedelta(hours=1)).timestamp() * 1000),
        "url": "https://earthquake.usgs.gov/earthquakes/eventpage/us20002926",
        "alert": "red",
        "mmi": 8.6,
        "status": "reviewed",
        "ids": ",us20002926,",
        "type": "earthquake",
    },
    "geometry": {"type": "Point", "coordinates": [84.7314, 28.2305, 8.22]},
}

NOTICE = (
    "Replay of real posts of the Nepal earthquake of 25 April 2015, with pseudonymous authors. They share few "
    "pictures, many of them misattributed. The model was trained on other earthquakes only."
)


def corpus_replay(corpus: Path, folder: Path) -> Material:
    """Bring the replay beside a corpus into the form that the stand-ins serve.

    Raises:
        UsageError: The corpus or the replay is not there, or not in the stated form.
    """
    manifest, replay = corpus / "manifest.csv", corpus.parent / "replay"
    for path in (manifest, replay / "posts.jsonl"):
        if not path.is_file():
            raise UsageError(f"{path} is missing: --corpus takes a folder with manifest.csv, and replay/ beside it")
    try:
        posts = list(_posts(replay / "posts.jsonl"))
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{replay / 'posts.jsonl'} is not in the form of a replay: {error!r}") from error
    with write_atomically(folder / "posts.jsonl") as file:
        for post in posts:
            public = {key: value for key, value in post.items() if key != "labels"}
            file.write(json.dumps(public, ensure_ascii=False).encode() + b"\n")
    _write_truth(folder / "truth.csv", posts)
    generated = int(NOW.timestamp() * 1000)
    feed = {"type": "FeatureCollection", "metadata": {"generated": generated, "count": 1}, "features": [FEATURE]}
    write_json(folder / "feed.geojson", feed)
    return Material(
        manifest=manifest,
        feed=folder / "feed.geojson",
        feed_revised=None,
        emsc=None,
        products=None,
        posts=folder / "posts.jsonl",
        images=replay,
        truth=folder / "truth.csv",
        now=NOW,
        held_out=(EVENT,),
        notice=NOTICE,
    )


def _posts(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            saved = json.loads(line)
            shown = [image for image in saved["images"] if image["file"]]
            if saved["event_tag"] == TAG:
                yield {
                    "id": saved["id"],
                    "created_at": saved["created_at"],
                    "author": saved["author"],
                    "author_id": saved["author"].removeprefix("u_"),
                    "text": saved["text"],
                    "lang": "und",
                    "coordinates": None,
                    "place": None,
                    "repost_of": None,
                    "sensitive": False,
                    "images": [image["file"] for image in shown],
                    "labels": {image["file"]: image["label"] for image in shown},
                }


def _write_truth(path: Path, posts: list[dict[str, Any]]) -> None:
    labels: dict[str, str] = {}
    for post in posts:
        labels |= post["labels"]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("image", "label"))
    writer.writerows(sorted(labels.items()))
    with write_atomically(path) as file:
        file.write(table.getvalue().encode())
