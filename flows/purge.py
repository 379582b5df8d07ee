"""Purge: ask the networks which posts are still there; what is gone leaves the store and every file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from prefect import flow

from flows.recovery import give_up_after
from quakelens.errors import QuakelensError, SourceError
from quakelens.params import read_params
from quakelens.purge.summary import PurgeSummary
from quakelens.settings import read_settings, store_url_of, workspace_of
from quakelens.sources.presences import askable
from quakelens.store import checks, open_store
from tasks.edge import told
from tasks.purging import recheck_posts, remove_files, remove_stray_files, tell


@flow(name="purge")
@told
def purge(
    sources: Sequence[str] | None = None, older_than_h: float = 20.0, now: datetime | None = None, crashes: int = 0
) -> PurgeSummary:
    """Ask about every post that was not harvested or checked for some hours, and remove what is gone.

    Killed at any moment and run again, it goes on where it was.

    Args:
        sources: Networks to ask; None for all of which posts are stored.
        older_than_h: Hours since a post was harvested or last found to be there.
        now: The present, UTC; for replays of the past.
        crashes: How many runs before this one ended because their process was killed, see `flows.recovery`.

    Raises:
        SourceError: A network failed or refused; what the others said was done all the same.
        QuakelensError: Something could not be removed; the message says what, and what to do. Or it was killed too
            often.
        Busy: Another process removes posts for too long.
    """
    give_up_after(crashes)
    settings = read_settings()
    workspace = workspace_of(settings)
    params = read_params(workspace.params)
    present = now or datetime.now(UTC)
    store = open_store(store_url_of(settings, workspace))
    try:
        networks = sources or [name for name in checks.networks(store) if askable(name)]
        asked = [
            recheck_posts(store, name, settings, params, present, timedelta(hours=older_than_h)) for name in networks
        ]
        files = remove_files(store, workspace, settings, present)
        summary = tell(PurgeSummary(tuple(asked), files, remove_stray_files(store, workspace)))
    finally:
        store.close()
    if summary.stopped:
        raise SourceError(f"{summary.stopped}. What could be learnt is removed")
    if files.problems:
        raise QuakelensError("; ".join(files.problems))
    return summary
