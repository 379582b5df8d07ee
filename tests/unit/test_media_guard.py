"""What the guard refuses, and where it connects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpcore
import httpx
import pytest
from picture_host import Host, Pages, certificate, failure, fetch, jpeg

from quakelens.demo.servers import Reply
from quakelens.errors import MediaError
from quakelens.media.fetch import Fetched
from quakelens.media.guard import GuardedTransport, is_public

PUBLIC = "93.184.215.14"
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

    def connect(self: object, host: str, port: int, *others: object, **more: object) -> httpcore.NetworkStream:
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


def test_tls_verifies_the_name_while_the_checked_address_is_connected_to(tmp_path: Path) -> None:
    of_server, of_client = certificate(tmp_path, "pictures.example")
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
