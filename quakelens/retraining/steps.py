"""Running the pipeline, registering what it made, judging it, and letting it go live."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from quakelens.engine import Engine
from quakelens.errors import PipelineError
from quakelens.evaluation.gate import GateDecision, compare
from quakelens.evaluation.predictions import NO_EARTHQUAKE, Predictions
from quakelens.evaluation.tables import read_predictions
from quakelens.files import write_json
from quakelens.images import read_bytes
from quakelens.model.bundle import MANIFEST, Manifest, TrainedOn, read_manifest, sha256_of
from quakelens.params import Params
from quakelens.registry.lookup import Found, find
from quakelens.registry.names import CHAMPION, DATA_TAG, STARTER
from quakelens.settings import Settings, Workspace
from quakelens.stages.evaluate import METRICS, PREDICTIONS
from quakelens.stages.pictures import Picture, predictions_of, read_pictures
from quakelens.versioning import bring, data_hash, initialise, reproduce

CONCLUDED = "retrained.json"
"""In the workspace's data/: what the last complete retraining ended with."""


@dataclass(frozen=True, slots=True)
class Built:
    """What the pipeline made.

    Attributes:
        stages: Those that ran; the others were up to date.
        bundle: sha256 of the exported model.json.
        data: DVC's hash of the labelled data.
        rule: What the gate goes by and which registry, as text: where it changed, the model is judged anew.
    """

    stages: tuple[str, ...]
    bundle: str
    data: str
    rule: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a retraining ended.

    Attributes:
        version: Of the registered model.
        promoted: It became the champion in this or an earlier retraining.
        reason: The gate's sentence.
        changed: False if nothing had changed since the last retraining.
        stages: Stages that ran.
        bundle: As in `Built`.
        data: As in `Built`.
        rule: As in `Built`.
    """

    version: str
    promoted: bool
    reason: str
    changed: bool
    stages: tuple[str, ...]
    bundle: str
    data: str
    rule: str


def build(
    workspace: Workspace, settings: Settings, params: Params, on_line: Callable[[str], None] | None = None
) -> Built:
    """Bring labelled data that is not here from DVC's remote, and run the stages whose inputs changed.

    Raises:
        PipelineError: A stage failed.
    """
    initialise(workspace, settings)
    bring(workspace)
    if not workspace.labelled.is_dir():
        raise PipelineError(
            f"{workspace.labelled} does not exist: add labelled pictures with `quakelens data add PATH`"
        )
    stages = reproduce(workspace, on_line)
    return Built(
        stages=tuple(stages),
        bundle=sha256_of(workspace.exported / MANIFEST),
        data=data_hash(workspace),
        rule=json.dumps(
            {**params.gate.model_dump(), **params.evaluation.model_dump(), "registry": _other_registry(settings)},
            sort_keys=True,
        ),
    )


def _other_registry(settings: Settings) -> str | None:
    """Which registry the settings name, without a password that its address may hold; None for the workspace's own."""
    uri = settings.tracking_uri
    return None if uri is None else hashlib.sha256(uri.get_secret_value().encode()).hexdigest()[:12]


def concluded(workspace: Workspace, built: Built) -> Outcome | None:
    """The outcome of an earlier retraining that made the same model of the same data, if there is one."""
    path = workspace.root / "data" / CONCLUDED
    if not path.is_file():
        return None
    saved = json.loads(path.read_text(encoding="utf-8"))
    if any(saved.get(key) != getattr(built, key) for key in ("bundle", "data", "rule")):
        return None
    return Outcome(**(saved | {"changed": False, "stages": built.stages}))


def register(workspace: Workspace, settings: Settings, params: Params, built: Built) -> str:
    """Log the retraining to MLflow and register its model, each once; returns the version."""
    from quakelens.registry.registry import Registry
    from quakelens.tracking import log_run

    registry = Registry(workspace, settings)
    metrics = json.loads((workspace.evaluated / METRICS).read_text(encoding="utf-8"))
    run_id = log_run(registry, params, metrics, workspace.evaluated, bundle=built.bundle, data=built.data)
    manifest = read_manifest(workspace.exported)
    tags = {DATA_TAG: built.data, "figures": json.dumps(manifest.figures)}
    return registry.register(run_id, workspace.exported, tags)


