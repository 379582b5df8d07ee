"""The store: what was announced, harvested, fetched and scored, each once."""

from quakelens.store.database import Store
from quakelens.store.opening import open_store

__all__ = ["Store", "open_store"]
