"""The posts of the live earthquake: eight hours of them, in several languages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from quakelens.demo.sample_feed import ORIGIN_TIME
from quakelens.demo.sample_live import MISSING, PAGE, RECYCLED, TRUNCATED, LivePictures
from quakelens.demo.sample_texts import BEFORE, CALM, CLAIM, DAMAGE, FAR, MARK, NEAR, Place

SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
"""2010-11-04T01:42:54.657Z, from which X counts the milliseconds in its ids; the lower 22 bits are free."""

TALK_ONLY = 48
REPOSTS = 20
LATEST_MIN = 479.0
"""Minutes after the origin time of the last post."""


@dataclass(slots=True)
class _Draft:
    when: datetime
    author: int
    lang: str
    text: str
    images: list[str]
    place: Place | None = None
    coordinates: list[float] | None = None
    repost_of: _Draft | None = None
    sensitive: bool = False
    id: str = field(default="")


def write_posts(directory: Path, pictures: LivePictures, *, seed: int) -> int:
    """Write `posts.jsonl`, oldest first; returns how many posts there are."""
    rng = Random(f"{seed} posts")
    drafts = _with_pictures(pictures, rng) + _recycled(rng)
    drafts += [_draft(rng, CALM, []) for _ in range(TALK_ONLY)]
    originals = [draft for draft in drafts if draft.when > ORIGIN_TIME]
    drafts += [_repost(rng, original) for original in rng.sample(originals, REPOSTS)]
    drafts.sort(key=lambda draft: draft.when)
    for number, draft in enumerate(drafts):
        # Of two posts of one millisecond, the later in the file has the larger id.
        ms = int(draft.when.timestamp() * 1000) - SNOWFLAKE_EPOCH_MS
        draft.id = str((ms << 22) + number)
    lines = [json.dumps(_row(draft), ensure_ascii=False) for draft in drafts]
    (directory / "posts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(drafts)


def _with_pictures(pictures: LivePictures, rng: Random) -> list[_Draft]:
    names = [name for name in pictures.distinct if name != RECYCLED]
    rng.shuffle(names)
    drafts: list[_Draft] = []
    queue = list(names)
    while queue:
        several = rng.choice((2, 3, 4)) if rng.random() < 0.2 else 1
        drafts.append(_of(rng, pictures, queue[:several]))
        queue = queue[several:]
    # The same file in further posts, and copies that others made of it.
    for name in (*rng.sample(names, 12), *pictures.copies):
        drafts.append(_of(rng, pictures, [name]))
    for name in (TRUNCATED, PAGE, MISSING):
        drafts.append(_draft(rng, DAMAGE, [name]))
    return drafts


def _of(rng: Random, pictures: LivePictures, images: list[str]) -> _Draft:
    damaged = any(pictures.damaged(name) for name in images)
    draft = _draft(rng, DAMAGE if damaged else CALM, images)
    draft.sensitive = damaged and rng.random() < 0.15
    return draft


def _draft(rng: Random, texts: dict[str, tuple[str, ...]], images: list[str]) -> _Draft:
    """A post whose location, language and time fit together well enough."""
    lang = rng.choices(list(texts), [14 if name in ("en", "el") else 2 for name in texts])[0]
    place = rng.choice(NEAR) if texts is DAMAGE or rng.random() < 0.7 else rng.choice(FAR)
    minutes = 2 + (LATEST_MIN - 62) * rng.betavariate(1.1, 2.4)
    if images:
        minutes += rng.uniform(4, 60)
    draft = _Draft(
        when=ORIGIN_TIME + timedelta(minutes=minutes),
        author=rng.randrange(1, 120),
        lang=lang,
        text=_text(rng.choice(texts[lang]), place),
        images=images,
    )
    located = rng.random()
    if located < 0.08:
        west, south, east, north = place.box
        draft.coordinates = [round(rng.uniform(west, east), 5), round(rng.uniform(south, north), 5)]
    if located < 0.32:
        draft.place = place
    return draft


def _text(words: str, place: Place) -> str:
    return f"{words.format(town=place.name.split(',')[0])} ({MARK})"


def _recycled(rng: Random) -> list[_Draft]:
    """One picture from before the earthquake, and again after it with a false claim."""
    before = (timedelta(days=2), timedelta(hours=5))
    drafts = [
        _Draft(ORIGIN_TIME - ago, rng.randrange(1, 120), lang, f"{words} ({MARK})", [RECYCLED])
        for ago, (lang, words) in zip(before, BEFORE, strict=True)
    ]
    for lang, words in CLAIM:
        when = ORIGIN_TIME + timedelta(minutes=rng.uniform(20, 300))
        drafts.append(_Draft(when, rng.randrange(1, 120), lang, _text(words, rng.choice(NEAR)), [RECYCLED]))
    return drafts


def _repost(rng: Random, original: _Draft) -> _Draft:
    last = ORIGIN_TIME + timedelta(minutes=LATEST_MIN)
    when = original.when + (last - original.when) * rng.uniform(0.02, 0.6)
    text = f"RT @{_handle(original.author)}: {original.text}"
    author = original.author % 119 + 1
    return _Draft(when, author, original.lang, text, original.images, repost_of=original)


def _handle(author: int) -> str:
    return f"sample_{author:03d}"


def _row(draft: _Draft) -> dict[str, Any]:
    place = draft.place
    return {
        "id": draft.id,
        "created_at": draft.when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{draft.when.microsecond // 1000:03d}Z",
        "author": _handle(draft.author),
        "author_id": str(990_000_000_000_000 + draft.author * 7_919),
        "text": draft.text,
        "lang": draft.lang,
        "coordinates": draft.coordinates,
        "place": None if place is None else {
            "id": place.id, "full_name": place.name, "country_code": place.country, "place_type": "city",
            "bbox": list(place.box),
        },
        "repost_of": None if draft.repost_of is None else draft.repost_of.id,
        "sensitive": draft.sensitive,
        "images": draft.images,
    }  # fmt: skip
