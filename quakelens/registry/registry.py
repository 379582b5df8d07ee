"""The registry through MLflow: registering, promoting, rolling back, and the record of it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quakelens.errors import RegistryError
from quakelens.locks import exclusive
from quakelens.model.bundle import MANIFEST, read_manifest, sha256_of
from quakelens.registry.names import (
    BUNDLE_ARTIFACT,
    BUNDLE_TAG,
    CHAMPION,
    EXPERIMENT,
    GATE_TAG,
    MODEL,
    PROMOTION_TAG,
)
from quakelens.secrecy import split_login
from quakelens.settings import Settings, Workspace, tracking_uri_of


@dataclass(frozen=True, slots=True)
class Version:
    """One registered version.

    `figures` are the held-out figures from its bundle; `gate` is the gate's decision, None before it.
    """

    version: str
    registered_at: datetime
    champion: bool
    run_id: str | None
    tags: Mapping[str, str]
    gate: dict[str, Any] | None
    figures: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement of the alias `champion`: `kind` is `promote`, `rollback` or `observed`.

    `observed` stands for a movement that another tool made and that was noticed later.
    """

    number: int
    at: datetime
    kind: str
    before: str | None
    after: str
    reason: str


class Registry:
    """MLflow's registry of this workspace."""

    def __init__(self, workspace: Workspace, settings: Settings) -> None:
        self._workspace = workspace
        self._uri = _without_login(tracking_uri_of(workspace, settings))
        # Loading a model must never run what somebody pickled into it.
        os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")  # of a server; by default it is minutes
        import mlflow

        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # it tells of each migration
        self.mlflow = mlflow
        mlflow.set_tracking_uri(self._uri)
        mlflow.set_registry_uri(self._uri)
        self.client = mlflow.MlflowClient()

    def experiment(self) -> str:
        """The id of the experiment; on first use it and the default SQLite registry are created."""
        self._workspace.mlruns.mkdir(parents=True, exist_ok=True)
        with self._explained(), self._lock():  # two processes that create the file at once break it
            found = self.client.get_experiment_by_name(EXPERIMENT)
            if found is not None:
                return str(found.experiment_id)
            local = self._uri.startswith("sqlite:")
            location = (self._workspace.mlruns / "artifacts").as_posix() if local else None
            return str(self.client.create_experiment(EXPERIMENT, artifact_location=location))

    def register(self, run_id: str, bundle: Path, tags: Mapping[str, str]) -> str:
        """Log the bundle to a run and register it; the same bundle is registered only once.

        Returns:
            The version number.
        """
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, Schema

        read_manifest(bundle)
        signature = ModelSignature(
            inputs=Schema([ColSpec("binary", "image")]),
            outputs=Schema([
                ColSpec("double", "probability", required=False), ColSpec("string", "decision", required=False),
                ColSpec("string", "error", required=False),
            ]),
        )  # fmt: skip
        digest = sha256_of(bundle / MANIFEST)
        known = self.version_of_bundle(digest)
        if known is not None:
            return known
        with self._explained(), self._lock():
            # MLflow would like type hints and an input example beside the signature, and insists.
            with self.mlflow.start_run(run_id=run_id), warnings.catch_warnings(record=True):
                logged = self.mlflow.pyfunc.log_model(
                    name="model",
                    python_model=str(Path(__file__).with_name("served_model.py")),
                    artifacts={"bundle": str(bundle)},
                    signature=signature,
                    pip_requirements=["quakelens"],
                )
            self._ensure_model()
            created = self.client.create_model_version(
                MODEL,
                source=logged.artifact_path or logged.model_uri,
                run_id=run_id,
                tags={BUNDLE_TAG: digest, **tags},
                model_id=logged.model_id,
            )
        return str(created.version)

    def version_of_bundle(self, digest: str) -> str | None:
        """The version that was registered from the bundle whose model.json has this sha256."""
        for version in self._search():
            if version.tags.get(BUNDLE_TAG) == digest:
                return str(version.version)
        return None

    def champion(self) -> str | None:
        """The number of the version that the alias names, if any."""
        from mlflow.exceptions import MlflowException

        try:
            return str(self.client.get_model_version_by_alias(MODEL, CHAMPION).version)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise RegistryError(f"the registry at {self._uri} cannot be asked: {error.message}") from None

    def locate(self, ref: str) -> tuple[str | None, str | None]:
        """See `quakelens.registry.lookup`: version and where its artifacts are."""
        number = self.champion() if ref == CHAMPION else ref
        known = {str(version.version) for version in self._search()}
        if number is None or number not in known:
            return None, None
        return number, str(self.client.get_model_version_download_uri(MODEL, number))

    def download(self, version: str) -> Path:
        """Copy a version's bundle from where artifacts are kept into the cache, once."""
        registry = hashlib.sha256(self._uri.encode()).hexdigest()[:12]  # another one has other versions
        target = self._workspace.cache / "models" / registry / version
        if (target / MANIFEST).is_file():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=target.parent) as partial, self._explained():
            fetched = self.mlflow.artifacts.download_artifacts(
                artifact_uri=f"models:/{MODEL}/{version}/{BUNDLE_ARTIFACT}", dst_path=partial
            )
            try:
                Path(fetched).rename(target)
            except OSError:
                if not (target / MANIFEST).is_file():  # else another process was faster
                    raise
        return target

    def decide(self, version: str, gate: Mapping[str, Any]) -> None:
        """Record the gate's decision with the version, unless just this one is recorded; earlier ones are kept."""
        tags = next((found.tags for found in self.versions() if found.version == version), {})
        told, recorded = json.dumps(gate, sort_keys=True), tags.get(GATE_TAG)
        if recorded == told:
            return
        with self._explained():
            if recorded is not None:
                number = 1 + sum(name.startswith(f"{GATE_TAG}-") for name in tags)
                self.client.set_model_version_tag(MODEL, version, f"{GATE_TAG}-{number:06d}", recorded)
            self.client.set_model_version_tag(MODEL, version, GATE_TAG, told)

    def gate_of(self, version: str) -> dict[str, Any] | None:
        """The gate's recorded decision on a version, None before it."""
        return next((found.gate for found in self.versions() if found.version == version), None)

    def promote(self, version: str, reason: str, *, kind: str = "promote") -> Movement:
        """Move the alias to a version and record why.

        Raises:
            RegistryError: There is no such version, or it is the champion already.
        """
        with self._lock():
            self._require(version)
            history, before = self._history_in_step()
            if before == version:
                raise RegistryError(f"version {version} is the champion already")
            return self._move(len(history) + 1, kind, before, version, reason)

    def rollback(self, reason: str) -> Movement:
        """Move the alias back to the champion before the present one.

        Raises:
            RegistryError: There was none before.
        """
        with self._lock():
            history, before = self._history_in_step()
            line = champions_in_line(history)
            if before is None or len(line) < 2:
                raise RegistryError("there is no earlier champion to go back to: see `quakelens models`")
            return self._move(len(history) + 1, "rollback", before, line[-2], reason)

    def history(self) -> list[Movement]:
        """Every recorded movement of the alias, oldest first."""
        from mlflow.exceptions import MlflowException

        try:
            tags = self.client.get_registered_model(MODEL).tags
        except MlflowException:
            return []
        movements = []
        for name, value in tags.items():
            if name.startswith(PROMOTION_TAG):
                entry = json.loads(value)
                entry["at"] = datetime.fromisoformat(entry["at"])
                movements.append(Movement(number=int(name.removeprefix(PROMOTION_TAG)), **entry))
        return sorted(movements, key=lambda movement: movement.number)

    def versions(self) -> list[Version]:
        """Every registered version, newest first."""
        champion = self.champion()
        return [
            Version(
                version=str(found.version),
                registered_at=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
                champion=str(found.version) == champion,
                run_id=found.run_id,
                tags=dict(found.tags),
                gate=json.loads(found.tags[GATE_TAG]) if GATE_TAG in found.tags else None,
                figures=json.loads(found.tags.get("figures", "{}")),
            )
            for found in sorted(self._search(), key=lambda found: -int(found.version))
        ]

    def forget(self, holds: Callable[[str, bytes], bool]) -> int:
        """Remove the tables of evaluations that hold what must go, and the sheets of pictures beside them.

        Args:
            holds: Given the name and the content of a table.

        Returns:
            How many artifacts went.
        """
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        removed = 0
        with self._explained():
            for run in self.client.search_runs([self.experiment()], max_results=10_000):
                artifacts: Any = get_artifact_repository(run.info.artifact_uri)
                there = {item.path for item in artifacts.list_artifacts("evaluation")}
                plots = {item.path for item in artifacts.list_artifacts("evaluation/plots")}
                for path in sorted(there):
                    if path.endswith(".csv") and holds(path, Path(artifacts.download_artifacts(path)).read_bytes()):
                        for sheet in sorted(each for each in plots if each.endswith("worst_mistakes.png")):
                            artifacts.delete_artifacts(sheet)
                            removed += 1
                        artifacts.delete_artifacts(path)
                        removed += 1
        return removed

    def _search(self) -> list[Any]:
        with self._explained():
            return list(self.client.search_model_versions(f"name='{MODEL}'", max_results=10_000))

    def _require(self, version: str) -> None:
        if version not in {str(found.version) for found in self._search()}:
            raise RegistryError(f"there is no version {version} of {MODEL}: `quakelens models` lists all")

    def _history_in_step(self) -> tuple[list[Movement], str | None]:
        """The history, after noting a movement of the alias that it does not know of."""
        history, champion = self.history(), self.champion()
        line = champions_in_line(history)
        recorded = line[-1] if line else None
        if champion is not None and champion != recorded:
            reason = "the alias was found moved by another tool"
            history.append(self._record(len(history) + 1, "observed", recorded, champion, reason))
        return history, champion

    def _move(self, number: int, kind: str, before: str | None, after: str, reason: str) -> Movement:
        with self._explained():
            self.client.set_registered_model_alias(MODEL, CHAMPION, after)
            return self._record(number, kind, before, after, reason)

    def _record(self, number: int, kind: str, before: str | None, after: str, reason: str) -> Movement:
        at = datetime.now(UTC)
        entry = {"at": at.isoformat(), "kind": kind, "before": before, "after": after, "reason": reason}
        with self._explained():
            self.client.set_registered_model_tag(MODEL, f"{PROMOTION_TAG}{number:06d}", json.dumps(entry))
        return Movement(number, at, kind, before, after, reason)

    def _ensure_model(self) -> None:
        if not self.client.search_registered_models(f"name='{MODEL}'"):
            self.client.create_registered_model(MODEL)

    def _lock(self) -> Any:
        return exclusive(self._workspace.locks / "registry.lock", "the model registry")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from mlflow.exceptions import MlflowException

        try:
            yield
        except (
            MlflowException
        ) as error:  # not as its cause: a server may repeat the login, which would be shown with it
            raise RegistryError(f"the registry at {self._uri} refused: {error.message}") from None


def _without_login(uri: str) -> str:
    """A server's address, whose login MLflow is given where it shows it to nobody."""
    if not uri.startswith(("http://", "https://")):
        return uri
    bare, user, password = split_login(uri)
    if password:
        os.environ["MLFLOW_TRACKING_USERNAME"] = user or ""
        os.environ["MLFLOW_TRACKING_PASSWORD"] = password
    return bare


def champions_in_line(history: list[Movement]) -> list[str]:
    """The champions that are in force one upon another; the last is the present one."""
    line: list[str] = []
    for movement in history:
        if movement.kind == "rollback":
            line.pop()
        else:
            line.append(movement.after)
    return line
