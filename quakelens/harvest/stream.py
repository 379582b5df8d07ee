"""Coupling the steps of a harvest that run at once: all items are in the store, and a step only hears of more."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

_MOST_NAMES = 20_000
"""Names that are kept for a step that is behind; beyond them it looks through everything."""


class Interrupted(Exception):
    """The harvest is being stopped; what is stored stays, and the next run goes on from there."""


class Stream:
    """Says a step that the one before it stored more, and when nothing more comes. Used from any thread.

    Nothing is lost with it: a step that starts, and one whose stream ended, look through the whole store.

    Attributes:
        items: How often more came.
        changes: How often anything changed; see `wait`.
    """

    def __init__(self, *, ended: bool = False) -> None:
        self._changed = threading.Condition()
        self._names: list[str] = []
        self._too_many = False
        self._ended = ended
        self._interrupted = False
        self.items = 0
        self.changes = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more comes. What came before is in the store by then."""
        return self._ended

    def ring(self, names: Iterable[str] = ()) -> None:
        """More is in the store; `names` says what, for a step that would have to search for it."""
        with self._changed:
            self._names.extend(names)
            if len(self._names) > _MOST_NAMES:
                self._names.clear()
                self._too_many = True
            self.items += 1
            self._notify()

    def nudge(self) -> None:
        """Wake the step for something else, such as a download that is done."""
        with self._changed:
            self._notify()

    def end(self) -> None:
        """Nothing more comes."""
        with self._changed:
            self._ended = True
            self._notify()

    def interrupt(self) -> None:
        """Have the step stop with `Interrupted` at its next `check`."""
        with self._changed:
            self._interrupted = self._ended = True
            self._notify()

    def check(self) -> None:
        """Raise `Interrupted` if the harvest is being stopped."""
        if self._interrupted:
            raise Interrupted

    def sleep(self, seconds: float) -> None:
        """Wait in place of `time.sleep`, and no longer than until the harvest is being stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._interrupted, seconds)
        self.check()

    def wait(self, changes: int) -> None:
        """Wait until something changed since `changes` was read."""
        with self._changed:
            self._changed.wait_for(lambda: self.changes != changes)

    def gather(self, count: int, seconds: float) -> list[str] | None:
        """Wait for names: until there are `count`, or `seconds` after the first, or until nothing more comes.

        Returns:
            Those there are, in their order; None if there were too many to keep.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._names or self._too_many or self._ended)
            until = time.monotonic() + seconds
            self._changed.wait_for(
                lambda: len(self._names) >= count or self._too_many or self._ended, until - time.monotonic()
            )
            names, self._names = self._names, []
            missed, self._too_many = self._too_many, False
        return None if missed else names

    def _notify(self) -> None:
        self.changes += 1
        self._changed.notify_all()
