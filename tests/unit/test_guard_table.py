"""The guard's cases, one by one: what a post may name, and what comes of it. `docs/media-safety.md` has the table."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

import httpcore
import httpx
import pytest
from picture_host import Host, certificate, failure, fetch, jpeg

from quakelens.demo.servers import Reply
from quakelens.errors import MediaError
from quakelens.media.fetch import Fetched
from quakelens.media.guard import GuardedTransport

PUBLIC = "93.184.215.14"
INSIDE = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.1.1", "fc00::1", "fd00:ec2::254"],
    "link-local": ["169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%lo"],
    "carrier-grade NAT": ["100.64.0.1", "100.100.100.200", "100.127.255.254"],
    "multicast": ["224.0.0.251", "239.255.255.250", "ff02::1", "ff0e::1"],
    "broadcast and reserved": ["255.255.255.255", "240.0.0.1", "192.0.0.192", "198.18.0.1", "fec0::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "IPv4 inside of IPv6": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::7f00:1", "::8.8.8.8"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1"],
    "6to4 and Teredo": ["2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::1", "192.88.99.1"],
    "a cloud's own": ["168.63.129.16"],
}
SPELLINGS = [
    "https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://0/", "https://0.0.0.0/",
    "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0x7F.0x0.0x0.0x1/",
    "https://017700000001/", "https://0177.0.0.1/", "https://00000177.0.0.1/", "https://3232235777/",
    "https://127.0.0.1./", "https://localhost/", "https://localhost./", "https://LOCALHOST/",
    "https://[::1]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/", "https://[::ffff:0:127.0.0.1]/", "https://[64:ff9b::127.0.0.1]/",
    "https://[2002:7f00:0001::]/", "https://[fe80::1%25lo]/", "https://[::]/",
    "https://１２７.0.0.1/", "https://①②⑦.0.0.1/", "https://127。0。0。1/", "https://127．0．0．1/",
    "https://ⓛocalhost/", "https://%31%32%37.0.0.1/", "https://127.0.0.1%00.example.com/",
    "https://user@example.com/", "https://user:word@example.com/", "https://example.com@127.0.0.1/",
    "https://example.com%40127.0.0.1/", "https://127.0.0.1#@example.com/", "https://127.0.0.1?@example.com/",
    "https://127.0.0.1\\@example.com/", "https://example.com:22/", "https://example.com:8443/a.jpg",
    f"https://{PUBLIC}:25/", "http://example.com/", "http://example.com:443/", "ftp://example.com/a.jpg",
    "file:///etc/passwd", "file://example.com/etc/passwd", "gopher://127.0.0.1:70/", "dict://127.0.0.1:11211/",
    "data:image/png;base64,AAAA", "javascript:alert(1)", "ws://example.com/", "wss://example.com/",
    "//127.0.0.1/", "https:///", "https://", "https:", "example.com/a.jpg", "", " ", "https://[::1",
    "https://exa mple/", "https://" + "a" * 300 + ".example/",
]  # fmt: skip


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Where a connection was tried; none is made."""
    tried: list[tuple[str, int]] = []

    def connect(self: object, host: str, port: int, *others: object, **more: object) -> httpcore.NetworkStream:
        tried.append((host, port))
        raise httpcore.ConnectError("no internet in a test")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    return tried


@pytest.mark.parametrize("url", SPELLINGS)
def test_no_spelling_of_an_inner_address_is_connected_to(
    url: str, tmp_path: Path, connected: list[tuple[str, int]]
) -> None:
    assert failure(fetch(None, url, directory=tmp_path)[url]) == ("forbidden_address", True)
    assert connected == []


@pytest.mark.parametrize(("kind", "address"), [(kind, each) for kind, found in INSIDE.items() for each in found])
def test_no_name_that_leads_inside_is_connected_to(
    kind: str, address: str, tmp_path: Path, connected: list[tuple[str, int]]
) -> None:
    url = "https://innocent.example/a.jpg"
    for answers in ([address], [PUBLIC, address], [address, PUBLIC]):
        found = fetch(None, url, directory=tmp_path, resolve=lambda host, port, given=answers: given)
        assert failure(found[url]) == ("forbidden_address", True), kind
    assert connected == []


def test_the_first_three_public_addresses_are_tried_and_nothing_else(
    tmp_path: Path, connected: list[tuple[str, int]]
) -> None:
    addresses = [PUBLIC, "2606:4700::1111", "8.8.8.8", "1.1.1.1"]
    url = "https://innocent.example./a.jpg"
    found = fetch(None, url, directory=tmp_path, resolve=lambda host, port: addresses)
    assert failure(found[url]) == ("network", False)
    assert connected == [(address, 443) for address in addresses[:3]] * 3  # three tries


def test_a_name_in_letters_of_the_world_is_resolved_in_its_ascii_form(
    tmp_path: Path, connected: list[tuple[str, int]]
) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return [PUBLIC]

    url = "https://bücher.example/a.jpg"
    assert failure(fetch(None, url, directory=tmp_path, resolve=resolve)[url]) == ("network", False)
    assert set(asked) == {"xn--bcher-kva.example"}


