"""Limits on what servers may do to a download: bytes, time, connections, and when they may be asked again."""

from __future__ import annotations

import email.utils
import gzip
import hashlib
import os
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hostile import many_scans
from picture_host import LIMITS, Host, Pages, failure, fetch, jpeg, picture

from quakelens.demo.servers import Reply
from quakelens.media.fetch import Fetched, FetchJob, Limits, fetch_all
from quakelens.media.pauses import retry_after_s


def test_declared_lengths_and_codings_are_not_believed(tmp_path: Path) -> None:
    data = picture()

    def parts(length: int) -> Reply:
        return Reply(200, iter([data]), headers={"Content-Length": str(length)})

    zipped = gzip.compress(data)
    pages: Pages = {
        "/short": lambda: parts(100),
        "/long": lambda: parts(len(data) + 50),
        "/vast": lambda: parts(10**15),
        "/absurd": Reply(200, iter([data]), headers={"Content-Length": "9" * 5000}),
        "/zip": Reply(200, zipped, headers={"Content-Encoding": "gzip"}),
        "/zipbomb": Reply(200, gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "GZIP"}),
        "/brotli": Reply(200, data, headers={"Content-Encoding": "br"}),
        "/plain": Reply(200, data, headers={"Content-Encoding": "identity"}),
    }
    with Host(pages) as host:
        results = fetch(host, *pages, directory=tmp_path)
    assert isinstance(results["/plain"], Fetched)
    assert {key: failure(result) for key, result in results.items() if not isinstance(result, Fetched)} == {
        "/short": ("truncated", True),
        "/long": ("network", False),
        "/vast": ("too_large", True),
        "/absurd": ("network", False),
        "/zip": ("unsupported", True),
        "/zipbomb": ("unsupported", True),
        "/brotli": ("unsupported", True),
    }


def test_only_what_networks_serve_is_taken(tmp_path: Path) -> None:
    kinds = {"/bmp": "BMP", "/tiff": "TIFF", "/gif": "GIF", "/webp": "WEBP", "/avif": "AVIF", "/png": "PNG"}
    with Host({path: jpeg(picture(kind=kind)) for path, kind in kinds.items()}) as host:
        results = fetch(host, *kinds, directory=tmp_path)
    assert {failure(results.pop(path)) for path in ("/bmp", "/tiff")} == {("not_an_image", True)}
    assert all(isinstance(result, Fetched) for result in results.values())


def test_a_jpeg_of_endless_scans_is_no_picture(tmp_path: Path) -> None:
    with Host({"/scans": jpeg(many_scans(2_000))}) as host:
        assert failure(fetch(host, "/scans", directory=tmp_path)["/scans"]) == ("too_large", True)


class Raw(socketserver.ThreadingTCPServer):
    """Sends bytes of HTTP as they are, some each time, until the other side has enough."""

    daemon_threads = True

    def __init__(self, first: bytes, again: bytes, every_s: float) -> None:
        ended = self.ended = threading.Event()

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    self.request.recv(4096)
                    self.wfile.write(first)
                    while not ended.wait(every_s):
                        self.wfile.write(again)

        super().__init__(("127.0.0.1", 0), Handler)

    @contextmanager
    def running(self) -> Iterator[str]:
        thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"127.0.0.1:{self.server_address[1]}"
        finally:
            self.ended.set()
            self.shutdown()
            thread.join()
            self.server_close()


