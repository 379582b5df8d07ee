"""Hashes and near-duplicate groups in the store."""

from pathlib import Path

import pytest
from harvest_world import NOW, new_store, rows

from quakelens.duplicates import PictureHash
from quakelens.store import Store, media
from quakelens.store.media import NewPicture, add_picture, hashes_after


def add(store: Store, *pictures: tuple[int, PictureHash | None, list[int]]) -> None:
    with store.write() as connection:
        for number, hashed, near in pictures:
            new = NewPicture(sha(number), f"{number}.jpg", 1, 1, 1, "JPEG", NOW, hashed)
            add_picture(connection, new, [sha(each) for each in near])


def sha(number: int) -> str:
    return f"{number:064x}"


@pytest.mark.parametrize("at_once", [2, 50_000])
def test_hashes_come_back_bit_for_bit_and_only_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(media, "_AT_ONCE", at_once)
    store = new_store(tmp_path)
    kept = {n: PictureHash(2**64 - n, n, 2**63 + n, 12.5 + n) for n in (1, 2, 4, 5)}
    add(store, *((n, kept.get(n), []) for n in range(1, 7)))
    with store.read() as connection:
        found = list(hashes_after(connection, 1))
        assert list(hashes_after(connection, found[-1].last)) == []
    assert [each for part in found for each in part.sha256] == [sha(n) for n in (2, 4, 5)]
    assert found[-1].last == 6  # the picture without a hash is not asked for again
    numbers = [
        PictureHash(int(part.hashes.phash[at]), int(part.hashes.dhash[at]), int(part.hashes.phash_mirrored[at]), detail)
        for part in found
        for at, detail in enumerate(part.hashes.detail.tolist())
    ]
    assert numbers == [kept[n] for n in (2, 4, 5)]


def test_a_picture_that_is_near_to_thousands_joins_them_all(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    count = 2_500  # more groups, and more names, than one question to the database may hold
    add(store, *((n, None, []) for n in range(1, count + 1)))
    add(store, (count + 1, None, list(range(count, 1, -1))))
    groups: dict[str, int] = {}
    for row in rows(store, "pictures")["pictures"]:
        groups[str(row[-1])] = groups.get(str(row[-1]), 0) + 1
    assert groups == {sha(1): 1, sha(2): count}
