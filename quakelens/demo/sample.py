"""The drawn sample: labelled earthquakes to learn from and a live one to find, written by seed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quakelens.demo.sample_feed import ORIGIN_TIME, write_about, write_feeds
from quakelens.demo.sample_labelled import EVENTS, write_labelled
from quakelens.demo.sample_live import LIVE_PICTURES, write_live_pictures
from quakelens.demo.sample_posts import write_posts
from quakelens.demo.sample_products import write_products
from quakelens.errors import UsageError

VERSION = 5
"""Of the drawing: raised with any change of what is written, so that an older sample is written anew."""

__all__ = ["ORIGIN_TIME", "VERSION", "Counts", "Sample", "write_sample"]


@dataclass(frozen=True, slots=True)
class Counts:
    """What the sample holds.

    Attributes:
        earthquakes: Labelled ones.
        labelled: Labelled pictures.
        damaged: Labelled pictures that show damage.
        posts: Posts of the live earthquake.
        live_pictures: Distinct pictures of the live posts, without copies and broken files.
        live_damaged: Of these, those that show damage.
    """

    earthquakes: int
    labelled: int
    damaged: int
    posts: int
    live_pictures: int
    live_damaged: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Where the parts of the sample are."""

    directory: Path
    counts: Counts

    @property
    def manifest(self) -> Path:
        """Labelled pictures: `image,label,event,source,note`."""
        return self.directory / "labelled" / "manifest.csv"

    @property
    def live(self) -> Path:
        """Folder of the live earthquake; the posts' pictures are relative to it."""
        return self.directory / "live"

    @property
    def feed(self) -> Path:
        """A summary feed in the shape of USGS, as first announced."""
        return self.live / "feed.geojson"

    @property
    def feed_revised(self) -> Path:
        """The same feed some minutes later: another preferred id, a larger magnitude, an alert."""
        return self.live / "feed_revised.geojson"

    @property
    def products(self) -> Path:
        """What the detail of the live earthquake holds in the shape of USGS, see `read_products`."""
        return self.live / "products.json"

    @property
    def emsc(self) -> Path:
        """What the EMSC announces, in its own shape."""
        return self.live / "emsc.json"

    @property
    def posts(self) -> Path:
        """Posts in the order of their times, one JSON object a line."""
        return self.live / "posts.jsonl"

    @property
    def about(self) -> Path:
        """What time it is, which earthquake it is, and that all of it is drawn."""
        return self.live / "about.json"

    @property
    def truth(self) -> Path:
        """What the live pictures show: `image,label,copy_of`."""
        return self.live / "truth.csv"


def write_sample(
    directory: Path,
    *,
    seed: int = 7,
    pictures_per_earthquake: int = 40,
    others: int = 160,
    on_progress: Callable[[int, int], None] | None = None,
) -> Sample:
    """Write the sample, or return at once if the same one is there already.

    The same arguments give the same bytes. `sample.json` is written first as unfinished and last as
    complete; an unfinished or different sample is removed and written anew.

    Args:
        directory: Receives `labelled/`, `live/` and `sample.json`.
        seed: Of all randomness.
        pictures_per_earthquake: Labelled pictures an earthquake, 4 or more.
        others: Labelled pictures of no earthquake, 0 or more.
        on_progress: Called with how many pictures are drawn, and of how many.

    Raises:
        UsageError: A number is out of range, or the directory holds `labelled/` or `live/` that this
            function did not write.
    """
    if pictures_per_earthquake < 4 or others < 0:
        raise UsageError(
            f"pictures_per_earthquake={pictures_per_earthquake}, others={others}: give 4 or more, and 0 or more"
        )
    marker = directory / "sample.json"
    wanted = {
        "version": VERSION, "seed": seed, "pictures_per_earthquake": pictures_per_earthquake,
        "others": others,
    }  # fmt: skip
    found = _read_marker(marker)
    if found.get("arguments") == wanted and found.get("complete") is True:
        return Sample(directory, Counts(**found["counts"]))
    _clear(directory, marker)
    _write_marker(marker, {"arguments": wanted, "complete": False})

    drawn, total = 0, others + LIVE_PICTURES + len(EVENTS) * pictures_per_earthquake

    def one_more() -> None:
        nonlocal drawn
        drawn += 1
        if on_progress is not None:
            on_progress(drawn, total)

    labels = write_labelled(
        directory / "labelled", seed=seed, each=pictures_per_earthquake, others=others, drawn=one_more
    )
    live = directory / "live"
    pictures = write_live_pictures(live, seed=seed, drawn=one_more)
    write_feeds(live)
    write_products(live)
    posts = write_posts(live, pictures, seed=seed)
    write_about(live)
    counts = Counts(
        earthquakes=len(EVENTS),
        labelled=len(labels),
        damaged=labels.count("damaged"),
        posts=posts,
        live_pictures=len(pictures.distinct),
        live_damaged=sum(pictures.damaged(name) for name in pictures.distinct),
    )
    _write_marker(marker, {"arguments": wanted, "complete": True, "counts": asdict(counts)})
    return Sample(directory, counts)


def _read_marker(marker: Path) -> dict[str, Any]:
    try:
        found = json.loads(marker.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_marker(marker: Path, content: dict[str, object]) -> None:
    marker.parent.mkdir(parents=True, exist_ok=True)
    beside = marker.with_suffix(".json.tmp")
    beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    beside.replace(marker)


def _clear(directory: Path, marker: Path) -> None:
    """Remove an earlier sample; never a folder that something else wrote."""
    for name in ("labelled", "live"):
        part = directory / name
        if part.exists():
            if not marker.exists():
                raise UsageError(f"{part} exists and is no drawn sample: name another directory, or remove it")
            shutil.rmtree(part)
