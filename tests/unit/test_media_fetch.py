"""Fetching strangers' pictures: what the guard refuses, what the limits end, what is stored."""

from __future__ import annotations

import hashlib
import io
import ssl
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from quakelens.demo.servers import LocalServer, Reply, Request
from quakelens.errors import MediaError
from quakelens.media.fetch import Fetched, FetchFailure, FetchJob, Limits, fetch_all
from quakelens.media.guard import GuardedTransport, Resolver, is_public, system_resolver
from quakelens.params import read_params

LIMITS = Limits(
    max_bytes=200_000, max_pixels=1_000_000, timeout_s=5.0, connections=4, attempts=3, pause_s=0.01
)
Pages = dict[str, Reply | list[Reply] | Callable[[], Reply]]
PUBLIC = "93.184.215.14"


def picture(
    colour: str = "grey", size: tuple[int, int] = (64, 48), kind: str = "JPEG", **options: object
) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind, **options)
    return file.getvalue()


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


class Host(LocalServer):
    """Serves what `pages` says, counting requests; a list is served one item a request, the last again."""

    def __init__(self, pages: Pages, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(self._answer, tls=tls)
        self.pages = pages
        self.asked: Counter[str] = Counter()
        self.last: Request | None = None
        self._lock = threading.Lock()

    def _answer(self, request: Request) -> Reply:
        with self._lock:
            count = self.asked[request.path]
            self.asked[request.path] += 1
            self.last = request
        found = self.pages.get(request.path, Reply(404))
        if isinstance(found, list):
            return found[min(count, len(found) - 1)]
        return found if isinstance(found, Reply) else found()


def jpeg(data: bytes | None = None) -> Reply:
    return Reply(200, data or picture(), content_type="text/plain")  # the declared type is not believed


def fetch(
    host: Host | None,
    *urls: str,
    directory: Path,
    limits: Limits = LIMITS,
    resolve: Resolver = system_resolver,
) -> dict[str, Fetched | FetchFailure]:
    """Results by path or url; a url that starts with / is on the host."""
    base, allow = (host.url, frozenset({host.address})) if host else ("", frozenset())
    jobs = [FetchJob(url, base + url if url.startswith("/") else url) for url in urls]
    results = list(fetch_all(jobs, directory, limits, allow=allow, resolve=resolve))
    assert Counter(result.key for result in results) == Counter(urls)
    return {result.key: result for result in results}


def failure(result: Fetched | FetchFailure) -> tuple[str, bool]:
    assert isinstance(result, FetchFailure), result
    assert result.message
    return result.reason, result.final


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

    limits = Limits(
        max_bytes=1_000, max_pixels=1_000, timeout_s=0.5, connections=2, attempts=1, read_timeout_s=0.3
    )
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


FORBIDDEN = [
    "http://169.254.169.254/latest/meta-data", "https://169.254.169.254/", "https://127.0.0.1/a.jpg",
    "http://[::ffff:127.0.0.1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::1]/",
    "https://2130706433/", "https://0x7f000001/", "https://017700000001/", "https://127.1/", "https://0/",
    "https://localhost/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/",
    "https://100.64.0.1/", "https://224.0.0.1/", "https://[64:ff9b::7f00:1]/", "https://[fe80::1]/",
    "https://[fc00::1]/", "http://example.com/a.jpg", "ftp://example.com/a.jpg", "file:///etc/passwd",
    "gopher://example.com/", "data:image/png;base64,AAAA", "https:///a.jpg", "/a.jpg", "", "https://[::1/",
    "https://user:word@example.com/", "https://" + "a" * 300 + ".com/",
]  # fmt: skip


def test_forbidden_addresses_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    results = fetch(None, *FORBIDDEN, directory=tmp_path)
    assert {key: failure(result) for key, result in results.items()} == dict.fromkeys(
        FORBIDDEN, ("forbidden_address", True)
    )


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254",
        "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
        "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1",
        "::127.0.0.1", "::ffff:8.8.8.8", "::ffff:10.0.0.1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1",
        "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd12::1", "fe80::1",
        "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "localhost", "2130706433", "",
    ],
)  # fmt: skip
def test_no_other_than_public_addresses_are_public(address: str) -> None:
    assert not is_public(address)


def test_public_addresses_are_public() -> None:
    assert all(is_public(address) for address in ("8.8.8.8", PUBLIC, "2606:4700::1111", "2a00:1450::1"))


