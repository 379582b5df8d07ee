"""From what a user types to an earthquake."""

from __future__ import annotations

from pathlib import Path

from quakelens.earthquakes import emsc, usgs
from quakelens.earthquakes.earthquake import Earthquake, agency_of
from quakelens.settings import Settings
from quakelens.store import Store, earthquakes


def resolve(reference: str, store: Store, settings: Settings) -> Earthquake:
    """Find an earthquake: in the store by any of its ids, in a GeoJSON file, or at its agency's event service.

    Args:
        reference: An id of the USGS or the EMSC, told apart by their form, or a file.
        store: Where it may be known.
        settings: The services' addresses.

    Raises:
        FeedError: The file or the service does not give one.
    """
    known = earthquakes.find(store, reference)
    if known is not None:
        return known.earthquake
    if reference.endswith((".json", ".geojson")) or Path(reference).is_file():
        return usgs.read_earthquake_file(Path(reference))
    if agency_of(reference) == emsc.AGENCY:
        return emsc.fetch_earthquake(settings.emsc_feed_url, reference)
    return usgs.fetch_earthquake(settings.usgs_event_url, reference)
