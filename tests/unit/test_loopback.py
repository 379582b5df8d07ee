"""Whatever listens, listens on loopback unless a person named another address."""

import ast
import socket
from pathlib import Path

import pytest

from quakelens.cli.metrics import _address
from quakelens.demo.servers import FeedServer
from quakelens.demo.servers.jetstream import JetstreamServer
from quakelens.demo.servers.local import LocalServer, Reply
from quakelens.settings import Settings

ROOT = Path(__file__).parents[2]
LISTENERS = {
    "start_http_server", "start_wsgi_server", "create_server", "HTTPServer", "ThreadingHTTPServer", "TCPServer",
    "make_server", "serve", "run_server", "run_simple",
}  # fmt: skip
KNOWN = {
    "quakelens/cli/metrics.py": "addr=host",
    "quakelens/cli/serve.py": "settings",  # whose addresses are tested below
    "quakelens/demo/servers/jetstream.py": "'127.0.0.1'",
    "quakelens/station/parts.py": "(host, port)",
}
"""Files with a call that listens, and how it says where."""


def calls() -> list[tuple[str, ast.Call]]:
    found = []
    for package in ("quakelens", "tasks", "flows"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    name = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
                    if name in LISTENERS:
                        found.append((path.relative_to(ROOT).as_posix(), node))
    return found


def test_every_call_that_listens_says_where() -> None:
    assert {path for path, _ in calls()} >= set(KNOWN)
    for path, call in calls():
        assert path in KNOWN, f"{path}:{call.lineno} listens: see that it does so on loopback, and name it here"
        assert KNOWN[path] in ast.unparse(call), f"{path}:{call.lineno}"


def test_no_code_names_every_address() -> None:
    for package in ("quakelens", "tasks", "flows"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    assert node.value not in ("0.0.0.0", "::", "[::]"), f"{path}:{node.lineno}"


def test_settings_of_servers_are_loopback() -> None:
    for name, field in Settings.model_fields.items():
        if name.endswith("_host"):
            assert field.default == "127.0.0.1", name


@pytest.mark.parametrize(
    ("given", "host"),
    [("9108", "127.0.0.1"), (":9108", "127.0.0.1"), ("10.0.0.5:9108", "10.0.0.5"), ("[::1]:9108", "::1")],
)
def test_metrics_are_served_where_one_says(given: str, host: str) -> None:
    assert _address(given) == (host, 9108)


def test_stand_ins_are_on_loopback(tmp_path: Path) -> None:
    (tmp_path / "feed").write_bytes(b"{}")
    with LocalServer(lambda _: Reply(204)) as one, FeedServer(tmp_path / "feed") as two, JetstreamServer([]) as three:
        for url in (one.url, two.url, three.url):
            port = int(url.rpartition(":")[2].partition("/")[0])
            assert "127.0.0.1" in url
            assert _bound(port) == ["0100007F"]


def _bound(port: int) -> list[str]:
    """The addresses, in the kernel's hexadecimal, at which something listens on a port."""
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    listening = [line[1].split(":") for line in lines if line[3] == "0A"]
    return [address for address, own in listening if int(own, 16) == port]


def test_the_search_would_find_another(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert _bound(server.getsockname()[1]) == ["00000000"]