def judge(workspace: Workspace, settings: Settings, params: Params, built: Built, version: str) -> GateDecision:
    """Compare the challenger with the champion on held-out pictures that neither was trained on.

    A decision by the same rule that was recorded before, by a retraining that was then killed, stands.
    """
    from quakelens.registry.registry import Registry

    recorded = Registry(workspace, settings).gate_of(version)
    if recorded is not None and recorded["rule"] == built.rule:
        return GateDecision(recorded["promote"], recorded["reason"], recorded["figures"])
    challenger = read_predictions(workspace.evaluated / PREDICTIONS)
    found = find(CHAMPION, workspace, settings)
    if found.version == version:
        return GateDecision(True, f"Version {version} is the champion already")
    options: dict[str, Any] = {"bootstrap": params.evaluation.bootstrap, "seed": params.evaluation.seed}
    if found.version == STARTER:  # nothing is registered that could be replaced
        return compare(None, challenger, params.gate, **options)
    champion = read_manifest(found.folder)
    unseen = _unseen_by(champion.trained_on, challenger)
    challenger = challenger.take(unseen)
    pictures = {picture.sha256: picture for picture in read_pictures(workspace.prepared)}
    scored = _score(found, champion, [pictures[sha256] for sha256 in challenger.sha256], workspace, settings.backend)
    return compare(scored, challenger, params.gate, **options)


def conclude(workspace: Workspace, settings: Settings, built: Built, version: str, decision: GateDecision) -> Outcome:
    """Record the decision, move the alias if it says so, and remember that this retraining is complete.

    The record stays with the version in the registry: the sentence and the figures behind it, the champion and the
    challenger, the hash of the data, and the rule. Of a version that is the champion nothing new was decided, so the
    decision by which it became that stands.
    """
    from quakelens.registry.registry import Registry

    registry = Registry(workspace, settings)
    before = registry.champion()
    facts = {"champion": before, "challenger": version, "data": built.data, "rule": built.rule}
    if before != version:
        registry.decide(version, facts | decision.as_dict())
        if decision.promote:
            registry.promote(version, decision.reason)
    outcome = Outcome(
        version=version,
        promoted=decision.promote,
        reason=decision.reason,
        changed=True,
        stages=built.stages,
        bundle=built.bundle,
        data=built.data,
        rule=built.rule,
    )
    write_json(workspace.root / "data" / CONCLUDED, asdict(outcome))
    return outcome


def _unseen_by(trained_on: TrainedOn, predictions: Predictions) -> Any:
    """`(n,) bool`: pictures of earthquakes, and of sources of no earthquake, that a model has not seen."""
    seen_event = predictions.of_events(trained_on.earthquakes)
    no_earthquake = predictions.of_events([NO_EARTHQUAKE])
    sources = set(trained_on.sources)
    for row, source in enumerate(predictions.source):
        if no_earthquake[row] and source in sources:
            seen_event[row] = True
    return ~seen_event


def _score(
    found: Found, manifest: Manifest, pictures: list[Picture], workspace: Workspace, backend: str
) -> Predictions:
    import numpy as np

    engine = Engine.open(found.folder, version=found.version, backend=backend, exact=True)
    probability = np.empty(len(pictures))
    for start in range(0, len(pictures), engine.batch_size):
        batch = pictures[start : start + engine.batch_size]
        contents = [read_bytes(workspace.labelled / picture.path) for picture in batch]
        for offset, verdict in enumerate(engine.score(contents)):
            if verdict.probability is None:
                raise PipelineError(
                    f"{workspace.labelled / batch[offset].path} cannot be read any more ({verdict.error}): "
                    "run `quakelens data check`"
                )
            probability[start + offset] = verdict.probability
    return predictions_of(pictures, probability, manifest.thresholds)
