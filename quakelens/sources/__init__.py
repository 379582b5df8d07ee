"""Networks of posts: what is asked of them and what comes back."""

from quakelens.sources.post import Gone, MediaRef, Page, ParsedPage, Post
from quakelens.sources.source import Source, Traits
from quakelens.sources.topic import Topic

__all__ = ["Gone", "MediaRef", "Page", "ParsedPage", "Post", "Source", "Topic", "Traits"]
