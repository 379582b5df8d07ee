"""A server of pictures for the tests of fetching."""

from __future__ import annotations

import io
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from quakelens.demo.servers import LocalServer, Reply, Request
from quakelens.media.fetch import Fetched, FetchFailure, FetchJob, Limits, fetch_all
from quakelens.media.guard import Resolver, system_resolver

LIMITS = Limits(max_bytes=200_000, max_pixels=1_000_000, timeout_s=5.0, connections=4, attempts=3, pause_s=0.01)
Pages = dict[str, Reply | list[Reply] | Callable[[], Reply]]


def picture(colour: str = "grey", size: tuple[int, int] = (64, 48), kind: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind, **options)
    return file.getvalue()


class Host(LocalServer):
    """Serves what `pages` says, counting requests; a list is served one item a request, the last again."""

    def __init__(self, pages: Pages, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(self._answer, tls=tls)
        self.pages = pages
        self.asked: Counter[str] = Counter()
        self.asked_at: list[float] = []
        self.last: Request | None = None
        self._lock = threading.Lock()

    def _answer(self, request: Request) -> Reply:
        with self._lock:
            count = self.asked[request.path]
            self.asked[request.path] += 1
            self.asked_at.append(time.monotonic())
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


def certificate(folder: Path, host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server that is `host`, and of a client that trusts its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    client = ssl.create_default_context(cafile=str(pem))
    return server, client
