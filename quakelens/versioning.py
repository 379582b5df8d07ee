"""Data versions through DVC's command line: the only module that knows of DVC.

DVC has no supported interface for changing things from Python, so its program is run, with a time limit, and
one at a time: a second DVC process fails at once where it should wait.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from configparser import ConfigParser
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

import quakelens
from quakelens.errors import ERROR_MARK, DiskFull, PipelineError, UsageError
from quakelens.files import no_space, told_of_no_space, write_atomically
from quakelens.locks import exclusive
from quakelens.secrecy import split_login
from quakelens.settings import Settings, Workspace, dvc_remote_of

REMOTE = "storage"
TIMEOUT_S = 6 * 3600.0
_BUSY = ("Unable to acquire lock", "is busy, it is being blocked by")  # by the whole repository, by a stage's files
_RUNNING = re.compile(r"Running stage '(\w+)'")


def initialise(workspace: Workspace, settings: Settings) -> list[Path]:
    """Make a folder a workspace: params.yaml, dvc.yaml, DVC with a remote. What is there stays.

    Returns:
        The files that were written.

    Raises:
        PipelineError: DVC refused.
        UsageError: The remote's address holds a password.
    """
    workspace.root.mkdir(parents=True, exist_ok=True)
    written = []
    for path in (workspace.params, workspace.pipeline):
        if not path.exists():
            with write_atomically(path) as file:
                file.write(_template(path.name))
            written.append(path)
    if _point_at_code(workspace.pipeline) and workspace.pipeline not in written:
        written.append(workspace.pipeline)
    if not (workspace.root / ".dvc" / "config").exists():
        git = [] if (workspace.root / ".git").exists() else ["--no-scm"]
        run(workspace, ["init", "--force", *git])
        run(workspace, ["config", "core.analytics", "false"])
        run(workspace, ["config", "core.check_update", "false"])
        run(workspace, ["remote", "add", "--default", REMOTE, "dvc-remote"])
        written.append(workspace.root / ".dvc" / "config")
    elif not _is_in_git(workspace.root) and "no_scm" not in _dvc_config(workspace.root):
        # A checkout that came as an archive: its configuration expects git, and DVC would refuse everything.
        run(workspace, ["config", "--local", "core.no_scm", "true"])
    if (remote := dvc_remote_of(settings)) is not None:
        if split_login(remote)[2]:
            raise UsageError(
                "QUAKELENS_DVC_REMOTE holds a password, which DVC would keep in a file: give the address without it, "
                "and the login as DVC's own options or the variables of its storage, such as AWS_SECRET_ACCESS_KEY"
            )
        run(workspace, ["remote", "modify", "--local", REMOTE, "url", remote])
    return written


def _is_in_git(folder: Path) -> bool:
    return any((above / ".git").exists() for above in (folder, *folder.parents))


def _dvc_config(root: Path) -> str:
    files = (root / ".dvc" / "config", root / ".dvc" / "config.local")
    return "".join(path.read_text(encoding="utf-8") for path in files if path.is_file())


def track(workspace: Workspace, folders: Iterable[Path]) -> None:
    """Put folders under DVC in their present state."""
    names = [str(folder.relative_to(workspace.root)) for folder in sorted(folders)]
    if names:
        run(workspace, ["add", *names])


def push(workspace: Workspace, targets: Iterable[Path] = ()) -> None:
    """Copy tracked data to the remote, what is not there yet: of some targets or all."""
    run(workspace, ["push", *(str(target.relative_to(workspace.root)) for target in targets)])


def bring(workspace: Workspace) -> None:
    """Fetch from the remote the labelled folders that are tracked and not here, as on a machine that is new."""
    missing = [path for path in sorted(workspace.labelled.glob("*.dvc")) if not path.with_suffix("").exists()]
    if missing:
        run(workspace, ["pull", *(str(path.relative_to(workspace.root)) for path in missing)])


@dataclass(frozen=True, slots=True)
class Place:
    """Where DVC keeps files: an address for fsspec, and the options that it needs."""

    url: str
    options: dict[str, Any]


def places(workspace: Workspace) -> list[Place]:
    """DVC's cache, and its remote where there is one; none where DVC was not set up."""
    folder = workspace.root / ".dvc"
    if not (folder / "config").is_file():
        return []
    config = ConfigParser(interpolation=None)
    config.read([folder / "config", folder / "config.local"], encoding="utf-8")
    cache = config.get("cache", "dir", fallback="cache")
    found = [Place(str((folder / cache).resolve()), {})]
    remote = f"'remote \"{config.get('core', 'remote', fallback=REMOTE)}\"'"
    if config.has_option(remote, "url"):
        url = config.get(remote, "url")
        if "://" not in url:
            url = str((folder / url).resolve())
        found.append(Place(url, _options(url, dict(config.items(remote)))))
    return found


def _options(url: str, remote: dict[str, str]) -> dict[str, Any]:
    """A remote's options as fsspec's filesystem for S3 calls them; other remotes take none from DVC's file."""
    if not url.startswith("s3://"):
        return {}
    names = {"access_key_id": "key", "secret_access_key": "secret", "session_token": "token", "profile": "profile"}
    options: dict[str, Any] = {ours: remote[theirs] for theirs, ours in names.items() if theirs in remote}
    client = {"endpointurl": "endpoint_url", "region": "region_name"}
    client_options = {ours: remote[theirs] for theirs, ours in client.items() if theirs in remote}
    return options | ({"client_kwargs": client_options} if client_options else {})


