"""Retrain: changed data or parameters in, a judged model out, the better one goes live."""

from __future__ import annotations

from prefect import flow

from quakelens.locks import exclusive
from quakelens.params import read_params
from quakelens.retraining.steps import Outcome, concluded
from quakelens.settings import read_settings, workspace_of
from tasks.edge import told
from tasks.retraining import build, conclude, judge, register


@flow(name="retrain", validate_parameters=False)
@told
def retrain() -> Outcome:
    """Run the pipeline on the workspace, register what it made, compare it with the champion.

    Killed at any moment and started again, it goes on where it was.

    Raises:
        Busy: Another retraining of this workspace is at work.
        PipelineError: A stage failed.
    """
    settings = read_settings()
    workspace = workspace_of(settings)
    with exclusive(workspace.locks / "retrain.lock", "retraining", wait_s=5):
        params = read_params(workspace.params)
        built = build(workspace, settings, params)
        before = concluded(workspace, built)
        if before is not None:
            return before
        version = register(workspace, settings, params, built)
        decision = judge(workspace, settings, params, built, version)
        return conclude(workspace, settings, built, version, decision)
