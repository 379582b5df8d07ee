"""Augmented copies are valid pictures, of the right size, the same for the same seed, and show the same."""

import numpy as np
import pytest
from drawn import picture
from PIL import Image

from quakelens.model import augmentation
from quakelens.model.augmentation import augment


@pytest.mark.parametrize("size", [(160, 120), (97, 311), (40, 40), (1, 5)])
def test_copies_are_pictures_of_the_right_size(size: tuple[int, int]) -> None:
    for seed in range(30):
        copy = augment(picture(seed, size), 64, np.random.default_rng(seed))
        assert copy.shape == (64, 64, 3)
        assert copy.dtype == np.uint8


def test_the_same_seed_gives_the_same_copy_and_the_original_stays() -> None:
    image = picture(1)
    before = image.tobytes()
    copies = [augment(image, 96, np.random.default_rng(seed)) for seed in (5, 5, 6)]
    assert np.array_equal(copies[0], copies[1])
    assert not np.array_equal(copies[0], copies[2])
    assert image.tobytes() == before


def test_every_change_happens_and_changes_something() -> None:
    image = picture(2, (96, 96))
    plain = np.asarray(image).astype(float)
    for _, change in augmentation._SOMETIMES:
        changed = change(image, np.random.default_rng(0))
        assert (changed.mode, changed.size) == ("RGB", image.size)
        assert np.abs(np.asarray(changed) - plain).max() > 3, change.__name__
    assert all(0 < share < 1 for share, _ in augmentation._SOMETIMES)


def test_bars_and_captions_leave_most_of_the_picture() -> None:
    white = Image.new("RGB", (100, 100), (250, 240, 230))
    for change, least in ((augmentation._between_bars, 0.5), (augmentation._with_caption, 0.75)):
        for seed in range(40):
            left = np.all(np.asarray(change(white, np.random.default_rng(seed))) == (250, 240, 230), axis=2)
            assert least <= left.mean() < 1


def test_half_of_the_copies_are_mirrored() -> None:
    halves = np.zeros((90, 120, 3), dtype=np.uint8)
    halves[:, 60:] = 255
    image = Image.fromarray(halves)
    brighter_left = 0
    for seed in range(300):
        copy = augment(image, 32, np.random.default_rng(seed)).astype(float)
        brighter_left += copy[:, :16].mean() > copy[:, 16:].mean()
    assert 100 < brighter_left < 200
