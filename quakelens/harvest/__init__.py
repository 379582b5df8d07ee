"""Harvest: the pages of a source, the pictures of its posts, and what the model says of them.

Each step is a plain function that looks up in the store what is left to do, so that a run that was
killed is repeated by calling the same functions again. `at_once` runs them at the same time.
"""

from quakelens.harvest.at_once import Harvested, harvest_at_once
from quakelens.harvest.media import MediaResult, fetch_pending
from quakelens.harvest.pages import LOOKBACK_PAGES, PagesResult, harvest_pages
from quakelens.harvest.scoring import ScoringResult, score_pending
from quakelens.harvest.stream import Stream
from quakelens.harvest.summary import HarvestSummary, summarise

__all__ = [
    "LOOKBACK_PAGES",
    "HarvestSummary",
    "Harvested",
    "MediaResult",
    "PagesResult",
    "ScoringResult",
    "Stream",
    "fetch_pending",
    "harvest_at_once",
    "harvest_pages",
    "score_pending",
    "summarise",
]
