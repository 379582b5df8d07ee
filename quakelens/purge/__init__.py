"""Removing posts, and everything that was made of them, when their authors or the networks say so."""