def reproduce(workspace: Workspace, on_line: Callable[[str], None] | None = None) -> list[str]:
    """Run the stages whose inputs changed, in order.

    Args:
        workspace: Of the pipeline.
        on_line: Given each line that DVC and the stages print.

    Returns:
        The stages that ran.

    Raises:
        PipelineError: A stage failed; the message is the stage's own.
    """
    output = run(workspace, ["repro"], on_line=on_line)
    return [found.group(1) for line in output if (found := _RUNNING.search(line))]


def data_hash(workspace: Workspace) -> str:
    """DVC's hash of the labelled data that the last `reproduce` used.

    Raises:
        PipelineError: The pipeline has not run.
    """
    try:
        lock = yaml.safe_load((workspace.root / "dvc.lock").read_text(encoding="utf-8"))
        deps: list[dict[str, Any]] = lock["stages"]["prepare"]["deps"]
    except (FileNotFoundError, KeyError, TypeError) as error:
        raise PipelineError(f"{workspace.root / 'dvc.lock'} tells no data hash: run `quakelens retrain`") from error
    return next(str(dep["md5"]) for dep in deps if dep["path"] == "data/labelled")


def labelled_changed(workspace: Workspace) -> bool:
    """Whether there is labelled data, and it is other than that which the last `reproduce` used."""
    if not workspace.labelled.is_dir() or not (workspace.root / ".dvc").is_dir():
        return False
    told = json.loads("".join(run(workspace, ["status", "--json", "prepare"])) or "{}")
    changes = [each for each in told.get("prepare", []) if isinstance(each, dict)]
    return any("data/labelled" in each.get("changed deps", {}) for each in changes)


def run(
    workspace: Workspace,
    arguments: list[str],
    *,
    on_line: Callable[[str], None] | None = None,
    busy_wait_s: float = 600.0,
) -> list[str]:
    """Run one DVC command in the workspace and return what it printed.

    Another DVC process, also one that outlived a killed quakelens, is waited for.

    Raises:
        PipelineError: It failed or ran past its time.
        DiskFull: It found no space.
        Busy: Another quakelens process holds the lock for too long.
    """
    deadline = time.monotonic() + busy_wait_s
    with exclusive(workspace.locks / "dvc.lock", "DVC", wait_s=busy_wait_s):
        while True:
            code, lines = _run_once(workspace, arguments, on_line)
            if code == 0:
                return lines
            if not any(words in line for line in lines for words in _BUSY) or time.monotonic() > deadline:
                told = _explain(arguments, lines)
                full = told_of_no_space(lines)
                if full is None:
                    raise PipelineError(told)
                raise DiskFull(told) if any(ERROR_MARK in line for line in lines) else no_space(workspace.root, full)
            time.sleep(1.0)


def _run_once(
    workspace: Workspace, arguments: list[str], on_line: Callable[[str], None] | None
) -> tuple[int, list[str]]:
    binaries = Path(sys.executable).parent
    environment = {
        **os.environ,
        "QUAKELENS_WORKSPACE": str(workspace.root),
        "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
        "DVC_NO_ANALYTICS": "1",
        "PYTHONUNBUFFERED": "1",
        "QUAKELENS_LOG": "text",  # a stage's lines are read here, and told again in the form asked for
    }
    kept: deque[str] = deque(maxlen=10_000)
    with subprocess.Popen(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=workspace.root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        deadline = time.monotonic() + TIMEOUT_S
        assert process.stdout is not None
        for raw in process.stdout:
            line = raw.rstrip()
            kept.append(line)
            if on_line:
                on_line(line)
            if time.monotonic() > deadline:
                process.kill()
                kept.append(f"stopped after {TIMEOUT_S:.0f} s")
        return process.wait(), list(kept)


def _explain(arguments: list[str], lines: list[str]) -> str:
    own = [line.partition(ERROR_MARK)[2] for line in lines if ERROR_MARK in line]
    if own:
        start = next(number for number, line in enumerate(lines) if ERROR_MARK in line)
        rest = [line for line in lines[start + 1 :] if not line.startswith("ERROR: ")]
        return "\n".join([own[0], *[line for line in rest if line.strip()]])
    told = "\n".join(lines[-8:]) or "it printed nothing"
    return f"`dvc {' '.join(arguments)}` failed: {told}"


def _template(name: str) -> bytes:
    packaged = resources.files(quakelens) / "templates" / name
    if packaged.is_file():
        return packaged.read_bytes()
    return (Path(quakelens.__file__).parents[1] / name).read_bytes()


def _point_at_code(pipeline: Path) -> bool:
    """Set the variable `code` of dvc.yaml to where the package lies; whether that changed the file."""
    code = os.path.relpath(Path(quakelens.__file__).parent, pipeline.parent)
    text = pipeline.read_text(encoding="utf-8")
    changed = re.sub(r"^(\s*- code: ).*$", lambda found: found.group(1) + code, text, count=1, flags=re.M)
    if changed == text:
        return False
    with write_atomically(pipeline) as file:
        file.write(changed.encode())
    return True
