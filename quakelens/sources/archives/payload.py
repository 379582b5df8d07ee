"""Reading the raw pages of archives, and taking posts out of them."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace

from quakelens.errors import SourceUnavailable
from quakelens.sources.archives import crisismmd, lines, page, pictures
from quakelens.sources.post import ParsedPage


def parse_page(raw: bytes) -> ParsedPage:
    """Read the posts of a raw page; those of Bluesky and X may be mixed.

    Raises:
        SourceUnavailable: It is no page of an archive.
    """
    head, body = page.read(raw)
    if head.form == "crisismmd":
        return crisismmd.parse(head, body)
    if head.form == "pictures":
        return pictures.parse(head, body)
    values = [(line, json.loads(line)) for line in body]
    found = [lines.x_posts(value) for _, value in values if lines.shape_of(value) != "frame"]
    bluesky = lines.bluesky_posts([line for line, value in values if lines.shape_of(value) == "frame"])
    parsed = [*found, bluesky]
    return ParsedPage(
        posts=tuple(post for each in parsed for post in each.posts),
        problems=(*head.problems, *(problem for each in parsed for problem in each.problems)),
        gone=replace(bluesky.gone, source="bluesky"),
    )


def redact_page(raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
    """A raw page without some posts and some authors' posts. The user's own archive is not touched."""
    try:
        head, body = page.read(raw)
    except SourceUnavailable:
        return b""
    if head.form == "crisismmd":
        return page.write(head, crisismmd.redacted(head, body, posts))
    if head.form == "pictures":
        return page.write(head, pictures.redacted(body, posts))
    kept = (lines.redacted(line, posts, authors) for line in body)
    return page.write(head, (line for line in kept if line is not None))
