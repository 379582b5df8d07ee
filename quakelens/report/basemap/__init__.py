"""Coastlines and borders of the world in one packed file, and the part of it that a map shows."""

from quakelens.report.basemap.read import BaseMap, Clipped, LonLatBox, read_basemap

__all__ = ["BaseMap", "Clipped", "LonLatBox", "read_basemap"]