@pytest.mark.parametrize(
    ("first", "again", "every_s", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a", 0.05, "timeout"),
        (b"HTTP/1.1 200 OK\r\nX-Large: ", b"a" * 65_536, 0.0, "network"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01, "timeout"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", 0.05, "timeout"),
        (b"", b"", 0.05, "timeout"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", b"", 0.05, "timeout"),
    ],
)
def test_an_answer_without_end_ends_at_the_deadline(
    first: bytes, again: bytes, every_s: float, reason: str, tmp_path: Path
) -> None:
    limits = Limits(max_bytes=1_000, max_pixels=1_000, timeout_s=0.4, connections=2, attempts=1)
    with Raw(first, again, every_s).running() as address:
        job = FetchJob("a", f"http://{address}/a")
        started = time.monotonic()
        (result,) = fetch_all([job], tmp_path, limits, allow=frozenset({address}))
        assert failure(result) == (reason, False)
        assert time.monotonic() - started < 2.0


def test_a_host_that_asks_for_a_long_pause_is_left_alone(tmp_path: Path) -> None:
    pages: Pages = {"/first": Reply(429, headers={"Retry-After": "3600"}), "/next": jpeg(), "/more": jpeg()}
    limits = replace(LIMITS, connections=1)
    with Host(pages) as host:
        port = host.address.partition(":")[2]
        urls = [f"http://{name}.example:{port}{page}" for name, page in (
            ("busy", "/first"), ("busy", "/next"), ("calm", "/next"), ("busy", "/more"))]  # fmt: skip
        results = list(
            fetch_all(
                [FetchJob(url, url) for url in urls], tmp_path, limits,
                allow=frozenset({f"{name}.example:{port}" for name in ("busy", "calm")}),
                resolve=lambda name, port: ["127.0.0.1"],
            )
        )  # fmt: skip
        assert host.asked == {"/first": 1, "/next": 1}
    by_url = {result.key: result for result in results}
    assert isinstance(by_url.pop(urls[2]), Fetched)
    assert {failure(result) for result in by_url.values()} == {("http_status", False)}
    told = [result.asked for result in (by_url[urls[0]], by_url[urls[1]], by_url[urls[3]])]  # type: ignore[union-attr]
    assert told == [True, False, False]


def test_a_short_pause_is_waited_for_by_all_of_the_host(tmp_path: Path) -> None:
    soon = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    pages: Pages = {"/a": [Reply(503, headers={"Retry-After": soon}), jpeg()], "/b": jpeg()}
    with Host(pages) as host:
        results = fetch(host, "/a", "/b", directory=tmp_path, limits=replace(LIMITS, connections=1))
    assert all(isinstance(result, Fetched) for result in results.values())
    assert host.asked_at[1] - host.asked_at[0] > 0.9  # a date has whole seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0), ("", 0), ("0", 0), ("7", 7), (" 120 ", 120), ("99999999999999999999", 86_400), ("-5", 0),
        ("1.5", 0), ("soon", 0), ("٣", 0), ("Wed, 21 Oct 2026 07:28:30 GMT", 30), ("21 Oct 2026 07:28:30 -0000", 30),
        ("Wed, 21 Oct 2026 09:28:30 +0200", 30), ("Wednesday, 21-Oct-26 07:29:00 GMT", 60),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0), ("Thu, 21 Oct 2027 07:28:00 GMT", 86_400),
        ("Wed, 99 Oct 2026 07:28:30 GMT", 0),
    ],
)  # fmt: skip
def test_both_forms_of_retry_after_are_read(header: str | None, seconds: float) -> None:
    assert retry_after_s(header, datetime(2026, 10, 21, 7, 28, tzinfo=UTC)) == seconds


def test_a_slow_host_holds_its_share_of_the_connections_and_no_more(tmp_path: Path) -> None:
    lock, open_now, most = threading.Lock(), 0, 0
    released = threading.Event()

    def slow() -> Reply:
        nonlocal open_now, most
        with lock:
            open_now += 1
            most = max(most, open_now)
        released.wait(20)
        with lock:
            open_now -= 1
        return jpeg(picture("red"))

    pages: Pages = {f"/slow{n}": slow for n in range(12)}
    with Host({**pages, **{f"/fast{n}": jpeg() for n in range(9)}}) as host:
        port = host.address.partition(":")[2]
        jobs = [FetchJob(name, f"http://{name[1:5]}.example:{port}{name}") for name in host.pages]
        results = fetch_all(
            jobs, tmp_path, replace(LIMITS, connections=4, per_host=2),
            allow=frozenset({f"slow.example:{port}", f"fast.example:{port}"}),
            resolve=lambda name, port: ["127.0.0.1"],
        )  # fmt: skip
        first = [next(results).key for _ in range(9)]
        assert sorted(first) == [f"/fast{n}" for n in range(9)]
        released.set()
        rest = list(results)
    assert sorted(result.key for result in rest) == sorted(pages)
    assert all(isinstance(result, Fetched) for result in rest)
    assert most == 2


def test_two_processes_store_the_same_pictures_side_by_side(tmp_path: Path) -> None:
    contents = {f"/{n}": picture(size=(300 + n, 200), kind="PNG") for n in range(30)}
    script = (
        "import sys; from pathlib import Path; from picture_host import LIMITS\n"
        "from quakelens.media.fetch import Fetched, FetchJob, fetch_all\n"
        "base, folder = sys.argv[1:]\n"
        "jobs = [FetchJob(str(n), f'{base}/{n}') for n in range(30)]\n"
        "found = list(fetch_all(jobs, Path(folder), LIMITS, allow=frozenset({base[7:]})))\n"
        "print(sum(isinstance(each, Fetched) for each in found))"
    )
    with Host({path: jpeg(data) for path, data in contents.items()}) as host:
        command = [sys.executable, "-c", script, host.url, str(tmp_path / "media")]
        paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        both = [
            subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths}) for _ in range(2)
        ]
        assert [process.communicate(timeout=60)[0].strip() for process in both] == [b"30", b"30"]
    files = {path.stem: path.read_bytes() for path in (tmp_path / "media").rglob("*") if path.is_file()}
    assert files == {hashlib.sha256(data).hexdigest(): data for data in contents.values()}
