"""Watch: the earthquake feeds in, a harvest started for each earthquake that matters."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from prefect import flow

from flows.harvest_and_score import harvest_and_score
from quakelens.earthquakes.about import without_detail
from quakelens.earthquakes.watching import observe
from quakelens.errors import Busy, QuakelensError
from quakelens.harvest import follow_up
from quakelens.harvest.summary import HarvestSummary
from quakelens.params import read_params
from quakelens.settings import read_settings, store_url_of, workspace_of
from quakelens.sources.available import chosen
from quakelens.store import open_store, watched
from tasks.edge import told
from tasks.harvesting import read_details, read_earthquake_feed
from tasks.showing import show_watched
from tasks.starting import announce, waiting_harvests

logger = logging.getLogger("quakelens.watch")


@flow(name="watch")
@told
def watch(by_event: bool = False, now: datetime | None = None, notice: str | None = None) -> list[HarvestSummary]:
    """Read the feeds once, decide of each earthquake, harvest those that are due and not harvested yet.

    An earthquake is harvested once, also when its id or magnitude is revised, and followed up when a poll of a
    network is due; one whose run was killed is started again. A harvest that fails does not keep the others
    from being started.

    Args:
        by_event: Say by an event what is due, for workers to harvest, instead of harvesting it in this run.
        now: The present by which is planned, UTC; for replays of the past.
        notice: A warning for the top of the reports.

    Raises:
        FeedError: No feed can be read.
    """
    settings = read_settings()
    workspace = workspace_of(settings)
    params = read_params(workspace.params)
    present = now or datetime.now(UTC)
    feed = read_earthquake_feed(settings, present)
    for problem in feed.problems:
        logger.warning("feed: %s", problem)
    store = open_store(store_url_of(settings, workspace))
    try:
        matter = observe(store, feed.earthquakes, params.trigger, present)
        wanted = without_detail(store, params.trigger, present)
        if wanted and read_details(store, wanted, settings, present):
            matter = observe(store, (), params.trigger, present)  # by the alerts and intensities that came with them
        due = [(each, follow_up.due(store, each.id, chosen(settings), present)) for each in matter]
        show_watched(store, present)
        watched.record(store, feed.agencies, datetime.now(UTC))
    finally:
        store.close()
    logger.info("%d announcements in the feeds, %d earthquakes to be harvested", len(feed.earthquakes), len(due))
    if by_event:
        coming = waiting_harvests(datetime.now(UTC)) if due else set()
        for earthquake, sources in due:
            if earthquake.id not in coming:
                logger.info("  due: %s", earthquake.title)
                announce(earthquake, sources)
        return []
    summaries, failures = [], []
    for earthquake, sources in due:
        logger.info("%s", earthquake.title)
        try:
            summary = harvest_and_score(earthquake.id, sources, now=now, notice=notice)
            if summary is not None:
                summaries.append(summary)
        except Busy as busy:
            logger.info("  %s", busy)
        except QuakelensError as error:
            logger.error("  %s: %s", earthquake.title, error)
            failures.append(error)
    if failures and not summaries:
        raise failures[0]
    return summaries
