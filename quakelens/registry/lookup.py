"""From `champion`, a version number or `starter` to a folder with a whole model, quickly.

The default registry is an SQLite file; asking it directly spares the seconds that importing MLflow takes.
Any other registry, or a file of a form that is not known, is asked through MLflow.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from quakelens.errors import RegistryError
from quakelens.model.bundle import MANIFEST
from quakelens.registry.names import BUNDLE_ARTIFACT, CHAMPION, MODEL, STARTER
from quakelens.settings import Settings, Workspace, tracking_uri_of


@dataclass(frozen=True, slots=True)
class Found:
    """A model, resolved once so that a run keeps it while the champion changes.

    Attributes:
        version: A number as text, or `starter`.
        folder: Of the bundle.
    """

    version: str
    folder: Path


def find(ref: str, workspace: Workspace, settings: Settings) -> Found:
    """Resolve a model reference.

    Args:
        ref: `champion`, which is the starter while no champion is registered; `starter`; or a number.
        workspace: Where the default registry lies.
        settings: May name another registry.

    Raises:
        RegistryError: The reference is malformed, there is no such version, or its files are gone.
        ModelError: The starter cannot be assembled.
    """
    if ref not in (CHAMPION, STARTER) and not ref.isdigit():
        raise RegistryError(f"model `{ref}` is unknown: use champion, starter or a version number")
    if ref == STARTER:
        return _starter()
    version, location = _ask(ref, workspace, settings)
    if version is None:
        if ref == CHAMPION:
            return _starter()
        raise RegistryError(f"there is no version {ref} of {MODEL}: `quakelens models` lists those there are")
    return Found(version, _bundle_folder(version, location, workspace, settings))


def artifact_folders(workspace: Workspace, settings: Settings) -> list[Path] | None:
    """Folders with the artifacts of MLflow's runs; None where they are not all files of this machine.

    MLflow stores absolute paths: what a workspace that was moved logs goes to where it was before.
    """
    uri = tracking_uri_of(workspace, settings)
    if not uri.startswith("sqlite:///"):
        return None
    database = Path(uri.removeprefix("sqlite:///"))
    here = workspace.mlruns / "artifacts"
    if not database.is_file():
        return [here]
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    try:
        uris = [str(row[0]) for row in connection.execute("SELECT DISTINCT artifact_uri FROM runs")]
    except sqlite3.DatabaseError:
        return None
    finally:
        connection.close()
    paths = [each.removeprefix("file://") for each in uris]
    if any(_is_elsewhere(path) for path in paths):
        return None
    return [here, *(Path(path) for path in sorted(paths) if not Path(path).is_relative_to(here))]


def _is_elsewhere(location: str) -> bool:
    """Whether this is an address such as `s3://...` or `mlflow-artifacts:/...`, and no path of this machine."""
    return re.match(r"[a-z][a-z0-9+.-]*:", location) is not None


def _starter() -> Found:
    from quakelens.model.starter import starter_folder

    return Found(STARTER, starter_folder())


def _ask(ref: str, workspace: Workspace, settings: Settings) -> tuple[str | None, str | None]:
    """The version number and where its artifacts are; (None, None) if there is none."""
    uri = tracking_uri_of(workspace, settings)
    if uri.startswith("sqlite:///"):
        database = Path(uri.removeprefix("sqlite:///"))
        if not database.is_file():
            return None, None
        try:
            return _ask_sqlite(database, ref)
        except sqlite3.DatabaseError:
            pass  # another form of MLflow's tables than known here: MLflow itself can read it
    from quakelens.registry.registry import Registry

    return Registry(workspace, settings).locate(ref)


def _ask_sqlite(database: Path, ref: str) -> tuple[str | None, str | None]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    try:
        if ref == CHAMPION:
            row = connection.execute(
                "SELECT v.version, v.storage_location FROM registered_model_aliases a JOIN model_versions v "
                "ON v.name = a.name AND v.version = a.version WHERE a.name = ? AND a.alias = ?",
                (MODEL, CHAMPION),
            ).fetchone()
        else:
            row = connection.execute(
                "SELECT version, storage_location FROM model_versions WHERE name = ? AND version = ?",
                (MODEL, int(ref)),
            ).fetchone()
    finally:
        connection.close()
    return (str(row[0]), row[1]) if row else (None, None)


def _bundle_folder(version: str, location: str | None, workspace: Workspace, settings: Settings) -> Path:
    if location and not _is_elsewhere(location.removeprefix("file://")):
        stored = Path(location.removeprefix("file://"))
        # MLflow stores absolute paths; a workspace that was moved still has the artifacts.
        moved = workspace.mlruns / "artifacts" / "models" / stored.parent.name / stored.name
        for root in (stored, moved):
            if (root / BUNDLE_ARTIFACT / MANIFEST).is_file():
                return root / BUNDLE_ARTIFACT
        raise RegistryError(
            f"version {version} of {MODEL} is registered, but its files are not at {stored}: restore them, "
            "or promote another version with `quakelens promote VERSION`"
        )
    from quakelens.registry.registry import Registry

    return Registry(workspace, settings).download(version)
