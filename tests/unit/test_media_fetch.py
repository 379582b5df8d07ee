"""Fetching strangers' pictures: what the limits end, what is tried again, what is stored."""

from __future__ import annotations

import hashlib
import io
import threading
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from picture_host import LIMITS, Host, Pages, failure, fetch, jpeg, picture
from PIL import Image

from quakelens.demo.servers import Reply
from quakelens.media.fetch import Fetched, FetchJob, Limits, fetch_all
from quakelens.params import read_params


def bomb(side: int) -> bytes:
    """A PNG of side x side pixels in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    rows = zlib.compress(bytes((side // 8 + 1) * side), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def broken_avif() -> bytes:
    """An AVIF whose picture data is overwritten: its decoder fails in a way of its own."""
    data = bytearray(picture(kind="AVIF"))
    start = data.index(b"mdat") + 4
    data[start:] = bytes(len(data) - start)
    return bytes(data)


def test_stores_pictures_by_content_and_reports_every_job(tmp_path: Path) -> None:
    rotated = Image.Exif()
    rotated[0x0112] = 6
    contents = {
        "/a.jpg": picture("red", (60, 40)),
        "/b": picture("blue", (60, 40), "JPEG", exif=rotated),
        "/c.jpg": picture("green", (30, 20), "PNG"),
        "/d": picture("white", (10, 20), "WEBP"),
    }
    pages: Pages = {p: jpeg(c) for p, c in contents.items()}
    with Host(pages) as host:
        before = datetime.now(UTC)
        results = fetch(host, *contents, directory=tmp_path / "media")
        assert host.last is not None
        assert host.last.headers["accept-encoding"] == "identity"
    shapes = {}
    for key, content in contents.items():
        result = results[key]
        assert isinstance(result, Fetched)
        digest = hashlib.sha256(content).hexdigest()
        assert (result.sha256, result.bytes) == (digest, len(content))
        assert result.path.startswith(f"{digest[:2]}/{digest}.")
        assert (tmp_path / "media" / result.path).read_bytes() == content
        assert before <= result.fetched_at <= datetime.now(UTC)
        shapes[key] = (result.format, Path(result.path).suffix, result.width, result.height)
    assert shapes == {
        "/a.jpg": ("JPEG", ".jpg", 60, 40),
        "/b": ("JPEG", ".jpg", 40, 60),
        "/c.jpg": ("PNG", ".png", 30, 20),
        "/d": ("WEBP", ".webp", 10, 20),
    }


def test_an_address_is_downloaded_once_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    with Host({"/a": jpeg(), "/same": jpeg(), "/b": jpeg(picture("red"))}) as host:
        jobs = [FetchJob(f"job {n}", host.url + ("/a", "/b", "/same")[n % 3]) for n in range(60)]
        allow = frozenset({host.address})
        results = list(fetch_all(iter(jobs), tmp_path, LIMITS, allow=allow))
        assert sorted(result.key for result in results) == sorted(job.key for job in jobs)
        assert all(isinstance(result, Fetched) for result in results)
        assert host.asked == {"/a": 1, "/b": 1, "/same": 1}
        files = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()}
        assert len(files) == 2
        assert all(isinstance(item, Fetched) for item in fetch_all(jobs, tmp_path, LIMITS, allow=allow))
    assert files == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()}


def test_what_is_no_good_picture_is_a_final_failure_and_leaves_no_file(tmp_path: Path) -> None:
    big = picture(size=(900, 900))
    noise = Image.effect_noise((700, 700), 90)
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    assert len(buffer.getvalue()) > LIMITS.max_bytes
    endless = iter(lambda: b"\xff" * 8192, None)
    pages: Pages = {
        "/html": Reply(200, b"<html><img src=x></html>", content_type="image/jpeg"),
        "/svg": Reply(200, b"<svg xmlns='http://www.w3.org/2000/svg'/>", content_type="image/svg+xml"),
        "/empty": Reply(200, b"", content_type="image/jpeg"),
        "/truncated": jpeg(big[: len(big) // 2]),
        "/avif": jpeg(broken_avif()),
        "/bomb": jpeg(bomb(1_600)),
        "/superbomb": jpeg(bomb(20_000)),
        "/huge": jpeg(buffer.getvalue()),
        "/endless": Reply(200, endless),
        "/missing": Reply(404),
        "/deleted": Reply(410),
        "/forbidden": Reply(403),
        "/nothing": Reply(204),
        "/good": jpeg(),
    }
    with Host(pages) as host:
        results = fetch(host, *pages, directory=tmp_path)
        assert isinstance(results.pop("/good"), Fetched)
        reason, final = failure(results.pop("/avif"))
        assert reason in ("truncated", "unsupported")
        assert final
        assert {key: failure(result) for key, result in results.items()} == {
            "/html": ("not_an_image", True),
            "/svg": ("not_an_image", True),
            "/empty": ("empty", True),
            "/truncated": ("truncated", True),
            "/bomb": ("too_large", True),
            "/superbomb": ("too_large", True),
            "/huge": ("too_large", True),
            "/endless": ("too_large", True),
            "/missing": ("gone", True),
            "/deleted": ("gone", True),
            "/forbidden": ("http_status", True),
            "/nothing": ("http_status", True),
        }
        assert set(host.asked.values()) == {1}
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 1


def test_failures_that_pass_are_tried_again(tmp_path: Path) -> None:
    pages: Pages = {
        "/503": [Reply(503), jpeg()],
        "/429": [Reply(429, headers={"Retry-After": "1"}), jpeg()],
        "/cut": [Reply(200, picture(), cut_after=100), jpeg()],
        "/always": Reply(500),
        "/alwayscut": Reply(200, picture(), cut_after=100),
    }
    started = time.monotonic()
    with Host(pages) as host:
        results = fetch(host, *pages, directory=tmp_path)
        assert {key for key, result in results.items() if isinstance(result, Fetched)} == {
            "/503",
            "/429",
            "/cut",
        }
        assert failure(results["/always"]) == ("http_status", False)
        assert failure(results["/alwayscut"]) == ("network", False)
        assert host.asked == {"/503": 2, "/429": 2, "/cut": 2, "/always": 3, "/alwayscut": 3}
    assert time.monotonic() - started >= 1.0  # as the 429 asked


def test_a_slow_picture_ends_at_the_deadline_although_data_keeps_coming(tmp_path: Path) -> None:
    def trickle() -> Reply:
        def parts() -> Iterator[bytes]:
            for number in range(200):
                time.sleep(0.05)
                yield bytes([number])

        return Reply(200, parts())

    limits = Limits(max_bytes=1_000, max_pixels=1_000, timeout_s=0.5, connections=2, attempts=1, read_timeout_s=0.3)
    with Host({"/trickle": trickle, "/silent": Reply(200, picture(), delay_s=9)}) as host:
        started = time.monotonic()
        results = fetch(host, "/trickle", "/silent", directory=tmp_path, limits=limits)
        assert time.monotonic() - started < 1.5
        assert failure(results["/trickle"]) == failure(results["/silent"]) == ("timeout", False)


def test_a_consumer_that_stops_early_cuts_downloads_and_leaves_no_threads(tmp_path: Path) -> None:
    pages: Pages = {f"/{number}": Reply(200, picture(), delay_s=30) for number in range(20)}
    with Host({**pages, "/now": jpeg()}) as host:
        jobs = [FetchJob(url, host.url + url) for url in ("/now", *pages)]
        results = fetch_all(jobs, tmp_path, LIMITS, allow=frozenset({host.address}))
        assert next(results).key == "/now"
        started = time.monotonic()
        results.close()  # type: ignore[attr-defined]
        assert time.monotonic() - started < 2.0
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("fetch")]
        assert sum(host.asked.values()) < 10


def test_limits_come_from_params() -> None:
    media = read_params(Path(__file__).parents[2] / "params.yaml").media
    limits = Limits.of(media)
    assert (limits.max_bytes, limits.max_pixels, limits.connections) == (
        media.max_bytes,
        media.max_pixels,
        media.connections,
    )
    assert (limits.timeout_s, limits.attempts) == (media.timeout_s, media.attempts)
