"""Harvest and score: an earthquake in, the posts that show damaged buildings out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from prefect import flow

from quakelens.earthquakes.resolve import resolve
from quakelens.earthquakes.watching import is_free
from quakelens.errors import Busy, SourceError
from quakelens.harvest import follow_up, harvest_at_once
from quakelens.harvest.summary import HarvestSummary
from quakelens.logs import now_about
from quakelens.params import read_params
from quakelens.registry.names import CHAMPION
from quakelens.settings import read_settings, store_url_of, workspace_of
from quakelens.sources.available import chosen
from quakelens.store import earthquakes, open_store, runs
from tasks.edge import told
from tasks.harvesting import (
    HOUR,
    fetch_pictures,
    harvest_posts,
    pin_model,
    read_details,
    remove_gone,
    score_pictures,
    tell,
    write_report,
)

logger = logging.getLogger("quakelens.harvest")


@flow(name="harvest-and-score", flow_run_name="harvest-{earthquake}", timeout_seconds=6 * HOUR)
@told
def harvest_and_score(
    earthquake: str,
    sources: Sequence[str] | None = None,
    model: str = CHAMPION,
    if_due: bool = False,
    now: datetime | None = None,
    notice: str | None = None,
) -> HarvestSummary | None:
    """Harvest the posts of one earthquake, score their pictures, write the report.

    Its sources are asked, pictures fetched and scored at the same time; a source that fails stops no other.
    Killed at any moment and run again, it goes on where it was: nothing is lost, paid or stored twice.

    Args:
        earthquake: An id that the store, the USGS or the EMSC knows, or a GeoJSON file with one feature.
        sources: Networks to ask; None for those that the settings choose.
        model: `champion`, `starter` or a version; resolved once.
        if_due: Do nothing, and return None, if nothing is due any more or another run works on it: for runs that
            an event starts, of which there may be two.
        now: The present by which is planned, UTC; for replays of the past.
        notice: A warning for the top of the report.

    Raises:
        Busy: Another run works on this earthquake.
        SourceError: A source failed or refused before its end; the report is written all the same, and
            `watch` asks that source again when its poll is due.
        UsageError: A source lacks what it needs.
    """
    settings = read_settings()
    workspace = workspace_of(settings)
    params = read_params(workspace.params)
    shift = now - datetime.now(UTC) if now else timedelta(0)

    def clock() -> datetime:
        return datetime.now(UTC) + shift

    store = open_store(store_url_of(settings, workspace))
    try:
        found = resolve(earthquake, store, settings)
        earthquakes.save(store, found, clock())
        now_about(found.id)
        names = chosen(settings) if sources is None else sources
        if if_due:
            if not is_free(store, found.id, clock()):
                logger.info("%s: nothing is due any more, or another run works on it", found.title)
                return None
            names = follow_up.due(store, found.id, names, clock())
        held = runs.claim(store, found.id, datetime.now(UTC), again_after=timedelta(0))
        if held is None:
            raise Busy(f"another run works on {found.title}: wait for it to end")
        try:
            with runs.renewing(store, held) as lost:
                pinned = pin_model(workspace, settings, model)
                read_details(store, [found], settings, clock())
                began = datetime.now(UTC)
                done = harvest_at_once(
                    {
                        name: partial(harvest_posts, store, name, found, workspace, settings, params, clock())
                        for name in names
                    },
                    partial(fetch_pictures, store, found, workspace, settings, params),
                    partial(score_pictures, store, found, pinned, workspace, settings, clock),
                    meanwhile=lambda: write_report(store, found, pinned, workspace, clock(), notice),
                    every_s=params.harvest.report_every_s,
                    lost=lost,
                )
                remove_gone(store, workspace, settings, clock())
                report = write_report(store, found, pinned, workspace, clock(), notice)
                summary = tell(store, found, pinned, done.pages, report, None if now else began)
            if done.failures:
                raise done.failures[0]
        except BaseException as error:
            runs.fail(store, held, datetime.now(UTC), f"{type(error).__name__}: {error}")
            raise
        stopped = "; ".join(str(page.stopped_because) for page in done.pages if page.failed)
        runs.finish(store, held, datetime.now(UTC), stopped or None)
        if stopped:
            raise SourceError(f"{stopped}. What had come before is scored: {report}")
        return summary
    finally:
        store.close()
