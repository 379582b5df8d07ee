"""Writing a report in a process of its own.

Its memory, which grows with the pictures that it shows, goes with the process, so a long harvest stays flat; and the
harvest's threads need not share an interpreter with it. `python -m quakelens.report.apart` is that process: it reads
what it is to do from its input, as JSON, and ends with the exit code of the error that it met.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from quakelens.errors import ERROR_MARK, Busy, ModelError, QuakelensError, StorageError, UsageError
from quakelens.logs import about, context, relay, speak
from quakelens.registry.lookup import Found
from quakelens.report.current import report_on
from quakelens.report.view import ReportFiles
from quakelens.report.write import files_in
from quakelens.secrecy import remember_address
from quakelens.settings import Workspace
from quakelens.store import Store, earthquakes, open_store

_NICE = 5  # new pictures are scored first
_RAISED: dict[int, type[QuakelensError]] = {
    error.exit_code: error for error in (UsageError, ModelError, Busy, StorageError)
}
_LAST_LINES = 20


def report_apart(
    store: Store, earthquake_id: str, model: Found, workspace: Workspace, now: datetime, notice: str | None = None
) -> ReportFiles:
    """Do what `quakelens.report.current.report_on` does, in another process.

    Raises:
        UsageError, ModelError, Busy, StorageError: As `report_on`.
        RuntimeError: The process ended otherwise; its last words are in the message.
    """
    asked = {
        "store": store.url.render_as_string(hide_password=False), "earthquake": earthquake_id,
        "version": model.version, "model": os.fspath(model.folder), "workspace": os.fspath(workspace.root),
        "files_url": workspace.files_url, "now": now.isoformat(), "notice": notice, "about": context(),
    }  # fmt: skip
    # By its input, as a password in the store's address would be seen by others on a command line.
    done = subprocess.run(
        [sys.executable, "-m", __name__], input=json.dumps(asked), capture_output=True, encoding="utf-8",
        errors="replace", check=False,
    )  # fmt: skip
    said = relay(done.stderr)
    if done.returncode == 0:
        return files_in(workspace.reports, earthquakes.get(store, earthquake_id).key)
    if done.returncode in _RAISED and ERROR_MARK in said:
        raise _RAISED[done.returncode](said.rpartition(ERROR_MARK)[2].strip())
    ended = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
    words = "\n".join(said.strip().splitlines()[-_LAST_LINES:])
    raise RuntimeError(f"the process that wrote the report of {earthquake_id} ended with {ended}: {words or 'no word'}")


def _main() -> None:
    os.nice(_NICE)
    asked = json.load(sys.stdin)
    os.environ["QUAKELENS_LOG"] = "json"  # read by `relay`
    remember_address(asked["store"])
    speak()
    try:
        with about(**asked["about"]):
            _write(asked)
    except QuakelensError as error:
        print(f"{ERROR_MARK}{error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _write(asked: dict[str, Any]) -> None:
    store = open_store(asked["store"])
    try:
        report_on(
            store, asked["earthquake"], Found(asked["version"], Path(asked["model"])),
            Workspace(Path(asked["workspace"]), asked["files_url"]), datetime.fromisoformat(asked["now"]),
            asked["notice"],
        )  # fmt: skip
    finally:
        store.close()


if __name__ == "__main__":
    _main()
