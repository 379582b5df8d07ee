"""The steps of housekeeping."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
)
from prefect.exceptions import ObjectNotFound

from quakelens.housekeeping import Tidied, tidy
from quakelens.registry.lookup import find
from quakelens.registry.names import CHAMPION
from quakelens.settings import Settings, Workspace
from quakelens.store import Store, runs, upkeep

logger = logging.getLogger("quakelens.housekeeping")

HOUR = 3600

FREQUENT = ("watch", "retrain-if-changed")
"""Deployments of which there is a run every few minutes, that nobody looks at later."""


@task(name="remove old runs", cache_policy=NO_CACHE, timeout_seconds=HOUR)
def remove_old_runs(older_than: timedelta) -> int:
    """Remove from Prefect's server the ended runs of frequent deployments; others it removes by itself, later."""
    before = datetime.now(UTC) - older_than
    removed = 0
    with get_client(sync_client=True) as client:
        while runs := client.read_flow_runs(
            deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=list(FREQUENT))),
            flow_run_filter=FlowRunFilter(end_time=FlowRunFilterEndTime.model_validate({"before_": before})),
            limit=200,
        ):
            for run in runs:
                try:
                    client.delete_flow_run(run.id)
                    removed += 1
                except ObjectNotFound:
                    continue  # another housekeeping was quicker
    return removed


@task(name="tidy files", cache_policy=NO_CACHE, timeout_seconds=HOUR)
def tidy_files(workspace: Workspace, settings: Settings) -> Tidied:
    """Remove half-written files and old copies of models."""
    return tidy(workspace, find(CHAMPION, workspace, settings).version)


@task(name="refresh store", cache_policy=NO_CACHE, timeout_seconds=HOUR)
def refresh_store(store: Store) -> int:
    """Keep the store small and quick; the bytes that it gave back."""
    return upkeep.refresh(store, in_use=runs.any_alive(store, datetime.now(UTC)))


@task(name="summarise", cache_policy=NO_CACHE, timeout_seconds=600)
def tell(removed_runs: int, tidied: Tidied, freed: int) -> None:
    """Say what was done, also on Prefect's page."""
    row = {
        "old runs": removed_runs, "half-written files": tidied.partial, "copies of models": tidied.models,
        "MB of the store": round(freed / 1e6, 1),
    }  # fmt: skip
    logger.info("removed: %s", ", ".join(f"{number} {what}" for what, number in row.items()))
    create_table_artifact([row], key="housekeeping")
