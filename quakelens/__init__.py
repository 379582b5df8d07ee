"""Finds, after an earthquake, the posts whose photographs show damaged buildings."""

__version__ = "0.1.0"
