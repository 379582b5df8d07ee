"""Finding the near-duplicates of one picture among a million others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from quakelens import params as sections
from quakelens.duplicates import MAX_OTHER_DISTANCE, Hashes, PictureHash, all_near, mirrored_dhash

Key = TypeVar("Key")

_CHUNK = 32_768  # rows scanned at once: with what is computed of them, half of a 1 MB cache
_UNSORTED = 50_000  # rows that are scanned rather than looked up; a scan of as many takes 0.1 ms
_CROWDED = 24  # where more than one row in so many has to be looked at, a scan of all is faster
_BANDS, _BAND = 4, 1 << 16  # a hash as four numbers of 16 bits

Positions = NDArray[np.intp]


class HashIndex(Generic[Key]):
    """Finds the near-duplicates of a picture among those added, exactly as `near` would one by one.

    Of two hashes that differ in at most 10 of 64 bits, one of the four 16-bit quarters differs in at most 2
    (Norouzi et al., Fast Search in Hamming Space with Multi-Index Hashing, 2012). So the rows are sorted by each
    quarter, and only those in the 137 neighbouring buckets are compared: some 3 to 6 % of a million, in about half
    a millisecond. What was added since, and all of it where many pictures share a quarter, is scanned.

    Pictures that are too flat to match anything are counted, not kept. For one thread at a time.
    """

    def __init__(self, params: sections.Duplicates) -> None:
        self._params = params
        self._added = 0
        self._keys: list[Key] = []  # of the rows that are in use
        self._rows = Hashes.empty(64)
        self._sorted = 0  # rows that the next knows
        self._sorted_by = _sorted_by(self._rows.part(0, 0))

    def __len__(self) -> int:
        return self._added

    def add(self, key: Key, picture: PictureHash) -> None:
        """Add a picture under a key; the same key may be added more than once."""
        self.extend([key], Hashes.of([picture]))

    def extend(self, keys: Sequence[Key], pictures: Hashes) -> None:
        """Add many pictures at once, a key for each, in their order."""
        if len(keys) != len(pictures):
            raise ValueError(f"{len(keys)} keys for {len(pictures)} pictures")
        self._added += len(keys)
        kept = np.flatnonzero(pictures.detail >= self._params.min_detail)
        start, stop = len(self._keys), len(self._keys) + len(kept)
        if stop > len(self._rows):
            self._rows = self._rows.grown(max(stop, 2 * len(self._rows)))
        self._rows.part(start, stop).put(pictures.at(kept))
        self._keys.extend(keys[position] for position in kept.tolist())

    def find(self, picture: PictureHash) -> list[Key]:
        """Keys of the near-duplicates, in the order in which they were added."""
        if picture.detail < self._params.min_detail:
            return []
        if len(self._keys) - self._sorted > _UNSORTED:
            self._sort()  # not where rows are added: many may be, before anything is asked
        one = Hashes.of([picture])
        sorted_ones = self._look_up(one)
        found = [self._scan(one, 0)] if sorted_ones is None else [sorted_ones, self._scan(one, self._sorted)]
        return [self._keys[position] for position in np.concatenate(found).tolist()]

    def _sort(self) -> None:
        count = self._sorted = len(self._keys)
        self._sorted_by = _sorted_by(self._rows.part(0, count))

    def _look_up(self, one: Hashes) -> Positions | None:
        """Near-duplicates among the sorted rows; None if too many would have to be looked at."""
        phash, dhash, mirrored = self._sorted_by
        rows, most = self._rows, self._params.max_phash
        found = []
        for quarters, column, bits, differing in (
            (phash, rows.phash, one.phash, most),
            (dhash, rows.dhash, one.dhash, self._params.max_dhash),
            (phash, rows.phash, one.phash_mirrored, most),
            (mirrored, rows.phash_mirrored, one.phash, most),
        ):
            positions = quarters.look_at(bits, differing)
            if positions is None:
                return None
            found.append(positions[np.bitwise_count(column[positions] ^ bits) <= differing])
        return self._only_near(one, np.unique(np.concatenate(found)))

    def _scan(self, one: Hashes, start: int) -> Positions:
        """Near-duplicates among the rows from one on.

        By every rule they are close in dHash, straight or mirrored: one column decides for all but a few
        in a hundred.
        """
        dhash = self._rows.dhash[start : len(self._keys)]
        close = np.empty(len(dhash), np.bool_)
        differing = np.empty(min(_CHUNK, len(dhash)), np.uint64)
        distance = np.empty((2, len(differing)), np.uint8)
        ways = one.dhash, mirrored_dhash(one.dhash)
        for first in range(0, len(dhash), _CHUNK):
            part = dhash[first : first + _CHUNK]
            here = slice(0, len(part))
            for way, bits in enumerate(ways):
                np.bitwise_xor(part, bits, out=differing[here])
                np.bitwise_count(differing[here], out=distance[way, here])
            nearer = np.minimum(distance[0, here], distance[1, here], out=distance[0, here])
            np.less_equal(nearer, MAX_OTHER_DISTANCE, out=close[first : first + _CHUNK])
        return self._only_near(one, np.flatnonzero(close) + start)

    def _only_near(self, one: Hashes, positions: Positions) -> Positions:
        near: Positions = positions[all_near(one, self._rows.at(positions), self._params)[0]]
        return near


class _Quarters:
    """Where the rows of a column of hashes, `(N,) uint64`, stand when sorted by each of its 16-bit quarters."""

    def __init__(self, column: NDArray[np.uint64]) -> None:
        self._most = len(column) // _CROWDED
        self._order: list[NDArray[np.int32]] = []
        self._starts: list[Positions] = []
        for quarter in _quarters(column).T:
            self._order.append(np.argsort(quarter, kind="stable").astype(np.int32))
            self._starts.append(np.concatenate([[0], np.cumsum(np.bincount(quarter, minlength=_BAND))]))

    def look_at(self, bits: NDArray[np.uint64], differing: int) -> Positions | None:
        """Rows that may differ from a hash, `(1,) uint64`, in at most so many bits, some twice; None if too many."""
        buckets = _quarters(bits)[0][:, None] ^ _ball(differing // _BANDS)
        bounds = [
            (table[row], table[row + 1]) for table, row in zip(self._starts, buckets.astype(np.intp), strict=True)
        ]
        if sum(int((stop - start).sum()) for start, stop in bounds) > self._most:
            return None
        found = [order[_ranges(*bound)] for order, bound in zip(self._order, bounds, strict=True)]
        return np.concatenate(found).astype(np.intp)


def _sorted_by(rows: Hashes) -> tuple[_Quarters, _Quarters, _Quarters]:
    return _Quarters(rows.phash), _Quarters(rows.dhash), _Quarters(rows.phash_mirrored)


@lru_cache(maxsize=8)
def _ball(radius: int) -> NDArray[np.uint16]:
    """All numbers of 16 bits with at most so many of them set."""
    every = np.arange(_BAND, dtype=np.uint16)
    return every[np.bitwise_count(every) <= radius]


def _quarters(column: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """`(N, 4)`: each hash in four parts."""
    return np.ascontiguousarray(column).view(np.uint16).reshape(-1, _BANDS)


def _ranges(starts: Positions, stops: Positions) -> Positions:
    """All numbers from each start to before its stop, one after the other."""
    lengths = stops - starts
    ends = np.cumsum(lengths)
    return np.arange(ends[-1]) + np.repeat(stops - ends, lengths)
