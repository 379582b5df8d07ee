"""Networks of posts: what is asked of them and what comes back."""

from quakelens.sources.post import MediaRef, Page, Post

__all__ = ["MediaRef", "Page", "Post"]
