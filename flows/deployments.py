"""What runs where and when: every deployment, what starts it, and the limits that hold over all machines.

`quakelens deploy` brings a Prefect server in line with this file; `quakelens serve` does it at each start.

| deployment         | is started                                          | runs at once                          |
|--------------------|-----------------------------------------------------|---------------------------------------|
| watch              | every minute                                        | two; another is dropped               |
| harvest-and-score  | by the event that `watch` emits, or by hand         | `harvests_at_once`; one an earthquake |
| score-archive      | by hand, for a backfill                             | any; one an output folder             |
| retrain            | by hand                                             | one over all machines                 |
| retrain-if-changed | every hour; works if the labelled data changed      | the same one                          |
| purge              | every day at 03:20                                  | one                                   |
| housekeeping       | every day at 04:40                                  | one                                   |

`watch` needs no other to wait for it. Of two, one that died with its machine keeps no other from starting until its
slot is free again, minutes later.

All times are UTC. Follow-up harvests have no schedule of their own: `watch` looks each minute which network is due to
be asked again, by the intervals `harvest.follow_up` of params.yaml, and emits the same event.

No deployment repeats a whole run that failed. Tasks that ask a network try again by themselves; `watch` starts a
failed harvest again after 2, 4, 8, 16 minutes; the others come again by their schedule and go on where they were.
"""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.harvest_and_score import harvest_and_score
from flows.housekeeping import housekeeping
from flows.notifications import TAG
from flows.purge import purge
from flows.recovery import HEARTBEAT_S
from flows.retrain import retrain
from flows.score_archive import score_archive
from flows.watch import watch
from quakelens.settings import Settings
from quakelens.station.parts import POOL
from tasks.retraining import RETRAIN_LIMIT
from tasks.starting import DUE, HARVEST

HOME = "home"
"""Work queue of what needs the labelled data: of several machines, the worker of the one that has it takes from it. The
others take from the queue `default`."""

STARTING_S = 120
"""Seconds that a run may take to start. One that died before it ran holds its slot of a limit for so long."""

LIMITS = {RETRAIN_LIMIT: 1}
"""Global concurrency limits. A flow that finds its limit missing on a server fails, and says so."""


def deployments(settings: Settings) -> list[RunnerDeployment]:
    """Every deployment."""
    due = DeploymentEventTrigger(
        name="quakelens: an earthquake is due",
        description="Starts the harvest of the earthquake that `watch` found due, at the networks that it named.",
        expect={DUE},
        match={"prefect.resource.id": "quakelens.earthquake.*"},
        parameters={
            "earthquake": _of_event("earthquake"),
            "sources": _of_event("sources"),
            "if_due": True,
        },
    )
    return [
        _deployment(
            watch, "watch", schedule=Cron("* * * * *", timezone="UTC"), parameters={"by_event": True},
            concurrency_limit=_at_most(2), tags=["earthquakes"],
        ),
        _deployment(
            harvest_and_score, HARVEST, triggers=[due], tags=["earthquakes"],
            concurrency_limit=_at_most(settings.harvests_at_once, others=ConcurrencyLimitStrategy.ENQUEUE),
        ),
        _deployment(score_archive, "score-archive", work_queue_name=HOME, tags=["archive"]),
        _deployment(retrain, "retrain", work_queue_name=HOME, tags=["model"]),
        _deployment(
            retrain, "retrain-if-changed", schedule=Cron("10 * * * *", timezone="UTC"), parameters={"if_changed": True},
            concurrency_limit=_at_most(1), work_queue_name=HOME, tags=["model"],
        ),
        _deployment(
            purge, "purge", schedule=Cron("20 3 * * *", timezone="UTC"), concurrency_limit=_at_most(1),
            work_queue_name=HOME, tags=["upkeep"],
        ),
        _deployment(
            housekeeping, "housekeeping", schedule=Cron("40 4 * * *", timezone="UTC"),
            concurrency_limit=_at_most(1), work_queue_name=HOME, tags=["upkeep"],
        ),
    ]  # fmt: skip


def _deployment(flow: Any, name: str, *, tags: list[str], **options: Any) -> RunnerDeployment:
    made: RunnerDeployment = flow.to_deployment(
        name,
        work_pool_name=POOL,
        entrypoint_type=EntrypointType.MODULE_PATH,  # quakelens is installed where a worker is: no files are fetched
        tags=[TAG, *tags],
        # Prefect's own way starts three Python processes one after another before the flow is reached.
        job_variables={
            "command": "python -m prefect.engine",
            "env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S)},
        },
        **options,
    )
    return made


def _at_most(
    runs: int, *, others: ConcurrencyLimitStrategy = ConcurrencyLimitStrategy.CANCEL_NEW
) -> ConcurrencyLimitConfig:
    return ConcurrencyLimitConfig(limit=runs, collision_strategy=others, grace_period_seconds=STARTING_S)


def _of_event(key: str) -> dict[str, Any]:
    """A value of the event's payload as it is, not as text."""
    return {
        "__prefect_kind": "json",
        "value": {"__prefect_kind": "jinja", "template": "{{ event.payload." + key + " | tojson }}"},
    }
