"""Prefect's artifacts: what a run came to, on its page. Keys stay the same, so that a figure can be followed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from quakelens import run_tables
from quakelens.evaluation.gate import GateDecision
from quakelens.harvest import PagesResult
from quakelens.harvest.summary import HarvestSummary
from quakelens.purge.summary import PurgeSummary
from quakelens.scoring_archive.results import ArchiveSummary
from quakelens.settings import Workspace
from quakelens.stages.evaluate import METRICS
from quakelens.status import RECENT
from quakelens.store import Store, earthquakes


def show_watched(store: Store, now: datetime) -> None:
    """The earthquakes of the last days and what was decided of them."""
    rows = run_tables.of_watch(earthquakes.since(store, now - RECENT))
    create_table_artifact(rows, key="watch", description="Earthquakes of the last days, and the rule's decision")


def show_harvest(summary: HarvestSummary, pages: Sequence[PagesResult]) -> None:
    """What the networks gave, and what became of it."""
    create_table_artifact(run_tables.of_sources(pages), key="harvest-sources", description="What each network gave")
    of = f"Earthquake {run_tables.markdown(summary.earthquake)}, over all runs"
    create_table_artifact(run_tables.of_harvest(summary), key="harvest", description=of)


def show_archive(summary: ArchiveSummary) -> None:
    """What an archive's pictures came to."""
    create_table_artifact(run_tables.of_archive(summary), key="score-archive", description="The whole archive")


def show_purge(summary: PurgeSummary) -> None:
    """What the networks said of the posts, and what went."""
    create_table_artifact(run_tables.of_purge(summary), key="purge", description="Posts that were asked for")


def show_retraining(workspace: Workspace, version: str, decision: GateDecision) -> None:
    """The figures by held-out earthquake, the gate's decision, and the plots."""
    create_markdown_artifact(run_tables.gate_page(version, decision, datetime.now(UTC)), key="gate")
    path = workspace.evaluated / METRICS
    if path.is_file():
        held_out = json.loads(path.read_text(encoding="utf-8"))["held_out"]
        create_table_artifact(
            run_tables.of_retrain(held_out, decision), key="retrain",
            description=f"Version {run_tables.markdown(version)} on earthquakes that training has not seen",
        )  # fmt: skip
    if plots := run_tables.plots_page(workspace.evaluated / "plots"):
        create_markdown_artifact(plots, key="retrain-plots")
