"""What adding labelled pictures did, and what a person should look at."""

from __future__ import annotations

from dataclasses import dataclass

from quakelens.dataset.manifest import Problem


@dataclass(frozen=True, slots=True)
class Count:
    """How many usable pictures of the manifest have this earthquake, label and source."""

    event: str
    label: str
    source: str
    pictures: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row whose picture cannot be read; `reason` is one of `ImageError`'s, or `outside`."""

    line: int
    image: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """A picture that has another label already, in the collection or earlier in the same manifest.

    Attributes:
        line: Of the manifest.
        image: As the manifest names it.
        sha256: Of the file.
        kept: Label that stays, with `kept_event`.
        given: The other label, with `given_event`.
    """

    line: int
    image: str
    sha256: str
    kept: str
    kept_event: str
    given: str
    given_event: str


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """A picture that is under another earthquake already, where it stays."""

    line: int
    image: str
    sha256: str
    kept: str
    given: str


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """An added picture that looks like another; across earthquakes one of the two may be misattributed."""

    image: str
    sha256: str
    event: str
    label: str
    other_sha256: str
    other_event: str
    other_label: str

    @property
    def across(self) -> bool:
        """They are under different earthquakes."""
        return self.event != self.other_event


@dataclass(frozen=True, slots=True)
class AddReport:
    """What `add` did.

    Attributes:
        added: Pictures that are new.
        already: Pictures that were there.
        replaced: Pictures whose label, event or other columns were replaced (`relabel`).
        counts: The usable pictures as they are kept, sorted.
        bad_rows: Rows that cannot be used.
        unreadable: Rows whose picture cannot be read.
        conflicts: Pictures with two labels.
        other_events: Pictures under two earthquakes.
        near_duplicates: Of the new pictures, within and across earthquakes.
    """

    added: int
    already: int
    replaced: int
    counts: tuple[Count, ...]
    bad_rows: tuple[Problem, ...]
    unreadable: tuple[Unreadable, ...]
    conflicts: tuple[Conflict, ...]
    other_events: tuple[OtherEvent, ...]
    near_duplicates: tuple[NearDuplicate, ...]
