"""Reaching the flows from the command line without importing them.

Imports go one way, flows to tasks to quakelens; so the program finds a flow by its entry point, as any other
package's flows could be found.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from quakelens.errors import UsageError
from quakelens.logs import speak
from quakelens.settings import Workspace

__all__ = ["load_flow", "speak"]

GROUP = "quakelens.flows"


def announce_champion(version: str, reason: str, workspace: Workspace) -> None:
    """Have those told that the Prefect server notifies, where PREFECT_API_URL names one."""
    if "PREFECT_API_URL" in os.environ:
        load_flow("announce_champion", workspace)(version, reason)


def load_flow(name: str, workspace: Workspace) -> Callable[..., Any]:
    """Import a flow to be run in this process.

    Without a Prefect server in the environment (PREFECT_API_URL) Prefect starts its own for the time of the
    run; its database then lies in the workspace.

    Raises:
        UsageError: There is no such flow; quakelens is not installed as a package.
    """
    defaults = {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }
    if "PREFECT_API_URL" not in os.environ:
        home = workspace.root / "data" / "prefect"
        home.mkdir(parents=True, exist_ok=True)  # Prefect makes the last folder only, and then has no database
        defaults["PREFECT_HOME"] = str(home)
    for key, value in defaults.items():
        os.environ.setdefault(key, value)
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise UsageError(f"the flow `{name}` is not installed: run `make setup`, or `pip install` quakelens")
    loaded: Callable[..., Any] = next(iter(found)).load()
    return loaded
