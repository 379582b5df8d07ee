"""Runs whose process is gone: found out, and started again.

A worker notices when a process of its own dies. When the worker dies with it, or its whole machine, nobody is left to
say so, and Prefect's page would show the run as running for ever. So each run gives a sign of life every half minute
from when it is about to start, and one that gives none for some minutes is called crashed. `watch` starts lost harvests
again by the store; retrainings and purges are started again here, and go on where they were.
"""

from __future__ import annotations

from datetime import timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from flows.automations import apply
from quakelens.errors import QuakelensError

HEARTBEAT_S = 30
"""Seconds between a run's signs of life; Prefect takes no fewer."""

SILENT = timedelta(minutes=3)
"""A run without a sign of life for so long is gone; five may get lost."""

AGAIN = ("retrain", "retrain-if-changed", "purge")
"""Deployments whose crashed runs are started again."""

_OURS: dict[str, str | list[str]] = {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.quakelens"}


_MOST_CRASHES = 3


def give_up_after(crashes: int) -> None:
    """End a run whose process was killed again and again.

    Args:
        crashes: How many runs before it were killed.

    Raises:
        QuakelensError: Too many.
    """
    if crashes > _MOST_CRASHES:
        raise QuakelensError(
            f"the process of this work was killed {crashes} times in a row, so it is not started again by itself: see "
            "whether the machine has too little memory (`dmesg` tells whom the system killed), then start it by hand"
        )


def recovery(client: SyncPrefectClient) -> list[str]:
    """Make the automations on a server.

    Returns:
        A line each, as `deploying.deploy` has them.
    """
    told = []
    for wanted in (_silent(), *(_again(name) for name in AGAIN)):
        told.append(apply(client, wanted, next(iter(client.read_automations_by_name(wanted.name)), None)))
    return told


def _silent() -> AutomationCore:
    return AutomationCore(
        name="quakelens: a run whose process is gone is crashed",
        description=f"It has given no sign of life for {SILENT}: its worker or its machine is gone, too.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={"prefect.flow-run.Pending", "prefect.flow-run.heartbeat"},
            expect={
                "prefect.flow-run.heartbeat", "prefect.flow-run.Completed", "prefect.flow-run.Failed",
                "prefect.flow-run.Cancelled", "prefect.flow-run.Crashed", "prefect.flow-run.TimedOut",
            },
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related=_OURS,
            for_each={"prefect.resource.id"},
            threshold=1,
            within=SILENT,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED, name="Crashed", force=False,
                message=f"its process is gone: no sign of life for {SILENT.seconds // 60} minutes",
            )
        ],
    )  # fmt: skip


def _again(name: str) -> AutomationCore:
    return AutomationCore(
        name=f"quakelens: {name} again after a crash",
        description="Its process was killed: it is started again after a minute and goes on where it was.",
        trigger=EventTrigger(
            expect={"prefect.flow-run.Crashed"},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.role": "deployment", "prefect.resource.name": name},
            for_each={"prefect.resource.id"},
        ),
        actions=[
            RunDeployment(
                source="inferred", deployment_id=None, job_variables=None, schedule_after=timedelta(minutes=1),
                parameters={"crashes": _one_more()},
            )
        ],
    )  # fmt: skip


def _one_more() -> dict[str, object]:
    return {
        "__prefect_kind": "json",
        "value": {
            "__prefect_kind": "jinja",
            "template": "{{ (flow_run.parameters.get('crashes') or 0) | int + 1 }}",
        },
    }
