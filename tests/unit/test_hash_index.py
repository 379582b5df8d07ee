"""The index answers what asking each pair answers: whatever the rule, however many, however uneven."""

from collections.abc import Callable

import numpy as np
import pytest
from drawn import DUPLICATES, picture
from numpy.random import Generator
from PIL import ImageOps

from quakelens.duplicates import MAX_OTHER_DISTANCE, Hashes, PictureHash, all_near, hash_picture, near
from quakelens.hash_index import HashIndex

MANY = 120_000  # more than are scanned, so that most are looked up in sorted tables


def mirrored(dhash: int) -> int:
    rows = [(dhash >> 8 * row) & 0xFF for row in range(8)]
    return sum(int(f"{row ^ 0xFF:08b}"[::-1], 2) << 8 * at for at, row in enumerate(rows))


def by_the_rules(a: PictureHash, b: PictureHash) -> bool:
    """The rules as the documentation words them, one bit count after the other."""

    def apart(one: int, other: int) -> int:
        return (one ^ other).bit_count()

    if min(a.detail, b.detail) < DUPLICATES.min_detail:
        return False
    phash, dhash = apart(a.phash, b.phash), apart(a.dhash, b.dhash)
    turned = min(apart(a.phash_mirrored, b.phash), apart(a.phash, b.phash_mirrored))
    return (
        (phash <= DUPLICATES.max_phash and dhash <= MAX_OTHER_DISTANCE)
        or (dhash <= DUPLICATES.max_dhash and phash <= MAX_OTHER_DISTANCE)
        or (turned <= DUPLICATES.max_phash and apart(mirrored(a.dhash), b.dhash) <= MAX_OTHER_DISTANCE)
    )


def changed(rng: Generator, bits: int, count: int) -> int:
    for position in rng.choice(64, count, replace=False):
        bits ^= 1 << int(position)
    return bits


def number(rng: Generator) -> int:
    return int(rng.integers(0, 2**64, dtype=np.uint64))


def related(rng: Generator, a: PictureHash) -> PictureHash:
    """Another picture about as far from the first as the thresholds are, on either side of each."""
    close, further = int(rng.integers(7, 13)), int(rng.integers(20, 25))
    detail = float(rng.choice([11.9, 12.0, 50.0], p=[0.1, 0.2, 0.7]))
    kind = rng.integers(4)
    if kind == 0:
        return PictureHash(changed(rng, a.phash, close), changed(rng, a.dhash, further), number(rng), detail)
    if kind == 1:
        return PictureHash(changed(rng, a.phash, further), changed(rng, a.dhash, close), number(rng), detail)
    turned = changed(rng, mirrored(a.dhash), further)
    if kind == 2:
        return PictureHash(changed(rng, a.phash_mirrored, close), turned, number(rng), detail)
    return PictureHash(number(rng), turned, changed(rng, a.phash, close), detail)


def test_near_is_what_the_rules_say() -> None:
    rng = np.random.default_rng(1)
    told = []
    for _ in range(3_000):
        a = PictureHash(number(rng), number(rng), number(rng), float(rng.choice([11.0, 30.0], p=[0.1, 0.9])))
        b = related(rng, a)
        told.append(by_the_rules(a, b))
        assert near(a, b, DUPLICATES) == near(b, a, DUPLICATES) == told[-1], (a, b)
    assert 500 < sum(told) < 2_500  # the cases lie on both sides


def uniform(rng: Generator, count: int) -> Hashes:
    columns = [rng.integers(0, 2**64, count, dtype=np.uint64) for _ in range(3)]
    return Hashes(*columns, rng.choice([5.0, 12.0, 60.0], count))  # type: ignore[call-arg]


def uneven(rng: Generator, count: int) -> Hashes:
    """Many share all their quarters, as black pictures with a caption do."""
    rows = uniform(rng, count)
    for column in (rows.phash, rows.dhash, rows.phash_mirrored):
        flips = np.uint64(1) << rng.integers(0, 64, count // 3, dtype=np.uint64)
        column[: count // 3] = np.uint64(0x8000_0000_0000_0000) ^ flips
    return rows


@pytest.mark.parametrize("rows_of", [uniform, uneven])
def test_a_look_up_gives_what_a_scan_gives(rows_of: Callable[[Generator, int], Hashes]) -> None:
    rng = np.random.default_rng(7)
    rows = rows_of(rng, MANY)
    queries = [PictureHash(number(rng), number(rng), number(rng), 40.0) for _ in range(30)]
    queries += [PictureHash(1 << 63, 1 << 63, 1 << 63, 40.0), PictureHash(0, 0, 0, 11.99)]
    planted = [related(rng, query) for query in queries for _ in range(12)]
    at = rng.choice(MANY, len(planted), replace=False)
    for position, hashed in zip(at, planted, strict=True):
        rows.part(position, position + 1).put(Hashes.of([hashed]))
    index: HashIndex[int] = HashIndex(DUPLICATES)
    known = 0
    for stop in (10, 100_000, MANY - 300, MANY):  # the last are added one by one, after the tables were sorted
        if stop == MANY:
            for position in range(known, stop):
                index.add(position, picture_at(rows, position))
        else:
            index.extend(range(known, stop), rows.part(known, stop))
        known = stop
        assert len(index) == stop
        found = 0
        for query in queries:
            expected = np.flatnonzero(all_near(Hashes.of([query]), rows.part(0, stop), DUPLICATES)[0]).tolist()
            assert index.find(query) == expected
            found += len(expected)
        assert found > 40 or stop == 10
    assert index.find(PictureHash(1 << 63, 1 << 63, 1 << 63, 11.0)) == []


def picture_at(rows: Hashes, at: int) -> PictureHash:
    return PictureHash(int(rows.phash[at]), int(rows.dhash[at]), int(rows.phash_mirrored[at]), float(rows.detail[at]))


def test_keys_and_pictures_must_be_as_many() -> None:
    index: HashIndex[str] = HashIndex(DUPLICATES)
    with pytest.raises(ValueError, match="1 keys for 2 pictures"):
        index.extend(["a"], Hashes.empty(2))
    assert len(index) == 0


def test_pictures_that_were_turned_over_and_shrunk_are_found_in_a_crowd() -> None:
    index: HashIndex[str] = HashIndex(DUPLICATES)
    index.extend([f"other {n}" for n in range(60_000)], uniform(np.random.default_rng(3), 60_000))
    drawn = [picture(seed) for seed in range(20)]
    for seed, image in enumerate(drawn):
        index.add(f"drawn {seed}", hash_picture(image))
    for seed, image in enumerate(drawn):
        assert index.find(hash_picture(ImageOps.mirror(image).resize((100, 75)))) == [f"drawn {seed}"]
