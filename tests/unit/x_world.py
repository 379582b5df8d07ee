"""Posts for the stand-in for X, made one by one, and a client that asks it without tweepy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from harvest_world import ORIGIN
from PIL import Image

from quakelens.demo.servers import XApi
from quakelens.demo.servers.x_posts import StoredPost

TOKEN = "AAAAAAAAAAAAAAAAAAAAAsecret%2Btoken"
NOW = ORIGIN + timedelta(hours=6)
QUERY = "(deprem) has:media -is:nullcast"


def stored(number: int, minutes: float | None = None, **changes: Any) -> StoredPost:
    """A post so many minutes after the origin time, by default its number."""
    values: dict[str, Any] = {
        "id": str(1_700_000_000_000_000_000 + number),
        "created_at": ORIGIN + timedelta(minutes=number if minutes is None else minutes),
        "author": f"user{number % 5}",
        "author_id": str(500 + number % 5),
        "text": f"deprem {number}",
        "lang": "tr",
        "images": ("a.jpg",),
    }
    return StoredPost(**{**values, **changes})


def draw(folder: Path, name: str = "a.jpg", size: tuple[int, int] = (60, 40), colour: str = "grey") -> None:
    Image.effect_noise(size, 80).convert("RGB").save(folder / name)


def api(folder: Path, count: int = 35, posts: list[StoredPost] | None = None, **options: Any) -> XApi:
    """A stand-in, not yet started, with posts 0 to `count`."""
    if not (folder / "a.jpg").exists():
        draw(folder)
    found = [stored(number) for number in range(count)] if posts is None else posts
    options.setdefault("now", NOW)
    return XApi(found, token=TOKEN, images_root=folder, **options)


def get(server: XApi, path: str, **parameters: Any) -> httpx.Response:
    """`a__b` stands for the parameter `a.b`."""
    named = {name.replace("__", "."): value for name, value in parameters.items()}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.get(server.url + path, params=named, headers=headers, trust_env=False)


def clock(start: datetime = NOW) -> tuple[Callable[[], datetime], Callable[[timedelta], None]]:
    """A present, and what moves it."""
    time = [start]

    def move(step: timedelta) -> None:
        time[0] += step

    return lambda: time[0].astimezone(UTC), move
