"""From what a user types to an earthquake."""

from __future__ import annotations

from pathlib import Path

from quakelens.earthquakes.earthquake import Earthquake
from quakelens.earthquakes.usgs import fetch_earthquake, read_earthquake_file
from quakelens.store import Store, earthquakes


def resolve(reference: str, store: Store, event_url: str) -> Earthquake:
    """Find an earthquake: in the store by any of its ids, in a GeoJSON file, or at the event service.

    Raises:
        FeedError: The file or the service does not give one.
    """
    known = earthquakes.find(store, reference)
    if known is not None:
        return known.earthquake
    if reference.endswith((".json", ".geojson")) or Path(reference).is_file():
        return read_earthquake_file(Path(reference))
    return fetch_earthquake(event_url, reference)
