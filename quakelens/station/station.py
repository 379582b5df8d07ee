"""A station: which parts it has, in which order they start and stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from urllib.parse import urlsplit

from quakelens.errors import Busy, QuakelensError, UsageError
from quakelens.locks import exclusive
from quakelens.settings import Settings, Workspace, tracking_uri_of
from quakelens.station import parts
from quakelens.station.parts import PARTS, Part
from quakelens.station.supervisor import Supervised

_LOOK_EVERY_S = 0.5


def serve(
    workspace: Workspace, settings: Settings, only: Sequence[str], queues: Sequence[str], say: Callable[[str], None]
) -> None:
    """Run the parts until a signal says to stop.

    Args:
        workspace: Of the station.
        settings: Addresses and ports.
        only: Parts of `parts.PARTS`; none for all.
        queues: Work queues of the worker; none for all.
        say: For people.

    Raises:
        Busy: Another station serves this workspace.
        UsageError: A port is taken; PREFECT_API_URL is set where it must not be, or not set where it must.
        QuakelensError: A part does not come up.
    """
    names = [name for name in PARTS if not only or name in only]
    api_url = os.environ.get("PREFECT_API_URL", "")
    if api_url and not only:
        raise UsageError(
            f"PREFECT_API_URL names another server ({api_url}), and a station has its own: unset it, or start what "
            "this machine is to do for that server, as with `quakelens serve --only worker`"
        )
    if names == ["worker"] and not api_url:
        raise UsageError("PREFECT_API_URL names no server: set it to that from which the worker shall take runs")
    with _alone(workspace, names), _signals() as (stop, hurry):
        chosen = {}
        if "server" in names:
            port = parts.free_port(settings.serve_host, settings.serve_port, "--port")
            chosen["server"] = parts.server(workspace, settings.serve_host, port)
            api_url = chosen["server"].environment["PREFECT_API_URL"]
        if "mlflow" in names and not (_is_elsewhere(workspace, settings) and not only):
            port = parts.free_port(settings.serve_host, settings.serve_mlflow_port, "--mlflow-port")
            chosen["mlflow"] = parts.mlflow(workspace, settings, settings.serve_host, port)
        if "worker" in names:
            chosen["worker"] = parts.worker(workspace, api_url, queues)
        _run(workspace, chosen, say, stop, hurry)


def _run(
    workspace: Workspace, chosen: dict[str, Part], say: Callable[[str], None], stop: threading.Event,
    hurry: threading.Event,
) -> None:  # fmt: skip
    for folder in (parts.home(workspace) / "prefect", workspace.mlruns):
        folder.mkdir(parents=True, exist_ok=True)
    running = {name: Supervised(part, parts.home(workspace), say) for name, part in chosen.items()}
    servers = [each for each in running.values() if each.part.health]
    try:
        for each in servers:
            each.start()
        for each in servers:
            each.wait_until_up(stop)
        if "server" in running and not stop.is_set():
            _deploy(chosen["server"], say)
        if "worker" in running:
            running["worker"].start()
        _tell(chosen, say)
        while not stop.wait(_LOOK_EVERY_S):
            for each in running.values():
                each.keep_alive()
    finally:
        say("stopping; what is under way is picked up at the next start")
        for each in reversed(running.values()):
            each.stop(hurry)
    say("stopped")


def _tell(chosen: Mapping[str, Part], say: Callable[[str], None]) -> None:
    for name, part in chosen.items():
        say(f"{name:>8}  {part.page or 'takes runs from ' + part.environment['PREFECT_API_URL']}")
    if "server" in chosen:
        say(f"commands show their runs there with PREFECT_API_URL={chosen['server'].environment['PREFECT_API_URL']}")
    say("ready; Ctrl-C stops")


def _deploy(server: Part, say: Callable[[str], None]) -> None:
    """In a process of its own, as that needs Prefect, which this one should do without."""
    done = subprocess.run(
        [sys.executable, "-m", "quakelens", "deploy"], env=dict(server.environment), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode != 0:
        raise QuakelensError(f"the deployments cannot be made: {done.stdout.strip()[-2000:]}")
    lines = [line for line in done.stdout.splitlines() if not line.startswith("same")]
    for line in lines or ["the deployments are as before"]:
        say(line)


def _is_elsewhere(workspace: Workspace, settings: Settings) -> bool:
    return urlsplit(tracking_uri_of(workspace, settings)).scheme in ("http", "https")


@contextmanager
def _alone(workspace: Workspace, names: Sequence[str]) -> Iterator[None]:
    with ExitStack() as held:
        for name in names:
            path = workspace.locks / f"serve-{name}.lock"
            try:
                held.enter_context(exclusive(path, name, wait_s=0.0))
            except Busy:
                raise Busy(
                    f"another `quakelens serve` is at work in {workspace.root} ({name}): stop that one first, or give "
                    "this one a workspace of its own"
                ) from None
        yield


@contextmanager
def _signals() -> Iterator[tuple[threading.Event, threading.Event]]:
    """Events for the first signal to stop, and for a second one, which is in a hurry."""
    stop, hurry = threading.Event(), threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        (hurry if stop.is_set() else stop).set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield stop, hurry
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