def test_only_the_very_host_and_port_is_allowed(tmp_path: Path) -> None:
    with Host({"/secret": jpeg()}) as inside, Host({"/a": jpeg()}) as host:
        port, other = host.address.partition(":")[2], inside.address
        refused = [
            f"http://{other}/secret", f"http://localhost:{port}/a", f"http://127.1:{port}/a",
            f"http://2130706433:{port}/a", f"http://0x7f.1:{port}/a", f"http://127.0.0.1.:{port}/a",
            f"http://[::ffff:127.0.0.1]:{port}/a", f"http://127.0.0.1@localhost:{port}/a",
            f"http://me@127.0.0.1:{port}/a", f"http://127.0.0.1:{port}@{other}/secret",
            f"ftp://127.0.0.1:{port}/a", "http://127.0.0.1/a",
        ]  # fmt: skip
        results = fetch(host, "/a", *refused, directory=tmp_path)
        assert isinstance(results.pop("/a"), Fetched)
        assert {url: failure(result) for url, result in results.items()} == dict.fromkeys(
            refused, ("forbidden_address", True)
        )
        assert host.asked == {"/a": 1}
        assert not inside.asked


def test_every_hop_of_a_chain_is_checked(tmp_path: Path) -> None:
    def to(url: str) -> Reply:
        return Reply(302, b"", headers={"Location": url})

    with Host({"/secret": jpeg()}) as inside, Host({}) as host:
        port = inside.address.partition(":")[2]
        targets = [
            f"http://{inside.address}/secret", f"//{inside.address}/secret", f"http://2130706433:{port}/secret",
            f"http://0x7f.1:{port}/secret", f"http://localhost.:{port}/secret", f"https://127.0.0.1:{port}/secret",
            f"http://[::ffff:127.0.0.1]:{port}/secret", f"http://me@{host.address}/good",
            f"http://{host.address}@{inside.address}/secret", "https://169.254.169.254/latest/meta-data/",
            "https://[fd00:ec2::254]/", "https://metadata.internal.example/", "http://example.com/", "ftp://example.com/",
            "file:///etc/passwd", "gopher://127.0.0.1/", "data:image/png;base64,AAAA", "javascript:alert(1)",
            "ws://example.com/", "https://example.com:22/", "https://%31%32%37.0.0.1/", "https://[::1/",
        ]  # fmt: skip
        host.pages = {
            **{f"/{number}": to(f"/{number}/again") for number in range(len(targets))},
            **{f"/{number}/again": to(target) for number, target in enumerate(targets)},
            "/good": jpeg(), "/1hop": to("/good"), "/2hops": to("/1hop"), "/3hops": to("/2hops"),
            "/4hops": to("/3hops"), "/circle": to("/circle"), "/back": to(host.url + "/circle"),
        }  # fmt: skip

        def resolve(name: str, port: int) -> Sequence[str]:
            return {"metadata.internal.example": ["169.254.169.254"], "localhost.": ["127.0.0.1"]}.get(name, [name])

        numbered = [f"/{number}" for number in range(len(targets))]
        results = fetch(host, *numbered, directory=tmp_path, resolve=resolve)
        outcome = {targets[int(key[1:])]: failure(result) for key, result in results.items()}
        assert outcome == dict.fromkeys(targets, ("forbidden_address", True))
        assert not inside.asked
        assert not host.asked["/good"]
        more = fetch(host, "/1hop", "/2hops", "/3hops", "/4hops", "/circle", "/back", directory=tmp_path)
        assert {key for key, result in more.items() if isinstance(result, Fetched)} == {"/1hop", "/2hops", "/3hops"}
        assert {failure(more[key]) for key in ("/4hops", "/circle", "/back")} == {("http_status", True)}


def test_a_redirect_from_https_to_http_is_refused(tmp_path: Path) -> None:
    of_server, of_client = certificate(tmp_path, "pictures.example")
    with Host({"/secret": jpeg()}) as plain, Host({}, tls=of_server) as host:
        port = host.address.partition(":")[2]
        downgraded = f"http://pictures.example:{plain.address.partition(':')[2]}/secret"
        host.pages = {"/a": Reply(301, headers={"Location": downgraded}), "/b": jpeg()}
        transport = GuardedTransport(
            allow=frozenset({f"pictures.example:{port}"}), resolve=lambda name, port: ["127.0.0.1"], tls=of_client
        )
        with httpx.Client(transport=transport, trust_env=False, follow_redirects=True) as client:
            assert client.get(f"https://pictures.example:{port}/b").status_code == 200
            with pytest.raises(MediaError, match="only https"):
                client.get(f"https://pictures.example:{port}/a")
        assert not plain.asked


def test_a_certificate_of_nobody_is_not_trusted(tmp_path: Path) -> None:
    of_server, _ = certificate(tmp_path, "pictures.example")
    with Host({"/a": jpeg()}, tls=of_server) as host:
        url = f"https://pictures.example:{host.address.partition(':')[2]}/a"
        transport = GuardedTransport(allow=frozenset({url[8:-2]}), resolve=lambda name, port: ["127.0.0.1"])
        with (
            httpx.Client(transport=transport, trust_env=False) as client,
            pytest.raises(httpcore.ConnectError) as caught,
        ):
            client.get(url)
        assert isinstance(caught.value.args[0], ssl.SSLCertVerificationError)
        assert not host.asked
