"""The steps of removing posts."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE

from quakelens.errors import UsageError
from quakelens.params import Params
from quakelens.progress import progress
from quakelens.purge.pictures import remove_strays
from quakelens.purge.recheck import PurgeBudget, Rechecked, recheck
from quakelens.purge.remove import Completed, complete
from quakelens.purge.summary import PurgeSummary, lines
from quakelens.settings import Settings, Workspace
from quakelens.sources.presences import open_presence
from quakelens.store import Store, runs
from tasks.showing import show_purge

logger = logging.getLogger("quakelens.purge")

HOUR = 3600


@task(name="recheck posts", cache_policy=NO_CACHE, timeout_seconds=6 * HOUR)
def recheck_posts(
    store: Store, network: str, settings: Settings, params: Params, now: datetime, older_than: timedelta
) -> Rechecked:
    """Ask one network about the posts that were not checked lately."""
    try:
        presence = open_presence(network, settings)
    except UsageError as error:
        return Rechecked(network, state="refused", stopped_because=str(error))
    with progress(f"{network}: posts") as report:
        return recheck(
            store, presence, params.duplicates, now, older_than,
            budget=PurgeBudget(settings.budget_purge_usd, settings.budget_day_usd), on_post=report,
        )  # fmt: skip


@task(name="remove files", cache_policy=NO_CACHE, timeout_seconds=6 * HOUR)
def remove_files(store: Store, workspace: Workspace, settings: Settings, now: datetime) -> Completed:
    """Remove from the files what has left the store."""
    return complete(store, workspace, settings, now)


@task(name="remove strays", cache_policy=NO_CACHE, timeout_seconds=HOUR)
def remove_stray_files(store: Store, workspace: Workspace) -> int:
    """Remove files that nothing in the store names; young ones only while nobody harvests."""
    return remove_strays(store, workspace, younger=not runs.any_alive(store, datetime.now(UTC)))


@task(name="summarise", cache_policy=NO_CACHE, timeout_seconds=600)
def tell(summary: PurgeSummary) -> PurgeSummary:
    """Say what came of it, also on Prefect's page."""
    for line in lines(summary):
        logger.info("%s", line)
    show_purge(summary)
    return summary
