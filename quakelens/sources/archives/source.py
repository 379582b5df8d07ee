"""An archive as a source: read whole, once, a page's worth of lines at a time."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from quakelens.errors import SourceRefused, SourceUnavailable
from quakelens.sources.archives import crisismmd, lines, page, pictures
from quakelens.sources.archives.find import columns_of, find
from quakelens.sources.archives.lines import NotReadable
from quakelens.sources.archives.page import Head
from quakelens.sources.archives.payload import parse_page, redact_page
from quakelens.sources.archives.reading import MAX_LINE, Line, Lines, Place
from quakelens.sources.free import FreeSource
from quakelens.sources.jetstream_page import KnownPosts, NothingKnown
from quakelens.sources.post import Page, ParsedPage
from quakelens.sources.source import Traits
from quakelens.sources.topic import Topic

_PAGE_LINES = 500
_PAGE_BYTES = 2_000_000  # beyond which a page takes no further line
_NOTHING = NothingKnown()


@dataclass(frozen=True, slots=True)
class _Kept:
    """A line that is kept; `frame` is what it says if it is one of Jetstream."""

    line: bytes
    frame: ParsedPage | None = None


class ArchiveSource(FreeSource):
    """Posts that a user has in files; asks nothing of any network.

    Times are not looked at: who names an archive wants all of it. What is newer than the last import of the same
    path is another archive, see `Found.query`.
    """

    traits = Traits(
        smallest_page=_PAGE_LINES, largest_page=_PAGE_LINES, forward=True, looks_back=False, bounded=False,
        local_files=True,
    )  # fmt: skip

    def __init__(self, path: Path, *, known: KnownPosts = _NOTHING) -> None:
        """Look at what there is; nothing of it is read yet.

        Args:
            path: File or folder.
            known: Bluesky's posts and authors that are kept already, as deletions concern only those.

        Raises:
            UsageError: There is nothing that can be read.
        """
        self._open: tuple[Place, Lines] | None = None
        self._found = find(path)
        self._known = known
        self.name = self._found.name

    def __del__(self) -> None:
        """Close what a harvest that ended early left open."""
        if self._open is not None:
            self._open[1].close()

    def queries(self, topic: Topic) -> Sequence[str]:
        """One, which stands for the archive as it is now."""
        return [self._found.query]

    def search(
        self,
        query: str,
        *,
        start_time: datetime,
        end_time: datetime | None,
        since_id: str | None,
        next_token: str | None,
        page_size: int,
    ) -> Page:
        """Read the next page; see `Source.search`. Times and marks are not used.

        Raises:
            SourceUnavailable: A file cannot be opened.
        """
        place = Place.of(next_token) if next_token else Place()
        if place.file >= len(self._found.files):
            raise SourceRefused(f"{query} has no file {place.file + 1}: it is read anew")
        try:
            raw, place = self._pictures(place) if self._found.form == "pictures" else self._lines(place, page_size)
        except OSError as error:
            name = self._found.files[place.file]
            raise SourceUnavailable(f"{name} cannot be read ({error.strerror or error}): look at it") from None
        over = place.file >= len(self._found.files)
        return Page(raw, next_token=None if over else str(place), newest_id=str(place), fetched_at=datetime.now(UTC))

    def parse(self, raw: bytes) -> ParsedPage:
        """See `quakelens.sources.archives.payload.parse_page`."""
        return parse_page(raw)

    def redact(self, raw: bytes, *, posts: Collection[str], authors: Collection[str]) -> bytes:
        """See `quakelens.sources.archives.payload.redact_page`."""
        return redact_page(raw, posts=posts, authors=authors)

    def _pictures(self, place: Place) -> tuple[bytes, Place]:
        kept, problems = [], []
        names = self._found.files[place.file : place.file + _PAGE_LINES]
        for name in names:
            try:
                kept.append(pictures.line_of(self._found.root, name))
            except NotReadable as error:
                problems.append(f"{name} cannot be read: {error}")
        head = Head("pictures", str(self._found.root), "", problems=tuple(problems))
        return page.write(head, kept), Place(place.file + len(names))

    def _lines(self, place: Place, most: int) -> tuple[bytes, Place]:
        name = self._found.files[place.file]
        head = self._head(name)
        kept: list[_Kept] = []
        problems: list[str] = []
        ended = False
        if place.position == 0 and (whole := self._whole(name)) is not None:
            self._keep(head, whole, kept, problems, name)
            ended = True
        else:
            reader = self._reader(place)
            try:
                ended = self._fill(head, reader, most, kept, problems)
            except BaseException:
                reader.close()
                raise
            place = Place(place.file, reader.position, reader.number)
            if reader.is_packed and not ended:
                self._open = place, reader  # finding the place again would unpack all before it
            else:
                reader.close()
        raw = page.write(replace(head, problems=tuple(problems)), self._concerned(kept))
        return raw, Place(place.file + 1) if ended else place

    def _head(self, name: str) -> Head:
        root = self._found.root
        if self._found.form == "crisismmd":
            columns = tuple(columns_of(root / name) or ())
            return Head("crisismmd", str(crisismmd.root_of(root, name)), name, columns)
        return Head("lines", str(root), name)

    def _reader(self, place: Place) -> Lines:
        """The file at a place; the one that is open, where reading goes on there."""
        if self._open is not None:
            at, reader = self._open
            self._open = None
            if at == place:
                return reader
            reader.close()
        return Lines(self._found.root / self._found.files[place.file], place.position, place.line)

    def _whole(self, name: str) -> bytes | None:
        """The content of a file that is one JSON value over several lines; None for lines of JSON."""
        if not name.lower().endswith((".json", ".json.gz")):
            return None
        with Lines(self._found.root / name) as reader:
            content = bytearray()
            while (line := reader.next()) is not None:
                if line.data is None or len(content) > MAX_LINE:
                    return None
                content += line.data + b"\n"
        try:
            json.loads(content)
        except (ValueError, RecursionError):
            return None
        return bytes(content)

    def _fill(self, head: Head, reader: Lines, most: int, kept: list[_Kept], problems: list[str]) -> bool:
        """Take lines until a page is full; returns whether the file has ended."""
        read = taken = 0
        while read < most and taken < _PAGE_BYTES:
            line = reader.next()
            if line is None:
                return True
            read, taken = read + 1, taken + len(line.data or b"")
            if line.number > 1 or not head.columns:
                self._take(head, line, kept, problems)
        return False

    def _take(self, head: Head, line: Line, kept: list[_Kept], problems: list[str]) -> None:
        where = f"{head.file} line {line.number}"
        if line.data is None:
            problems.append(f"{where} was left out: {line.problem}")
        elif line.data.strip():
            self._keep(head, line.data, kept, problems, where)

    def _keep(self, head: Head, data: bytes, kept: list[_Kept], problems: list[str], where: str) -> None:
        """Keep a line, or a whole file, as lines of one object each; what is not readable is a problem."""
        try:
            if head.form == "crisismmd":
                crisismmd.cells_of(head.columns, data)
                kept.append(_Kept(data))
                return
            values = lines.values_of(data)
        except NotReadable as error:
            problems.append(f"{where} was left out: {error}")
            return
        plain = data.startswith(b"{") and b"\n" not in data and b"\r" not in data
        for value in values:
            try:
                shape = lines.shape_of(value)
                line = data if plain else json.dumps(value).encode()
                if shape != "frame":
                    kept.append(_Kept(line))
                elif (found := lines.frame(line)).posts or found.gone:
                    kept.append(_Kept(line, found))
            except NotReadable as error:
                problems.append(f"{where} was left out: {error}")

    def _concerned(self, kept: list[_Kept]) -> list[bytes]:
        """Lines without frames that delete what nobody keeps: a day of Bluesky holds millions of them."""
        frames = [each.frame for each in kept if each.frame is not None]
        ids = {post.id for frame in frames for post in frame.posts}
        authors = {post.author_id for frame in frames for post in frame.posts}
        ids |= self._known.posts({post for frame in frames for post in frame.gone.posts} - ids)
        left = {author for frame in frames for author in frame.gone.authors}
        authors |= self._known.authors(left - authors)
        return [
            each.line
            for each in kept
            if each.frame is None
            or each.frame.posts
            or not each.frame.gone.posts.isdisjoint(ids)
            or not each.frame.gone.authors.isdisjoint(authors)
        ]
