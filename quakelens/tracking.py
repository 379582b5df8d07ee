"""One MLflow run for each retraining: parameters, figures, plots, the data's hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from quakelens.params import Params
from quakelens.registry.names import BUNDLE_TAG, DATA_TAG
from quakelens.registry.registry import Registry


def log_run(registry: Registry, params: Params, metrics: Mapping[str, Any], evaluated: Path, *, bundle: str,
            data: str) -> str:  # fmt: skip
    """Log one retraining; if it was logged before, for the same bundle, that run is kept.

    Args:
        registry: Where to.
        params: All of params.yaml but what only concerns harvesting.
        metrics: What the stage `evaluate` returned.
        evaluated: Its folder, logged as artifacts (figures, predictions, plots).
        bundle: sha256 of the exported model.json.
        data: DVC's hash of the labelled data.

    Returns:
        The run's id.
    """
    experiment = registry.experiment()
    known = registry.client.search_runs(
        [experiment], f"tags.{BUNDLE_TAG} = '{bundle}' and attributes.status = 'FINISHED'", max_results=1
    )
    if known:
        return str(known[0].info.run_id)
    mlflow = registry.mlflow
    name = f"retrain-{hashlib.sha256(bundle.encode()).hexdigest()[:8]}"
    with mlflow.start_run(experiment_id=experiment, run_name=name) as run:
        mlflow.set_tags({BUNDLE_TAG: bundle, DATA_TAG: data})
        for section in ("split", "duplicates", "model", "training", "decision", "evaluation", "gate"):
            mlflow.log_params(dict(_named(getattr(params, section).model_dump(mode="json"), f"{section}.")))
        mlflow.log_metrics(dict(flatten(metrics)))
        mlflow.log_artifacts(str(evaluated), "evaluation")
    return str(run.info.run_id)


def flatten(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Numbers of nested figures as `held_out/earthquakes/NAME/auc`; lists and undefined ones are left out."""
    for key, value in metrics.items():
        name = f"{prefix}{key}".replace("@", " at ")
        if isinstance(value, Mapping):
            yield from flatten(value, f"{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield _legal(name), float(value)


def _named(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Parameters of nested sections as `model.first_look.pixels`."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _named(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _legal(name: str) -> str:
    # MLflow takes letters, digits and a few signs in names of metrics.
    return "".join(sign if sign.isalnum() or sign in "_-. /:" else "_" for sign in name)
