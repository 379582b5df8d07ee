"""Earthquakes: what they are, where they are announced, and which of them matter."""

from quakelens.earthquakes.earthquake import Earthquake

__all__ = ["Earthquake"]
