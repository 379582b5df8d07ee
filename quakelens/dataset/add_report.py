"""What adding labelled pictures did, and what a person should look at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from quakelens.dataset.manifest import Problem


@dataclass(frozen=True, slots=True)
class Count:
    """How many usable pictures have this earthquake, label and source, and this group if any."""

    event: str
    label: str
    source: str
    group: str
    pictures: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row whose picture cannot be read; `reason` is one of `ImageError`'s, or `outside`."""

    line: int
    file: str
    image: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """A picture that has another label already, in the collection or earlier in the same manifest.

    Attributes:
        line: Of the list, 0 where there is none.
        file: The list, where there are several.
        image: As the list names it.
        sha256: Of the file.
        kept: Label that stays, with `kept_event`.
        given: The other label, with `given_event`.
    """

    line: int
    file: str
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
    file: str
    image: str
    sha256: str
    kept: str
    given: str


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """An added picture that looks like another.

    Across earthquakes one of the two may be misattributed. With different labels one of the labels is wrong: `prepare`
    leaves both out until that is corrected.
    """

    line: int
    file: str
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

    @property
    def conflicting(self) -> bool:
        """They have different labels."""
        return self.label != self.other_label


@dataclass(frozen=True, slots=True)
class AddReport:
    """What `add` did.

    Attributes:
        added: Pictures that are new.
        already: Pictures that were there.
        replaced: Pictures whose label, event or other columns were replaced (`relabel`).
        counts: The usable pictures as they are kept, sorted.
        unlabelled: Rows that say nothing about damage.
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
    unlabelled: int
    bad_rows: tuple[Problem, ...]
    unreadable: tuple[Unreadable, ...]
    conflicts: tuple[Conflict, ...]
    other_events: tuple[OtherEvent, ...]
    near_duplicates: tuple[NearDuplicate, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON, with what each near-duplicate is."""
        pairs = [
            asdict(pair) | {"across": pair.across, "conflicting": pair.conflicting} for pair in self.near_duplicates
        ]
        return asdict(self) | {"near_duplicates": pairs}
