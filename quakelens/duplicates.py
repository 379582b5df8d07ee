"""Near-duplicates: the same picture re-encoded, resized, captioned, slightly cropped or mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageStat

from quakelens import params as sections

MAX_OTHER_DISTANCE = 22
"""When one hash says near-duplicate, the other may differ by at most this many of its 64 bits.

Unrelated pictures differ by 32 on average and seldom by less than 24. Among the 2.35 million pairs of 2,170
different photographs this leaves 3 of 7 false pairs at the thresholds 10 and 8, and 11 of 54 at 12 and 10; of
250 pictures with a caption bar, a logo, a crop of 3 % or another encoding it loses at most one in each 250.
"""

_BLOCK = 64  # rows compared at once: 64 x 20,000 distances fit the processor's cache well enough


@dataclass(frozen=True, slots=True)
class PictureHash:
    """What is compared of a picture.

    Attributes:
        phash: 64-bit unsigned; signs of low frequencies (DCT).
        dhash: 64-bit unsigned; signs of horizontal differences, row by row from the top left.
        phash_mirrored: `phash` of the picture mirrored left to right.
        detail: Standard deviation of the grey levels, 0 to 127.5; flat pictures have no usable hash.
    """

    phash: int
    dhash: int
    phash_mirrored: int
    detail: float


def hash_picture(image: Image.Image) -> PictureHash:
    """Hash an upright picture, as `images.decode` gives it; a reduced decode (`at_least=256`) is enough."""
    import imagehash  # brings in scipy

    grey = image.convert("L")
    small = grey.resize((32, 32), Image.Resampling.LANCZOS)  # the size at which pHash looks
    return PictureHash(
        phash=_bits(imagehash.phash(small).hash),
        dhash=_bits(imagehash.dhash(grey).hash),
        phash_mirrored=_bits(imagehash.phash(ImageOps.mirror(small)).hash),
        detail=round(float(ImageStat.Stat(grey).stddev[0]), 3),
    )


def near(a: PictureHash, b: PictureHash, params: sections.Duplicates) -> bool:
    """Whether two pictures are near-duplicates; symmetric.

    They are if pHash or dHash is within its threshold and the other within `MAX_OTHER_DISTANCE`, or if
    that holds for pHash with one of them mirrored; never if either is flatter than `params.min_detail`.
    """
    return bool(all_near(Hashes.of([a]), Hashes.of([b]), params)[0, 0])


def cluster(hashes: Sequence[PictureHash], params: sections.Duplicates) -> list[int]:
    """Group pictures that a chain of near-duplicates connects.

    Returns:
        For each picture the lowest position in its group, so its own if it has no near-duplicate. The
        groups do not depend on the order.
    """
    from scipy.sparse import coo_array  # type: ignore[import-untyped]
    from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

    count = len(hashes)
    if count == 0:
        return []
    columns = Hashes.of(hashes)
    rows, others = [], []
    for start in range(0, count, _BLOCK):
        block = columns.part(start, start + _BLOCK)
        row, other = np.nonzero(all_near(block, columns.part(start, count), params))
        rows.append(row + start)
        others.append(other + start)
    row, other = np.concatenate(rows), np.concatenate(others)
    pairs = coo_array((np.ones(len(row), np.bool_), (row, other)), shape=(count, count))
    _, group = connected_components(pairs, directed=False)
    _, first, member = np.unique(group, return_index=True, return_inverse=True)
    return [int(position) for position in first[member]]


@dataclass(frozen=True, slots=True)
class Hashes:
    """Hashes of many pictures as columns `(N,)`: uint64, and detail as float64; see `PictureHash`."""

    phash: NDArray[np.uint64]
    dhash: NDArray[np.uint64]
    phash_mirrored: NDArray[np.uint64]
    detail: NDArray[np.float64]

    @classmethod
    def empty(cls, count: int) -> Hashes:
        """Columns of zeros."""
        phash, dhash, phash_mirrored = (np.zeros(count, np.uint64) for _ in range(3))
        return cls(phash, dhash, phash_mirrored, np.zeros(count, np.float64))

    @classmethod
    def of(cls, hashes: Sequence[PictureHash]) -> Hashes:
        """Columns of hashes, in their order."""
        return cls(
            np.array([each.phash for each in hashes], np.uint64),
            np.array([each.dhash for each in hashes], np.uint64),
            np.array([each.phash_mirrored for each in hashes], np.uint64),
            np.array([each.detail for each in hashes], np.float64),
        )

    def __len__(self) -> int:
        return len(self.detail)

    def part(self, start: int, stop: int) -> Hashes:
        """Some rows; a view, not a copy."""
        return Hashes(
            self.phash[start:stop],
            self.dhash[start:stop],
            self.phash_mirrored[start:stop],
            self.detail[start:stop],
        )

    def at(self, positions: NDArray[np.intp]) -> Hashes:
        """A copy of the rows at some positions."""
        return Hashes(
            self.phash[positions],
            self.dhash[positions],
            self.phash_mirrored[positions],
            self.detail[positions],
        )

    def put(self, other: Hashes) -> None:
        """Overwrite these rows with as many others."""
        self.phash[:] = other.phash
        self.dhash[:] = other.dhash
        self.phash_mirrored[:] = other.phash_mirrored
        self.detail[:] = other.detail

    def grown(self, count: int) -> Hashes:
        """A copy with room for more rows."""
        more = Hashes.empty(count)
        more.part(0, len(self)).put(self)
        return more


def all_near(a: Hashes, b: Hashes, params: sections.Duplicates) -> NDArray[np.bool_]:
    """`(len(a), len(b)) bool`: which pairs are near-duplicates; `HashIndex.find` must change with it."""
    phash = np.bitwise_count(a.phash[:, None] ^ b.phash)
    dhash = np.bitwise_count(a.dhash[:, None] ^ b.dhash)
    found = (phash <= params.max_phash) & (dhash <= MAX_OTHER_DISTANCE)
    found |= (dhash <= params.max_dhash) & (phash <= MAX_OTHER_DISTANCE)
    # Mirroring changes the median that pHash compares to, so both ways are looked at to stay symmetric.
    mirrored = np.minimum(
        np.bitwise_count(a.phash_mirrored[:, None] ^ b.phash),
        np.bitwise_count(a.phash[:, None] ^ b.phash_mirrored),
    )
    dhash_mirrored = np.bitwise_count(mirrored_dhash(a.dhash)[:, None] ^ b.dhash)
    found |= (mirrored <= params.max_phash) & (dhash_mirrored <= MAX_OTHER_DISTANCE)
    detailed = (a.detail >= params.min_detail)[:, None] & (b.detail >= params.min_detail)
    near: NDArray[np.bool_] = found & detailed
    return near


def mirrored_dhash(dhash: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hashes of the mirrored pictures, up to ties: each row of 8 differences backwards with the other sign."""
    bits = ~dhash
    for shift, mask in ((1, 0x5555555555555555), (2, 0x3333333333333333), (4, 0x0F0F0F0F0F0F0F0F)):
        by, low = np.uint64(shift), np.uint64(mask)
        bits = ((bits >> by) & low) | ((bits & low) << by)
    return bits


def _bits(array: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(array).tobytes(), "big")
