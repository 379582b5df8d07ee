"""Reading pages of Jetstream: JSON lines of frames, from the stream itself or from anyone's archive of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from quakelens.errors import SourceUnavailable
from quakelens.sources.bluesky_record import Addresses, MalformedRecord, post_id, post_of
from quakelens.sources.bluesky_redact import without
from quakelens.sources.jetstream_frames import Frame, MalformedFrame, read_frame
from quakelens.sources.post import Gone, ParsedPage, Post

HEAD = b'{"quakelens":'
"""How the first line of our own pages starts: what was read, and what was not; see `head_of`."""

_ADDRESSES = Addresses()


def head_of(*, start_us: int, end_us: int, frames: int, problems: Iterable[str]) -> bytes:
    """The first line of a page: from where to where the stream was read, how many frames, what went wrong."""
    values = {"from": start_us, "to": end_us, "frames": frames, "problems": list(problems)}
    return HEAD + json.dumps(values).encode() + b"}"


def parse_page(raw: bytes, addresses: Addresses = _ADDRESSES, *, pictures_only: bool = True) -> ParsedPage:
    """Read the posts of JSON lines, in the order in which they came; see `Reading.line`.

    Args:
        raw: Lines in either form of frames; those that cannot be read are counted among the problems.
        addresses: Where pictures are.
        pictures_only: Leave out posts without pictures.

    Raises:
        SourceUnavailable: There are lines, and none is a frame.
    """
    reading = Reading(addresses, pictures_only)
    lines = raw.splitlines()
    for line in lines:
        reading.line(line)
    if any(lines) and reading.unreadable and not reading.frames:
        start = raw[:60].decode("utf-8", "replace")
        raise SourceUnavailable(f"this is no page of Bluesky's stream ({start!r})")
    return reading.page()


@dataclass(slots=True)
class Reading:
    """What lines that are read one after the other come to; for archives of any length.

    Attributes:
        frames: Lines that were frames, or a page's head.
        unreadable: Lines that were not.
    """

    addresses: Addresses
    pictures_only: bool = True
    frames: int = 0
    unreadable: int = 0
    _posts: dict[str, Post] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)
    _left: dict[str, bool] = field(default_factory=dict)
    _handles: dict[str, str] = field(default_factory=dict)
    _problems: list[str] = field(default_factory=list)

    def line(self, line: bytes) -> None:
        """Take one line in. A later one about the same post or author counts more than an earlier one."""
        if not line.strip():
            return
        try:
            if line.startswith(HEAD):
                self._problems += [str(each) for each in json.loads(line)["quakelens"]["problems"]]
            else:
                self._take(read_frame(line))
        except (MalformedFrame, ValueError, KeyError, TypeError):
            self.unreadable += 1
            return
        self.frames += 1

    def page(self) -> ParsedPage:
        """What came of it."""
        authors = frozenset(did for did, left in self._left.items() if left)
        posts = tuple(
            replace(post, author=self._handles.get(str(post.author_id)))
            for post in self._posts.values()
            if post.author_id not in authors
        )
        problems = list(self._problems)
        if self.unreadable:
            problems.append(f"{self.unreadable} lines of the stream cannot be read")
        return ParsedPage(posts, tuple(problems), Gone(frozenset(self._gone), authors))

    def _take(self, frame: Frame) -> None:
        if frame.kind == "account":
            self._left[frame.did] = frame.left
        elif frame.kind == "identity":
            handle = frame.values.get("handle")
            if isinstance(handle, str) and 0 < len(handle) <= 200 and handle != "handle.invalid":
                self._handles[frame.did] = handle
        elif frame.is_post:
            try:
                self._commit(frame)
            except MalformedRecord as error:
                self._problems.append(f"a post of {frame.did[:80]} cannot be read: {error}")

    def _commit(self, frame: Frame) -> None:
        uri = post_id(frame.did, frame.values.get("rkey"))
        if frame.operation == "delete":
            self._posts.pop(uri, None)
            self._gone.add(uri)
            return
        post = post_of(
            frame.did, frame.values.get("rkey"), frame.values.get("record"),
            created_at=frame.time, addresses=self.addresses,
        )  # fmt: skip
        before = self._posts.pop(uri, None)
        if post.media or not self.pictures_only:
            # An edit keeps the time at which the post came.
            self._posts[uri] = replace(post, created_at=before.created_at) if before else post
            self._gone.discard(uri)
        elif frame.operation == "update":
            self._gone.add(uri)  # its author took the pictures away


def redact_page(raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
    """A page without some posts and some authors' events; others' mentions of them are blanked.

    Args:
        raw: Lines; those that cannot be read are dropped, as nothing in them can be told apart.
        posts: AT URIs.
        authors: DIDs.
    """
    names = [name for name in (*posts, *authors) if name]
    kept = []
    for line in raw.splitlines():
        if line.startswith(HEAD):
            kept.append(line)
            continue
        try:
            frame = read_frame(line)
            uri = f"at://{frame.did}/{frame.values.get('collection')}/{frame.values.get('rkey')}"
        except MalformedFrame:
            continue
        if uri in posts or frame.did in authors:
            continue
        mentioned = any(name.encode() in line for name in names)
        kept.append(json.dumps(without(json.loads(line), posts=posts, authors=authors)).encode() if mentioned else line)
    return b"".join(line + b"\n" for line in kept)
