"""Retrain: changed data or parameters in, a judged model out, the better one goes live."""

from __future__ import annotations

import logging

from prefect import flow

from flows.recovery import give_up_after
from quakelens.errors import Busy
from quakelens.params import read_params
from quakelens.retraining.steps import Outcome, concluded
from quakelens.settings import read_settings, workspace_of
from quakelens.versioning import labelled_changed
from tasks.edge import told
from tasks.retraining import build, conclude, judge, one_at_a_time, register

logger = logging.getLogger("quakelens.retrain")


@flow(name="retrain")
@told
def retrain(if_changed: bool = False, crashes: int = 0) -> Outcome | None:
    """Run the pipeline on the workspace, register what it made, compare it with the champion.

    Killed at any moment and started again, it goes on where it was.

    Args:
        if_changed: Do nothing, and return None, unless the labelled data changed since the last retraining, or
            while another one is at work: for runs by a schedule.
        crashes: How many runs before this one ended because their process was killed, see `flows.recovery`. Another
            that is at work then does what they left.

    Raises:
        QuakelensError: It was killed too often.
        Busy: Another retraining is at work, and a person has started this one.
        PipelineError: A stage failed.
        UsageError: The Prefect server lacks the limit that keeps retrainings apart.
    """
    give_up_after(crashes)
    settings = read_settings()
    workspace = workspace_of(settings)
    if if_changed and not labelled_changed(workspace):
        logger.info("the labelled data is that of the last retraining: nothing to do")
        return None
    try:
        with one_at_a_time(workspace):
            params = read_params(workspace.params)
            built = build(workspace, settings, params)
            before = concluded(workspace, built)
            if before is not None:
                return before
            version = register(workspace, settings, params, built)
            decision = judge(workspace, settings, params, built, version)
            return conclude(workspace, settings, built, version, decision)
    except Busy as busy:
        if not if_changed and not crashes:
            raise
        logger.info("%s", busy)
        return None
