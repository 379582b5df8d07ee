"""Harvest: the pages of a source, the pictures of its posts, and what the model says of them.

Each step is a plain function that looks up in the store what is left to do, so that a run that was
killed is repeated by calling the same functions again.
"""

from quakelens.harvest.media import MediaResult, fetch_pending
from quakelens.harvest.pages import LOOKBACK_PAGES, PagesResult, harvest_pages
from quakelens.harvest.scoring import ScoringResult, score_pending
from quakelens.harvest.summary import HarvestSummary, summarise

__all__ = [
    "LOOKBACK_PAGES",
    "HarvestSummary",
    "MediaResult",
    "PagesResult",
    "ScoringResult",
    "fetch_pending",
    "harvest_pages",
    "score_pending",
    "summarise",
]
