"""The feeds of both agencies in one reading."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

from quakelens.earthquakes import emsc, usgs
from quakelens.earthquakes.service import Feed
from quakelens.errors import FeedError, UsageError


def read_feeds(usgs_url: str, emsc_url: str, *, now: datetime) -> Feed:
    """Read the feeds at once; one that fails or is late is a problem and does not stop the other.

    Args:
        usgs_url: A summary feed of the USGS; empty to leave it out.
        emsc_url: The event service of the EMSC; empty to leave it out.
        now: UTC.

    Returns:
        The USGS's earthquakes, then the EMSC's; `generated` is the USGS's.

    Raises:
        FeedError: None of them can be read.
        UsageError: Both are left out.
    """
    wanted: dict[str, Callable[[], Feed]] = {}
    if usgs_url:
        wanted["USGS"] = lambda: usgs.read_feed(usgs_url, now=now)
    if emsc_url:
        wanted["EMSC"] = lambda: emsc.read_feed(emsc_url, now=now)
    if not wanted:
        raise UsageError("no earthquake feed is left: set QUAKELENS_USGS_FEED_URL or QUAKELENS_EMSC_FEED_URL")
    with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
        started: dict[str, Future[Feed]] = {agency: pool.submit(read) for agency, read in wanted.items()}
    read: dict[str, Feed] = {}
    problems: list[str] = []
    failed: list[FeedError] = []
    for agency, future in started.items():
        try:
            feed = future.result()
        except FeedError as error:
            failed.append(error)
            problems.append(f"{agency}: {error}")
        else:
            read[agency] = feed
            problems += [f"{agency}: {problem}" for problem in feed.problems]
    if not read:
        raise FeedError("; ".join(problems)) from failed[0]
    return Feed(
        earthquakes=tuple(earthquake for feed in read.values() for earthquake in feed.earthquakes),
        problems=tuple(problems),
        generated=next(iter(read.values())).generated,
        agencies=tuple(read),
    )
