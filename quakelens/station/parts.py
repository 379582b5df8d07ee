"""What a station consists of: the programs, their settings, and when they are up."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from quakelens.errors import UsageError
from quakelens.settings import Settings, Workspace, tracking_uri_of

PARTS = ("server", "mlflow", "worker")
"""In the order in which they are started."""

POOL = "quakelens"
"""Work pool of type `process`: a worker takes runs from it and runs each as a process on its machine."""


@dataclass(frozen=True, slots=True)
class Part:
    """One program.

    Attributes:
        name: One of `PARTS`.
        command: To be started.
        environment: All of it.
        page: Where people look at it; empty for none.
        health: Answers with a status below 400 once it is up; empty where only its process tells.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    page: str = ""
    health: str = ""


def server(workspace: Workspace, host: str, port: int) -> Part:
    """Prefect's server, on SQLite in the workspace unless PREFECT_SERVER_DATABASE_CONNECTION_URL names another."""
    page = f"http://{_reached(host)}:{port}"
    return Part(
        "server",
        (sys.executable, "-m", "quakelens.station.prefect", "server", "start", "--host", host, "--port", str(port)),
        environment(workspace, f"{page}/api"),
        page=page,
        health=f"{page}/api/health",
    )


def worker(workspace: Workspace, api_url: str, queues: Sequence[str]) -> Part:
    """A worker that runs each run as a process of its own; without queues it takes the runs of all."""
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    for queue in queues:
        command += ["--work-queue", queue]
    return Part("worker", tuple(command), environment(workspace, api_url))


def mlflow(workspace: Workspace, settings: Settings, host: str, port: int) -> Part:
    """MLflow's server over the workspace's registry, or over the database that QUAKELENS_TRACKING_URI names.

    Raises:
        UsageError: QUAKELENS_TRACKING_URI names an MLflow server, which is elsewhere.
    """
    uri = tracking_uri_of(workspace, settings)
    if uri.startswith(("http:", "https:")):
        raise UsageError(
            f"QUAKELENS_TRACKING_URI names an MLflow server ({uri}); to start one, set it to the database, such as "
            "postgresql://..."
        )
    page = f"http://{_reached(host)}:{port}"
    # Not on the command line, where every user of the machine could read a password.
    own = {"MLFLOW_BACKEND_STORE_URI": re.sub(r"^postgresql://", "postgresql+psycopg://", uri)}
    if uri.startswith("sqlite:"):
        own["MLFLOW_DEFAULT_ARTIFACT_ROOT"] = (workspace.mlruns / "artifacts").as_posix()
    else:  # its clients reach no folder of this machine, so it passes models on
        own["MLFLOW_ARTIFACTS_DESTINATION"] = (workspace.mlruns / "artifacts").as_posix()
    return Part(
        "mlflow",
        (sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"),
        {**own, **environment(workspace, "")},
        page=page,
        health=f"{page}/health",
    )


def environment(workspace: Workspace, api_url: str) -> dict[str, str]:
    """The environment of a part; what is set in that of this process wins over what is only usual."""
    usual = {
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # six processes of 250 MB for what is not used here
        "PREFECT_HOME": str(home(workspace) / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # By itself Prefect holds them in memory: a server that starts again would end the runs that hold a slot of a
        # limit, and count the slots of dead runs as taken for ever.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # Its page; by itself it writes that beside the program, which a service may not.
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home(workspace) / "prefect-page"),
        # Runs older than 90 days go, too; by itself Prefect removes events only.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PYTHONUNBUFFERED": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "2",  # ten by default: half of that is lost from event to flag
    }
    given = {**usual, **os.environ, "QUAKELENS_WORKSPACE": str(workspace.root)}
    # Runs are started as `python`, which must be this one.
    given["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{given.get('PATH', os.defpath)}"
    if api_url:
        given["PREFECT_API_URL"] = api_url
    return given


def home(workspace: Workspace) -> Path:
    """Folder of the station's own files."""
    return workspace.root / "data" / "station"


def free_port(host: str, port: int, option: str) -> int:
    """The port, or any free one for 0.

    Raises:
        UsageError: Another program has it, or the address is not one of this machine.
    """
    try:
        with socket.create_server((host, port)) as taken:
            found: int = taken.getsockname()[1]
            return found
    except OSError as error:
        raise UsageError(f"{host}:{port} cannot be used ({error.strerror}): choose another with {option}") from error


def _reached(host: str) -> str:
    """By which name this machine reaches a server that is bound to an address."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return host if address.version == 4 else f"[{host}]"
