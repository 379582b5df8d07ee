"""The steps of watching and of harvesting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from prefect import task
from prefect.artifacts import create_link_artifact
from prefect.cache_policies import NO_CACHE

from quakelens.depot import Filed
from quakelens.earthquakes import Earthquake
from quakelens.earthquakes.about import fetch_details, needs_detail, subject
from quakelens.earthquakes.feeds import read_feeds
from quakelens.earthquakes.service import Feed
from quakelens.engine import Engine
from quakelens.harvest import (
    MediaResult,
    PagesResult,
    ScoringResult,
    Stream,
    fetch_pending,
    follow_up,
    harvest_pages,
    score_pending,
    summarise,
)
from quakelens.harvest.asking import Patience
from quakelens.harvest.summary import HarvestSummary
from quakelens.params import Params
from quakelens.progress import progress
from quakelens.purge.remove import complete_in_harvest, on_gone
from quakelens.registry.lookup import Found, find
from quakelens.report.apart import report_apart
from quakelens.run_tables import markdown
from quakelens.settings import Settings, Workspace, allowed_hosts
from quakelens.sources.available import open_source
from quakelens.store import Store
from quakelens.store.charges import Budget
from tasks.showing import show_harvest
from tasks.trying import may_pass

logger = logging.getLogger("quakelens.harvest")

HOUR = 3600

# Tasks without a time limit run in threads, which Prefect cannot interrupt: the flow has one, and ends them.


@task(name="read feed", cache_policy=NO_CACHE, retries=2, retry_condition_fn=may_pass,
      retry_delay_seconds=[2, 10], retry_jitter_factor=0.5, timeout_seconds=120)  # fmt: skip
def read_earthquake_feed(settings: Settings, now: datetime) -> Feed:
    """Read the feeds of the USGS and the EMSC."""
    return read_feeds(settings.usgs_feed_url, settings.emsc_feed_url, now=now)


@task(name="read details", cache_policy=NO_CACHE, timeout_seconds=600)
def read_details(store: Store, wanted: Sequence[Earthquake], settings: Settings, now: datetime) -> int:
    """Fetch what the agency says of earthquakes in the store where it says anything new; how many were fetched."""
    result = fetch_details(store, [each for each in wanted if needs_detail(store, each, now)], settings, now)
    for problem in result.problems:
        logger.warning("  %s", problem)
    return result.count


@task(name="pin model", cache_policy=NO_CACHE, timeout_seconds=600)
def pin_model(workspace: Workspace, settings: Settings, ref: str) -> Found:
    """Resolve the model once: the run keeps this version, whatever is promoted meanwhile."""
    return find(ref, workspace, settings)


@task(name="harvest posts", cache_policy=NO_CACHE)
def harvest_posts(
    store: Store, source: str, earthquake: Earthquake, workspace: Workspace, settings: Settings, params: Params,
    now: datetime, posts: Stream,
) -> PagesResult:  # fmt: skip
    """Pull the pages of one source into the store, ringing the stream after each."""
    opened = open_source(source, settings, params.harvest, store)
    with progress(f"{source}: pages") as report:

        def came(pages: int, _: int) -> None:
            posts.check()
            posts.ring()
            report(pages, None)

        result = harvest_pages(
            store, opened, earthquake, params.harvest, workspace.pages, now,
            queries=opened.queries(subject(store, earthquake, params.harvest)),
            budget=Budget(settings.budget_earthquake_usd, settings.budget_day_usd),
            patience=Patience(sleep=posts.sleep), on_page=came, on_gone=on_gone(store, params),
        )  # fmt: skip
    follow_up.record(store, earthquake, result, params.harvest, now)
    told = f", stopped: {result.stopped_because}" if result.stopped_because else ""
    logger.info("  %s: %d posts, %d new, %d requests%s", source, result.posts, result.new_posts,
                result.requests, told)  # fmt: skip
    return result


@task(name="fetch pictures", cache_policy=NO_CACHE)
def fetch_pictures(
    store: Store, earthquake: Earthquake, workspace: Workspace, settings: Settings, params: Params,
    posts: Stream, pictures: Stream,
) -> MediaResult:  # fmt: skip
    """Fetch the pictures that are not here yet, as their posts come."""
    allow = allowed_hosts(settings)
    with progress("pictures") as report:
        result = fetch_pending(
            store, earthquake.id, workspace.media, params, allow=allow, posts=posts, on_stored=pictures.ring,
            on_item=report,
        )  # fmt: skip
    logger.info("  pictures: %d, %d fetched (%d near-duplicates), %d failed", result.media, result.fetched,
                result.near_duplicates, result.failed)  # fmt: skip
    return result


@task(name="score pictures", cache_policy=NO_CACHE)
def score_pictures(
    store: Store, earthquake: Earthquake, model: Found, workspace: Workspace, settings: Settings,
    clock: Callable[[], datetime], pictures: Stream,
) -> ScoringResult:  # fmt: skip
    """Score the pictures that this version has not scored yet, as they come; flagged ones get a heat map."""
    engine = Engine.open(model.folder, version=model.version, backend=settings.backend)
    with progress("scoring") as report:
        result = score_pending(
            store, earthquake.id, engine, workspace.media, workspace.heatmaps, batch_size=engine.batch_size,
            clock=clock, pictures=pictures, on_batch=lambda done: report(done, None),
        )  # fmt: skip
    logger.info("  %s: %d scored, %d flagged, %d unreadable", engine.label, result.scored, result.flagged,
                result.errors)  # fmt: skip
    return result


@task(name="remove what is gone", cache_policy=NO_CACHE, timeout_seconds=HOUR)
def remove_gone(store: Store, workspace: Workspace, settings: Settings, now: datetime) -> None:
    """Take from the files what the networks said was deleted; from the store it went at once."""
    complete_in_harvest(store, workspace, settings, now)


@task(name="write report", cache_policy=NO_CACHE, retries=1, retry_condition_fn=may_pass, timeout_seconds=HOUR)
def write_report(
    store: Store, earthquake: Earthquake, model: Found, workspace: Workspace, now: datetime, notice: str | None
) -> Filed:
    """Write the report's page, GeoJSON and CSV."""
    files = report_apart(store, earthquake.id, model, workspace, now, notice)
    create_link_artifact(files.html.as_uri(), key="report", link_text=markdown(earthquake.title))
    return files.html


@task(name="summarise", cache_policy=NO_CACHE, timeout_seconds=600)
def tell(
    store: Store, earthquake: Earthquake, model: Found, pages: Sequence[PagesResult], report: Filed,
    since: datetime | None,
) -> HarvestSummary:  # fmt: skip
    """Sum the run up, also on Prefect's page."""
    summary = summarise(
        store, earthquake.id, model_version=model.version, report=report,
        new_posts=sum(page.new_posts for page in pages),
        run_cost_usd=round(sum(page.cost_usd for page in pages), 4), since=since,
    )  # fmt: skip
    show_harvest(summary, pages)
    return summary
