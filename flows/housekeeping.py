"""Housekeeping: old runs, files that nobody needs, the store's database."""

from __future__ import annotations

from datetime import timedelta

from prefect import flow

from quakelens.settings import read_settings, store_url_of, workspace_of
from quakelens.store import open_store
from tasks.edge import told
from tasks.upkeep import refresh_store, remove_old_runs, tell, tidy_files


@flow(name="housekeeping")
@told
def housekeeping(keep_days: int = 2) -> None:
    """Remove old runs of frequent deployments, half-written files and old copies of models; tend the store.

    Args:
        keep_days: For how long ended runs of `watch` and of the hourly check of the data stay on Prefect's page.
    """
    settings = read_settings()
    workspace = workspace_of(settings)
    removed = remove_old_runs(timedelta(days=keep_days))
    tidied = tidy_files(workspace, settings)
    store = open_store(store_url_of(settings, workspace))
    try:
        freed = refresh_store(store)
    finally:
        store.close()
    tell(removed, tidied, freed)
