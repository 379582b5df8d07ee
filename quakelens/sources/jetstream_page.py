"""What of a stream matters for an earthquake: one page is filled with it, and the rest is forgotten."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from quakelens.errors import SourceRefused
from quakelens.sources.bluesky_record import Addresses, MalformedRecord, pictures, post_id, words_of
from quakelens.sources.jetstream_frames import Frame, MalformedFrame, quick_time, read_frame

OVERLAP_US = 5_000_000
"""How far a cursor goes back at each new connection: hosts have clocks of their own, and events that come at
one moment may change places. What is read twice for it is known by `Mark.seen`."""

_AHEAD_US = 600_000_000  # a time further in the future is nonsense, and following it would lose posts
_MARK = re.compile(r"^(\d{10,16})(?:~([0-9a-f,]*))?$")
_PENDING = 200
_PICTURES = (b"embed.images", b"embed.gallery", b"embed.video")
_OTHERS = (b'"delete"', b'"update"', b'"account"', b'"identity"')


class KnownPosts(Protocol):
    """Which posts and authors are kept already, so that what happens to them matters."""

    def posts(self, ids: Collection[str]) -> set[str]:
        """Those of some ids that are."""
        ...

    def authors(self, ids: Collection[str]) -> set[str]:
        """Those of some authors' ids of whom a post is."""
        ...


class NothingKnown:
    """Where nothing is kept yet."""

    def posts(self, ids: Collection[str]) -> set[str]:
        """None of them."""
        return set()

    def authors(self, ids: Collection[str]) -> set[str]:
        """None of them."""
        return set()


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where a stream was read.

    Attributes:
        cursor_us: Microseconds since 1970, of the last event.
        seen: Digests of what was kept from the last `OVERLAP_US`.
    """

    cursor_us: int
    seen: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.cursor_us}~{','.join(sorted(self.seen))}" if self.seen else str(self.cursor_us)

    @classmethod
    def of(cls, text: str) -> Mark:
        """Read what `str` gives.

        Raises:
            SourceRefused: It is no mark.
        """
        match = _MARK.match(text)
        if match is None:
            raise SourceRefused(f"{text[:60]!r} is no place in Bluesky's stream: the search starts anew")
        return cls(int(match[1]), frozenset(filter(None, (match[2] or "").split(","))))


@dataclass(slots=True)
class Filling:
    """A page that is being filled, frame by frame.

    Attributes:
        matches: Whether a text talks about the earthquake.
        known: Posts and authors that are kept already.
        floor_us: Earlier events are left out.
        end_us: Nor is an event from then on wanted; None: no end.
        mark: Up to where the stream was read. Moves on.
        frames: Taken so far.
        posts: Of them, posts that match.
        malformed: Frames that were none.
        notices: What the host said of the stream itself.
    """

    matches: Callable[[str], bool]
    known: KnownPosts
    floor_us: int
    end_us: int | None
    mark: Mark
    frames: int = 0
    posts: int = 0
    malformed: int = 0
    notices: list[str] = field(default_factory=list)
    _first: Mark = field(init=False)
    _kept: list[tuple[int, int, str, bytes]] = field(default_factory=list)  # number, time, digest, frame
    _seen: set[str] = field(default_factory=set)
    _ids: set[str] = field(default_factory=set)
    _authors: set[str] = field(default_factory=set)
    _pending: list[tuple[int, Frame, str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._first = self.mark
        self._seen |= self.mark.seen

    def take(self, data: bytes, now_us: int) -> int | None:
        """Take one frame in.

        Returns:
            When the host got it; None if that is not known, or if it is a notice.
        """
        self.frames += 1
        time_us = quick_time(data)
        interesting = any(each in data for each in _PICTURES) or any(each in data for each in _OTHERS)
        if time_us is None or time_us > now_us + _AHEAD_US or not data.endswith(b"}"):
            self._notice(data)
            return None
        if interesting and time_us >= self.floor_us and (self.end_us is None or time_us < self.end_us):
            try:
                self._look(read_frame(data), data)
            except (MalformedFrame, MalformedRecord):
                self.malformed += 1
        if time_us > self.mark.cursor_us:
            self.mark = Mark(time_us)
        return time_us

    def finish(self) -> tuple[list[bytes], Mark]:
        """The frames to keep, in the order in which they came, and the mark to go on from."""
        self._settle()
        self._kept.sort()
        since = self.mark.cursor_us - OVERLAP_US
        recent = frozenset(digest for _, time_us, digest, _ in self._kept if time_us > since)
        if since < self._first.cursor_us:
            recent |= self._first.seen  # a page so short is read again together with the one before it
        return [b" ".join(data.splitlines()) for *_, data in self._kept], Mark(self.mark.cursor_us, recent)

    def _notice(self, data: bytes) -> None:
        """A frame without a time: the host says something of the stream, or it is none."""
        try:
            frame = read_frame(data)
        except MalformedFrame:
            frame = None
        if frame is None or frame.kind not in ("info", "error"):
            self.malformed += 1
            return
        name = frame.values.get("name") or frame.values.get("error")
        self.notices.append(f"{name}: {frame.values.get('message')}"[:300])

    def _look(self, frame: Frame, data: bytes) -> None:
        if frame.kind in ("account", "identity"):
            self._wait(frame, f"{frame.kind}/{frame.did}/{frame.time_us}", data)
            return
        if not frame.is_post:
            return
        uri = post_id(frame.did, frame.values.get("rkey"))
        key = f"{uri}/{frame.operation}/{frame.values.get('rev')}"
        record = frame.values.get("record")
        if frame.operation == "delete":
            self._wait(frame, key, data)
        elif isinstance(record, Mapping) and self._is_wanted(frame.did, record):
            digest = _digest(key)
            self._ids.add(uri)
            self._authors.add(frame.did)
            if digest not in self._seen:
                self.posts += 1
                self._keep(self.frames, frame, digest, data)
        elif frame.operation == "update":
            self._wait(frame, key, data)

    def _is_wanted(self, did: str, record: Mapping[str, object]) -> bool:
        has_pictures = next(pictures(did, record.get("embed"), Addresses()), None) is not None
        return has_pictures and self.matches(words_of(record))

    def _wait(self, frame: Frame, key: str, data: bytes) -> None:
        """Whether it is about something known is asked for many at once: deletions come by the million."""
        self._pending.append((self.frames, frame, key, data))
        if len(self._pending) >= _PENDING:
            self._settle()

    def _settle(self) -> None:
        pending, self._pending = self._pending, []
        ids = {post_id(frame.did, frame.values.get("rkey")) for _, frame, _, _ in pending if frame.is_post}
        authors = {frame.did for _, frame, _, _ in pending if not frame.is_post}
        ids = (ids & self._ids) | self.known.posts(ids - self._ids)
        authors = (authors & self._authors) | self.known.authors(authors - self._authors)
        for number, frame, key, data in pending:
            digest = _digest(key)
            name = post_id(frame.did, frame.values.get("rkey")) if frame.is_post else frame.did
            if digest not in self._seen and (name in ids or name in authors):
                self._keep(number, frame, digest, data)

    def _keep(self, number: int, frame: Frame, digest: str, data: bytes) -> None:
        self._seen.add(digest)
        self._kept.append((number, frame.time_us, digest, data))


def _digest(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=5).hexdigest()
