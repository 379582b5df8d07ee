"""The steps of retraining."""

from __future__ import annotations

import logging
import re

from prefect import task
from prefect.cache_policies import NO_CACHE

from quakelens.evaluation.gate import GateDecision
from quakelens.params import Params
from quakelens.retraining import steps
from quakelens.retraining.steps import Built, Outcome
from quakelens.settings import Settings, Workspace
from tasks.showing import show_retraining

logger = logging.getLogger("quakelens.retrain")


_TOLD = re.compile(r"Running stage|^(warning|prepare|features|train|evaluate|export)\b")


def _tell(line: str) -> None:
    if _TOLD.search(line):
        logger.info("  %s", line)


@task(name="build", cache_policy=NO_CACHE, timeout_seconds=6 * 3600)
def build(workspace: Workspace, settings: Settings, params: Params) -> Built:
    """Run the DVC stages whose inputs changed."""
    return steps.build(workspace, settings, params, on_line=_tell)


@task(name="register", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=5, timeout_seconds=1800)
def register(workspace: Workspace, settings: Settings, params: Params, built: Built) -> str:
    """Log to MLflow and register the model, each once."""
    return steps.register(workspace, settings, params, built)


@task(name="judge", cache_policy=NO_CACHE, timeout_seconds=3600)
def judge(workspace: Workspace, settings: Settings, params: Params, built: Built, version: str) -> GateDecision:
    """Let the gate compare the challenger with the champion."""
    decision = steps.judge(workspace, settings, params, built, version)
    logger.info("%s", decision.reason)
    return decision


@task(name="conclude", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=5, timeout_seconds=600)
def conclude(workspace: Workspace, settings: Settings, built: Built, version: str, decision: GateDecision) -> Outcome:
    """Record the decision and move the alias if it says so."""
    outcome = steps.conclude(workspace, settings, built, version, decision)
    show_retraining(workspace, version, decision)
    return outcome
