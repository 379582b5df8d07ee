"""Starting harvests by events, where a Prefect server and workers do the work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events import emit_event

from quakelens.earthquakes import Earthquake

DUE = "quakelens.earthquake.due"
"""Event by which `watch` says that an earthquake is to be harvested; `earthquake` and `sources` are its payload."""

HARVEST = "harvest-and-score"
"""Name of the deployment that the event starts."""

_STARTING = {StateType.PENDING: timedelta(minutes=3), StateType.RUNNING: timedelta(minutes=1)}
"""A run that was in a state for so long and has not claimed its earthquake will not any more: its process is gone."""


@task(name="find waiting harvests", cache_policy=NO_CACHE, timeout_seconds=60)
def waiting_harvests(now: datetime) -> set[str]:
    """Ids of earthquakes for which a harvest waits for a worker or is just starting.

    One that works is not of interest: it holds its claim in the store.
    """
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[HARVEST])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(
                    type=FlowRunFilterStateType(any_=[StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING])
                )
            ),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        )
    return {str(run.parameters.get("earthquake")) for run in runs if _is_coming(run, now)}


def _is_coming(run: FlowRun, now: datetime) -> bool:
    if run.state is None or run.state.type not in _STARTING:
        return True
    return now - run.state.timestamp < _STARTING[run.state.type]


@task(name="announce", cache_policy=NO_CACHE, timeout_seconds=60)
def announce(earthquake: Earthquake, sources: Sequence[str]) -> None:
    """Say that an earthquake is due; the deployment's trigger starts the harvest.

    An event that gets lost is no harm: the next reading of the feeds says it again.
    """
    emit_event(
        DUE,
        resource={
            "prefect.resource.id": f"quakelens.earthquake.{earthquake.id}",
            "prefect.resource.name": earthquake.title,
        },
        payload={"earthquake": earthquake.id, "sources": list(sources)},
    )
