"""What a demo runs on: labelled pictures to learn from, and an earthquake that then happens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quakelens.demo.sample import write_sample
from quakelens.progress import Report


@dataclass(frozen=True, slots=True)
class Material:
    """Input of a demo.

    Attributes:
        manifest: Labelled pictures of past earthquakes.
        feed: The earthquake feed as first announced.
        feed_revised: The feed some minutes later, None if it is not revised.
        emsc: What the EMSC announces; None for nothing.
        products: What the details of the feed's earthquakes hold; None for nothing.
        posts: What the networks hold, JSONL in the form that the X stand-in serves.
        images: Folder that the posts' pictures are relative to.
        truth: Labels of the live pictures, `image,label`.
        now: The time at which the demo takes place.
        held_out: Earthquakes to keep from training; empty: chosen by the rule.
        notice: What the report says on top.
    """

    manifest: Path
    feed: Path
    feed_revised: Path | None
    emsc: Path | None
    products: Path | None
    posts: Path
    images: Path
    truth: Path
    now: datetime
    held_out: tuple[str, ...]
    notice: str


def drawn_sample(folder: Path, on_progress: Report) -> Material:
    """Draw the sample that quakelens brings along; no photograph, no account, nothing downloaded."""
    sample = write_sample(folder, on_progress=on_progress)
    about = json.loads(sample.about.read_text(encoding="utf-8"))
    return Material(
        manifest=sample.manifest,
        feed=sample.feed,
        feed_revised=sample.feed_revised,
        emsc=sample.emsc,
        products=sample.products,
        posts=sample.posts,
        images=sample.live,
        truth=sample.truth,
        now=datetime.fromisoformat(about["now"]),
        held_out=(),
        notice=about["notice"],
    )
