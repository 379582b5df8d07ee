"""Networks of posts: what is asked of them and what comes back."""

from quakelens.sources.post import MediaRef, Page, ParsedPage, Post
from quakelens.sources.source import Source

__all__ = ["MediaRef", "Page", "ParsedPage", "Post", "Source"]
