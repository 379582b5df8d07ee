"""The steps of retraining."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event
from prefect.settings import get_current_settings

from quakelens.evaluation.gate import GateDecision
from quakelens.locks import exclusive
from quakelens.params import Params
from quakelens.retraining import steps
from quakelens.retraining.steps import Built, Outcome
from quakelens.settings import Settings, Workspace
from tasks.limits import held
from tasks.showing import show_retraining
from tasks.trying import may_pass

logger = logging.getLogger("quakelens.retrain")

RETRAIN_LIMIT = "quakelens-retrain"
"""Global concurrency limit of the Prefect server: one retraining at a time, over all machines."""

PROMOTED = "quakelens.model.promoted"
"""Event: another version is the champion."""

_WAIT_S = 5


@contextmanager
def one_at_a_time(workspace: Workspace) -> Iterator[None]:
    """Keep other retrainings away: of this workspace by a lock file, of other machines by the server's limit.

    Where no server is named there is no limit: Prefect's own is only there for the time of the run.

    Raises:
        Busy: Another one is at work.
        UsageError: The server lacks the limit.
    """
    with ExitStack() as keeping:
        keeping.enter_context(exclusive(workspace.locks / "retrain.lock", "retraining", wait_s=_WAIT_S))
        if get_current_settings().api.url is not None:
            keeping.enter_context(held(RETRAIN_LIMIT, workspace.locks / "retrain.lease"))
        yield


def announce_champion(version: str, reason: str) -> None:
    """Say that another version is the champion, for those whom the server notifies."""
    emit_event(
        PROMOTED,
        resource={"prefect.resource.id": f"quakelens.model.{version}", "prefect.resource.name": f"version {version}"},
        payload={"version": version, "reason": reason},
    )


_TOLD = re.compile(r"Running stage|^(warning|prepare|features|train|evaluate|export)\b")


def _tell(line: str) -> None:
    if _TOLD.search(line):
        logger.info("  %s", line)


@task(name="build", cache_policy=NO_CACHE, timeout_seconds=6 * 3600)
def build(workspace: Workspace, settings: Settings, params: Params) -> Built:
    """Run the DVC stages whose inputs changed."""
    return steps.build(workspace, settings, params, on_line=_tell)


@task(
    name="register",
    cache_policy=NO_CACHE,
    retries=2,
    retry_condition_fn=may_pass,
    retry_delay_seconds=5,
    timeout_seconds=1800,
)
def register(workspace: Workspace, settings: Settings, params: Params, built: Built) -> str:
    """Log to MLflow and register the model, each once."""
    return steps.register(workspace, settings, params, built)


@task(name="judge", cache_policy=NO_CACHE, timeout_seconds=3600)
def judge(workspace: Workspace, settings: Settings, params: Params, built: Built, version: str) -> GateDecision:
    """Let the gate compare the challenger with the champion."""
    decision = steps.judge(workspace, settings, params, built, version)
    logger.info("%s", decision.reason)
    return decision


@task(
    name="conclude",
    cache_policy=NO_CACHE,
    retries=2,
    retry_condition_fn=may_pass,
    retry_delay_seconds=5,
    timeout_seconds=600,
)
def conclude(workspace: Workspace, settings: Settings, built: Built, version: str, decision: GateDecision) -> Outcome:
    """Record the decision and move the alias if it says so."""
    outcome = steps.conclude(workspace, settings, built, version, decision)
    show_retraining(workspace, version, decision)
    if outcome.promoted:
        announce_champion(version, outcome.reason)
    return outcome
