"""Labelled pictures: reading manifests, adding to the collection, checking it, and splitting it."""