def test_redirects_are_followed_and_each_is_checked(tmp_path: Path) -> None:
    def to(url: str) -> Reply:
        return Reply(302, iter(lambda: b"x" * 8192, None), headers={"Location": url, "Set-Cookie": "id=1"})

    other_pages: Pages = {"/secret": jpeg()}
    with Host(other_pages) as inside, Host({}) as host:
        host.pages = {
            "/one": to("/two"), "/two": to(host.url + "/three"), "/three": to("good"), "/good": jpeg(),
            "/four": to("/one"), "/loop": to("/loop"),
            "/inside": to(inside.url + "/secret"),
            "/localhost": to(f"//localhost:{inside.address[10:]}/secret"),
            "/metadata": to("http://169.254.169.254/"), "/file": to("file:///etc/passwd"),
            "/tls": to(f"https://{inside.address}/secret"), "/nowhere": Reply(302),
        }  # fmt: skip
        results = fetch(host, *[page for page in host.pages if page != "/good"], directory=tmp_path)
        assert isinstance(results["/one"], Fetched)
        assert host.last is not None
        assert "cookie" not in host.last.headers
        refused = ("/inside", "/localhost", "/metadata", "/file", "/tls")
        assert {failure(results[key]) for key in refused} == {("forbidden_address", True)}
        for key in ("/four", "/loop", "/nowhere"):
            assert failure(results[key]) == ("http_status", True)
        assert not inside.asked


class Names:
    """A resolver whose answers change with each question."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = []

    def connect(
        self: object, host: str, port: int, *others: object, **more: object
    ) -> httpcore.NetworkStream:
        connected.append((host, port))
        raise httpcore.ConnectError("no internet in a test")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    names = Names([PUBLIC], ["127.0.0.1"])
    results = fetch(None, "https://rebind.example/a.jpg", directory=tmp_path, resolve=names)
    # The second try asks for the name again, and what it then hears is refused.
    assert failure(results["https://rebind.example/a.jpg"]) == ("forbidden_address", True)
    assert connected == [(PUBLIC, 443)]
    assert names.asked == [("rebind.example", 443)] * 2


def test_one_private_address_among_public_ones_is_enough_to_refuse(tmp_path: Path) -> None:
    for addresses in ([PUBLIC, "10.0.0.1"], ["::1", PUBLIC]):
        url = "https://mixed.example/a.jpg"
        results = fetch(None, url, directory=tmp_path, resolve=Names(addresses))
        assert failure(results[url]) == ("forbidden_address", True)


def test_an_unknown_name_may_be_known_later(tmp_path: Path) -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    url = "https://unknown.example/a.jpg"
    assert failure(fetch(None, url, directory=tmp_path, resolve=unknown)[url]) == ("network", False)


def test_proxies_of_the_environment_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    with Host({"/a": jpeg()}) as host:
        assert isinstance(fetch(host, "/a", directory=tmp_path)["/a"], Fetched)


@pytest.fixture
def certified(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server that is `pictures.example`, and of a client that trusts its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pictures.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("pictures.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    client = ssl.create_default_context(cafile=str(pem))
    return server, client


def test_tls_verifies_the_name_while_the_checked_address_is_connected_to(
    certified: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    of_server, of_client = certified
    asked_for: list[str | None] = []
    of_server.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    with Host({"/a": jpeg()}, tls=of_server) as host:
        port = host.address.partition(":")[2]
        allow = frozenset({f"pictures.example:{port}", f"other.example:{port}"})
        transport = GuardedTransport(allow=allow, resolve=Names(["127.0.0.1"]), tls=of_client)
        with httpx.Client(transport=transport, trust_env=False) as client:
            assert client.get(f"https://pictures.example:{port}/a").status_code == 200
            assert host.last is not None
            assert host.last.headers["host"] == f"pictures.example:{port}"
            with pytest.raises(httpcore.ConnectError, match=r"other\.example"):
                client.get(f"https://other.example:{port}/a")
            with pytest.raises(MediaError):
                client.get(f"https://127.0.0.1:{port}/a")
    assert asked_for == ["pictures.example", "other.example"]


def test_limits_come_from_params() -> None:
    media = read_params(Path(__file__).parents[2] / "params.yaml").media
    limits = Limits.of(media)
    assert (limits.max_bytes, limits.max_pixels, limits.connections) == (
        media.max_bytes,
        media.max_pixels,
        media.connections,
    )
    assert (limits.timeout_s, limits.attempts) == (media.timeout_s, media.attempts)
