"""Taking removed pictures out of the labelled data, its versions, and what was derived from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from quakelens import versioning
from quakelens.dataset.labelled import TABLE, read_collection
from quakelens.dataset.remove import remove
from quakelens.purge.derived import mentions, remove_derived
from quakelens.purge.versions import open_objects, remove_versions
from quakelens.registry.lookup import artifact_folders
from quakelens.settings import Settings, Workspace
from quakelens.store import Store, todo
from quakelens.store.todo import Task


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """What went: labelled pictures, derived files, files of earlier versions."""

    pictures: int
    derived: int
    versions: int


def remove_labelled(
    store: Store, workspace: Workspace, settings: Settings, now: datetime
) -> tuple[Unlabelled, list[str]]:
    """Remove the pictures on the list from data/labelled, so that the next version of the data is without them.

    1. Their files and rows go, and DVC tracks the folders anew and pushes them.
    2. The pipeline's outputs and MLflow's artifacts lose their rows, features and sheets.
    3. Earlier versions in DVC's cache and on its remote lose them.

    Returns:
        What went, and a sentence for what could not be reached; then all stay on the list.

    Raises:
        DataError: A manifest has rows that cannot be read.
        PipelineError: DVC failed.
        Busy: Another process changes the data for too long.
    """
    tasks = todo.pending(store, "labelled")
    sha256s = frozenset(task.name for task in tasks)
    if not sha256s:
        return Unlabelled(0, 0, 0), []
    collection = read_collection(workspace.labelled)
    problems = [
        f"{workspace.labelled / fault.path}: {fault.what}, then `quakelens purge` again"
        for fault in collection.faults
        if fault.kind == "not_pulled"
    ]
    held = [picture for picture in collection.pictures if picture.sha256 in sha256s]
    with store.write() as connection:  # a kill after the pictures went must not leave their folders as they were
        todo.add(connection, {Task("folder", "", picture.event) for picture in held}, now)
    remove(workspace.labelled, sha256s)
    _track(store, workspace)
    artifacts = artifact_folders(workspace, settings)
    derived = remove_derived(workspace, artifacts or (), sha256s)
    if artifacts is None:
        derived += _remove_from_server(workspace, settings, sha256s)
    versions = sum(remove_versions(open_objects(place), sha256s) for place in versioning.places(workspace))
    if not problems:
        todo.done(store, tasks)
    return Unlabelled(len(held), derived, versions), problems


def _track(store: Store, workspace: Workspace) -> None:
    folders = todo.pending(store, "folder")
    left = [workspace.labelled / task.name for task in folders if (workspace.labelled / task.name / TABLE).is_file()]
    if left:
        versioning.track(workspace, left)
        versioning.push(workspace, [folder.with_name(f"{folder.name}.dvc") for folder in left])
    todo.done(store, folders)


def _remove_from_server(workspace: Workspace, settings: Settings, sha256s: frozenset[str]) -> int:
    """MLflow's artifacts where they are not files of the workspace."""
    from quakelens.registry.registry import Registry

    return Registry(workspace, settings).forget(lambda name, content: mentions(name, content, sha256s))
