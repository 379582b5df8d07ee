"""Pictures of strangers: every bad one is an ImageError with its reason, every good one upright RGB."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quakelens.errors import ImageError
from quakelens.images import decode, format_of, read_bytes


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def photo(width: int = 64, height: int = 48) -> Image.Image:
    ramp = np.zeros((height, width, 3), dtype=np.uint8)
    ramp[..., 0] = np.linspace(0, 255, width)
    ramp[..., 1] = np.linspace(0, 255, height)[:, None]
    return Image.fromarray(ramp)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_formats_are_read(kind: str) -> None:
    data = encoded(photo(), kind)
    assert decode(data).size == (64, 48)
    assert decode(data).mode == "RGB"
    assert format_of(data) == kind


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "RGBA", "LA", "I;16"])
def test_modes_become_rgb(mode: str) -> None:
    grey = Image.new("L", (20, 10), 255)
    if mode == "I;16":
        image = Image.fromarray(np.full((10, 20), 65535, dtype=np.uint16))
    else:
        image = grey.convert("RGB").convert(mode) if mode != "LA" else grey.convert("LA")
    kind = "JPEG" if mode == "CMYK" else "PNG"
    pixels = np.asarray(decode(encoded(image, kind)))
    assert pixels.shape == (10, 20, 3)
    assert pixels.min() >= 250  # white stays white, 16-bit white too


def test_transparency_is_shown_on_white() -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert np.asarray(decode(encoded(clear, "PNG"))).min() == 255


def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    assert decode(encoded(photo(80, 60), "JPEG", exif=exif)).size == (60, 80)


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue", "lime")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    red, green, blue = decode(data).getpixel((5, 5))
    assert red > 200
    assert max(green, blue) < 50


def test_scaled_decoding_keeps_the_wanted_size() -> None:
    image = decode(encoded(photo(1600, 1200), "JPEG"), at_least=224)
    assert 224 <= min(image.size) < 600


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<html><body>not here</body></html>", "not_an_image"),
        (b"\x00" * 4096, "not_an_image"),
        (encoded(photo(400, 300), "JPEG")[:700], "truncated"),
        (encoded(photo(400, 300), "PNG")[:300], "truncated"),
        (encoded(photo(400, 300), "WEBP")[:200], "truncated"),
        (encoded(Image.new("1", (7000, 8000)), "PNG"), "too_large"),
    ],
)
def test_bad_files_say_why(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert caught.value.reason == reason
    with pytest.raises(ImageError):
        decode(data, at_least=64)


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    data = encoded(Image.new("1", (20_000, 20_000)), "PNG")  # 400 megapixels in some 50 kB
    assert len(data) < 100_000
    with pytest.raises(ImageError, match="pixels") as caught:
        decode(data)
    assert caught.value.reason == "too_large"


def test_random_bytes_after_a_good_header_never_escape() -> None:
    rng = np.random.default_rng(3)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP"):
        good = encoded(photo(), kind)
        for _ in range(30):
            damaged = bytearray(good)
            for position in rng.integers(8, len(good), size=12):
                damaged[position] = rng.integers(256)
            try:
                assert decode(bytes(damaged)).mode == "RGB"
            except ImageError as error:
                assert error.reason in ("truncated", "not_an_image", "too_large", "unsupported")


def test_read_bytes(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    reasons = {tmp_path / "no.jpg": "missing", tmp_path / "empty.jpg": "empty", tmp_path: "unsupported"}
    for path, reason in reasons.items():
        with pytest.raises(ImageError) as caught:
            read_bytes(path)
        assert caught.value.reason == reason
        assert str(path) in str(caught.value)
