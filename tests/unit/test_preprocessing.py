"""What the network is shown of a picture, and where that lies in it."""

import numpy as np
import pytest
from PIL import Image

from quakelens.model.preprocessing import Preprocessing


@pytest.mark.parametrize("resize", ["crop", "pad", "squash"])
@pytest.mark.parametrize("size", [(300, 200), (90, 400), (1, 50), (224, 224)])
def test_shape_and_dtype(resize: str, size: tuple[int, int]) -> None:
    view = Preprocessing(size=224, resize=resize).apply(Image.new("RGB", size, "red"))
    assert view.shape == (224, 224, 3)
    assert view.dtype == np.uint8


@pytest.mark.parametrize("resize", ["crop", "pad", "squash"])
@pytest.mark.parametrize("size", [(400, 200), (150, 450)])
def test_a_mark_is_seen_where_the_box_says(resize: str, size: tuple[int, int]) -> None:
    preprocessing = Preprocessing(size=200, resize=resize)
    image = Image.new("RGB", size)
    x, y = size[0] // 2 + 20, size[1] // 2 - 30
    image.paste((255, 255, 255), (x - 6, y - 6, x + 6, y + 6))
    rows, columns = np.nonzero(preprocessing.apply(image)[..., 0] > 200)
    left, top, right, bottom = preprocessing.seen(*size)
    seen_x = (left + (columns.mean() + 0.5) / 200 * (right - left)) * size[0]
    seen_y = (top + (rows.mean() + 0.5) / 200 * (bottom - top)) * size[1]
    assert seen_x == pytest.approx(x, abs=2)
    assert seen_y == pytest.approx(y, abs=2)


def test_pad_shows_all_and_crop_the_centre() -> None:
    assert Preprocessing(size=8, resize="pad").seen(200, 100) == (0.0, -0.5, 1.0, 1.5)
    assert Preprocessing(size=8, resize="crop").seen(200, 100) == (0.25, 0.0, 0.75, 1.0)
