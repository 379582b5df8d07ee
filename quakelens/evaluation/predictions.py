"""What a model said of labelled pictures: the one form that everything here reads."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quakelens.errors import DataError

DECISIONS = ("damaged", "not_damaged", "unsure")

NO_EARTHQUAKE = "none"
"""Event of pictures that have nothing to do with an earthquake."""

NOT_NAMED = (NO_EARTHQUAKE, "unknown")
"""Events that are no particular earthquake: never counted as a held-out one."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """One row a picture; all fields have the same length, which may be 0.

    Attributes:
        sha256: Of the pictures, 64 hex digits.
        label: `(n,) bool`, True for damaged.
        probability: `(n,) float64`, calibrated, 0 to 1.
        decision: `damaged`, `not_damaged` or `unsure`, by the model's own thresholds.
        event: The earthquake's slug, such as `2015-nepal`; `unknown`; or `none`.
        source: Where the picture comes from.

    Raises:
        DataError: Lengths differ, a probability is not finite or not in 0 to 1, a label is no bool, a
            decision is unknown, or a name is empty; the message names the first such picture.
    """

    sha256: list[str]
    label: NDArray[np.bool_]
    probability: NDArray[np.float64]
    decision: list[str]
    event: list[str]
    source: list[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", _vector("label", self.label))
        object.__setattr__(self, "probability", _vector("probability", self.probability))
        self._check_lengths()
        if len(self) == 0:
            object.__setattr__(self, "label", self.label.astype(np.bool_))
        if self.label.dtype != np.bool_:
            raise DataError(f"labels must be bool (True for damaged), not {self.label.dtype}")
        try:
            object.__setattr__(self, "probability", self.probability.astype(np.float64))
        except (TypeError, ValueError) as error:
            raise DataError(f"probabilities must be numbers: {error}") from error
        self._check_rows()

    def __len__(self) -> int:
        return len(self.sha256)

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """`(n,) bool`: the decision is `damaged`."""
        return np.array([decision == "damaged" for decision in self.decision], dtype=np.bool_)

    @property
    def earthquakes(self) -> tuple[str, ...]:
        """The named earthquakes among the events, sorted."""
        return tuple(sorted(set(self.event) - set(NOT_NAMED)))

    def of_events(self, events: Collection[str]) -> NDArray[np.bool_]:
        """`(n,) bool`: the picture's event is one of these."""
        return np.array([event in events for event in self.event], dtype=np.bool_)

    def take(self, chosen: NDArray[Any]) -> Predictions:
        """The chosen rows, by a `(n,) bool` mask or by positions in the wanted order."""
        positions = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen

        def pick(values: list[str]) -> list[str]:
            return [values[position] for position in positions]

        return Predictions(
            sha256=pick(self.sha256),
            label=self.label[positions],
            probability=self.probability[positions],
            decision=pick(self.decision),
            event=pick(self.event),
            source=pick(self.source),
        )

    def _check_lengths(self) -> None:
        names = ("sha256", "label", "probability", "decision", "event", "source")
        lengths = {name: len(getattr(self, name)) for name in names}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise DataError(f"predictions need one value of each field a picture, but there are: {told}")

    def _check_rows(self) -> None:
        bad = np.flatnonzero(~((self.probability >= 0) & (self.probability <= 1)))  # NaN is bad too
        if len(bad):
            value = float(self.probability[bad[0]])
            raise DataError(
                f"{len(bad)} probabilities are not in 0 to 1; the first is {value} of picture "
                f"{self.sha256[bad[0]]}: score it again"
            )
        for position, decision in enumerate(self.decision):
            if decision not in DECISIONS:
                raise DataError(
                    f"picture {self.sha256[position]} has decision `{decision}`: use one of {', '.join(DECISIONS)}"
                )
        for name in ("sha256", "event", "source"):
            if not all(getattr(self, name)):
                row = getattr(self, name).index("") + 1
                raise DataError(f"`{name}` of row {row} is empty: every picture needs one")


def _vector(name: str, values: Any) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"`{name}` must have one value a picture, not the shape {array.shape}")
    return array
