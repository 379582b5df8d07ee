"""The stand-in for X of `burst.py`, in a process of its own: posts appear at a steady rate once it is told to start.

    python benchmarks/burst_server.py FOLDER '{"posts": 48000, "rate": 266.7, ...}'

Speaks JSON lines on its standard output, and takes `start` and `stop` on its standard input.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from quakelens.demo.servers import Reply, Request, XApi
from quakelens.demo.servers.x_posts import StoredPost

FIRST_ID = 10**17
TOKEN = "burst"
TEXTS = (
    "earthquake here, number {}: the house opposite has lost its front wall and people are out in the street",
    "just felt a strong earthquake ({}), everything fell off the shelves. Is everyone all right?",
    "{} earthquake: road to the hospital is blocked by rubble, ambulances please use the ring road",
)


class _Host:
    """Serves files as they are; the real one would resize them, which is not what is measured."""

    def __init__(self, folder: Path) -> None:
        self.sent: list[str] = []
        self._folder = folder

    def owns(self, path: str) -> bool:
        return path.startswith("/media/")

    def answer(self, request: Request) -> Reply:
        name = request.path.rpartition("/")[2].partition(".")[0].rpartition("-")[0]
        try:
            data = (self._folder / f"{name}.jpg").read_bytes()
        except OSError:
            return Reply(404, b"", content_type="text/plain")
        self.sent.append(name)
        return Reply(200, data, content_type="image/jpeg")


def main(folder: Path, given: dict[str, Any]) -> None:
    """Serve until told to stop."""
    pictures: list[str] = given["pictures"]
    limits: dict[str, int] = {} if given["real_limits"] else {"recent": 10**6, "all": 10**6, "counts_recent": 10**6}
    x = XApi(
        [], token=TOKEN, now=lambda: datetime.now(UTC), images_root=folder, fresh_s=0.0,
        rate_limit=limits.get("recent", 450), rate_limits=limits,  # type: ignore[arg-type]
    )  # fmt: skip
    x.host = _Host(folder)  # type: ignore[assignment]
    with x:
        _say({"url": x.url, "address": x.address})
        _wait_for("start")
        started = datetime.now(UTC)
        _say({"started": started.isoformat()})
        stop = threading.Event()
        thread = threading.Thread(target=_release, args=(x, given["posts"], given["rate"], pictures, started, stop))
        thread.start()
        _wait_for("stop")
        stop.set()
        thread.join()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        _say(
            {
                "requests": x.requests, "posts_sold": len(x.billed), "posts_sold_once": len(set(x.billed)),
                "bill_usd": round(x.billed_usd, 3), "pictures_sent": len(x.pictures_sent),
                "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
            }
        )  # fmt: skip


def _release(
    x: XApi, posts: int, rate: float, pictures: list[str], started: datetime, stop: threading.Event
) -> None:  # fmt: skip
    done = 0
    while done < posts and not stop.wait(0.05):
        elapsed = (datetime.now(UTC) - started).total_seconds()
        until = min(posts, int(elapsed * rate)) if rate > 0 else posts
        x.append([_post(number, rate, pictures, started) for number in range(done, until)])
        done = until


def _post(number: int, rate: float, pictures: list[str], started: datetime) -> StoredPost:
    at = started + timedelta(seconds=number / rate if rate > 0 else 0.0)
    has_picture = number % 10 == 0 and number // 10 < len(pictures)
    return StoredPost(
        id=str(FIRST_ID + number), created_at=at.replace(microsecond=at.microsecond // 1000 * 1000),
        author=f"author{number % 9973}", author_id=str(5 * 10**9 + number % 9973),
        text=TEXTS[number % 3].format(number), lang="en", images=(pictures[number // 10],) if has_picture else (),
    )  # fmt: skip


def _wait_for(word: str) -> None:
    for line in sys.stdin:
        if line.strip() == word:
            return
    time.sleep(0.1)
    sys.exit(1)  # whoever started this is gone


def _say(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
