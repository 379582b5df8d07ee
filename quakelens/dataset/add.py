"""Adding labelled pictures to the collection, each once.

A run that is killed leaves pictures that no manifest names yet, never the other way round; the same run
again completes it, and once more changes no byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from quakelens import params as sections
from quakelens.dataset.add_report import (
    AddReport,
    Conflict,
    Count,
    NearDuplicate,
    OtherEvent,
    Unreadable,
)
from quakelens.dataset.forms.read import Options, read_labels
from quakelens.dataset.hashes import hash_collection, write_cache
from quakelens.dataset.labelled import (
    IMAGES,
    LOCK_WAIT_S,
    Collection,
    Labelled,
    locked,
    read_collection,
    remove_empty,
    write_if_changed,
    write_manifest,
)
from quakelens.dataset.manifest import Manifest, Row, explain, place
from quakelens.dataset.reading import Read, read_each
from quakelens.duplicates import PictureHash
from quakelens.errors import DataError
from quakelens.hash_index import HashIndex


def add(
    path: Path,
    labelled: Path,
    *,
    max_pixels: int,
    duplicates: sections.Duplicates,
    options: Options = Options(),  # noqa: B008
    relabel: bool = False,
    wait_s: float = LOCK_WAIT_S,
    on_progress: Callable[[int, int], None] | None = None,
) -> AddReport:
    """Copy labelled pictures into the collection, and their rows.

    A picture that is in the collection keeps its label and earthquake, and the difference is reported.

    Args:
        path: Labelled data of a form that `forms/read.py` knows.
        labelled: Folder of the collection; made if need be.
        max_pixels: Width times height above which a picture is refused.
        duplicates: When two pictures are near-duplicates; those are reported, and added all the same.
        options: What is said of the data beside its path.
        relabel: Replace label, earthquake and other columns of pictures that are in the collection.
        wait_s: Seconds to wait for another process that changes the collection.
        on_progress: Called with how many rows are done, and of how many.

    Raises:
        DataError: The data cannot be read, nothing in it can be used, or the collection has bad rows or
            is not pulled, so that writing would lose rows.
        Busy: Another process did not finish in time.
    """
    incoming = read_labels(path, options)
    if not incoming.rows:
        raise DataError(f"{incoming.path} has no usable row: {explain(incoming.problems)}")
    with locked(labelled, wait_s):
        collection = read_collection(labelled)
        _refuse_faults(collection, labelled)
        hashes, _ = hash_collection(labelled, collection.pictures, max_pixels=max_pixels)
        adding = _Adding(labelled, collection, hashes, duplicates, relabel)
        for done, (row, read) in enumerate(read_each(incoming, max_pixels), 1):
            if isinstance(read, Unreadable):
                adding.unreadable.append(read)
            else:
                adding.take(row, read)
            if on_progress:
                on_progress(done, len(incoming.rows))
        if not adding.taken:
            first = adding.unreadable[0]
            at = place(first.file, first.line) or first.image
            raise DataError(
                f"none of the {len(incoming.rows)} pictures that {incoming.path} names can be read; the first, "
                f"{at}: {first.message}"
            )
        adding.write()
    return adding.report(incoming)


class _Adding:
    """The collection while a manifest is being added to it."""

    def __init__(
        self,
        labelled: Path,
        collection: Collection,
        hashes: dict[str, PictureHash],
        duplicates: sections.Duplicates,
        relabel: bool,
    ) -> None:
        self.labelled = labelled
        self.relabel = relabel
        self.kept: dict[str, dict[str, Labelled]] = {}  # by sha256, then event
        for picture in collection.pictures:
            self.kept.setdefault(picture.sha256, {})[picture.event] = picture
        self.hashes = hashes
        self.index: HashIndex[str] = HashIndex(duplicates)
        for sha256, known in sorted(hashes.items()):
            self.index.add(sha256, known)
        self.taken: dict[str, Labelled] = {}
        self.added = 0
        self.replaced = 0
        self.dropped: list[Labelled] = []
        self.touched: set[str] = set()
        self.unreadable: list[Unreadable] = []
        self.conflicts: list[Conflict] = []
        self.other_events: list[OtherEvent] = []
        self.near: list[NearDuplicate] = []

    def take(self, row: Row, read: Read) -> None:
        """Add a picture, or compare its row to what is kept of it."""
        given = Labelled(
            image=f"{IMAGES}/{read.sha256[:16]}{read.extension}",
            label=row.label,
            event=row.event,
            source=row.source,
            group=row.group,
            cannot_show=row.cannot_show,
            note=row.note,
            licence=row.licence,
            sha256=read.sha256,
        )
        there = self.kept.get(read.sha256)
        if there is None:
            self._report_near(row, given, read.hash)
            self.added += 1
            self._put(given, read)
        elif self.relabel and read.sha256 not in self.taken:
            self.replaced += list(there.values()) != [given]
            self._put(given, read)
        else:
            kept = there.get(given.event) or next(iter(there.values()))
            self._report_difference(row, kept, given)
            self._put(kept, read)

    def write(self) -> None:
        """Write the manifests; those that gain pictures before those that lose them."""
        losing = {picture.event for picture in self.dropped}
        for event in sorted(self.touched | losing, key=lambda name: (name in losing, name)):
            mine = [there[event] for there in self.kept.values() if event in there]
            write_manifest(self.labelled, event, mine)
        for picture in self.dropped:
            (self.labelled / picture.path).unlink(missing_ok=True)
        for event in sorted(losing):
            remove_empty(self.labelled, event)
        write_cache(self.labelled, self.hashes)

    def report(self, incoming: Manifest) -> AddReport:
        """What was done."""
        counts = Counter((kept.event, kept.label, kept.source, kept.group) for kept in self.taken.values())
        return AddReport(
            added=self.added,
            already=len(self.taken) - self.added,
            replaced=self.replaced,
            counts=tuple(Count(*key, pictures) for key, pictures in sorted(counts.items())),
            unlabelled=incoming.unlabelled,
            bad_rows=incoming.problems,
            unreadable=tuple(self.unreadable),
            conflicts=tuple(self.conflicts),
            other_events=tuple(self.other_events),
            near_duplicates=tuple(self.near),
        )

    def _put(self, picture: Labelled, read: Read) -> None:
        # Written again where it is missing or damaged; its manifest follows when all are written.
        write_if_changed(self.labelled / picture.path, read.data)
        before = self.kept.get(picture.sha256, {})
        if self.relabel and picture.sha256 not in self.taken:
            self.dropped += [old for old in before.values() if old.path != picture.path]
            before = {}
        self.kept[picture.sha256] = before | {picture.event: picture}
        self.taken[picture.sha256] = picture
        self.touched.add(picture.event)
        if picture.sha256 not in self.hashes:
            self.hashes[picture.sha256] = read.hash
            self.index.add(picture.sha256, read.hash)

    def _report_near(self, row: Row, given: Labelled, seen: PictureHash) -> None:
        for sha256 in self.index.find(seen):
            for other in self.kept[sha256].values():
                self.near.append(
                    NearDuplicate(
                        line=row.line,
                        file=row.file,
                        image=row.image,
                        sha256=given.sha256,
                        event=given.event,
                        label=given.label,
                        other_sha256=sha256,
                        other_event=other.event,
                        other_label=other.label,
                    )
                )

    def _report_difference(self, row: Row, kept: Labelled, given: Labelled) -> None:
        if kept.label != given.label:
            self.conflicts.append(
                Conflict(
                    line=row.line,
                    file=row.file,
                    image=row.image,
                    sha256=given.sha256,
                    kept=kept.label,
                    kept_event=kept.event,
                    given=given.label,
                    given_event=given.event,
                )
            )
        if kept.event != given.event:
            self.other_events.append(OtherEvent(row.line, row.file, row.image, given.sha256, kept.event, given.event))


def _refuse_faults(collection: Collection, labelled: Path) -> None:
    for fault in collection.faults:
        if fault.kind in ("bad_row", "not_pulled"):
            raise DataError(
                f"nothing was added, because writing could lose rows of the collection in {labelled}: "
                f"{fault.path}, {fault.what}. Correct that and run this again"
            )
