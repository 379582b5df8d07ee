"""Pictures made to cost time or memory, or to tell more than they show."""

import io
import struct
import time

import numpy as np
import pytest
from hostile import SECRETS, animated, many_scans, with_secrets
from PIL import Image, ImageOps

from quakelens.errors import ImageError
from quakelens.images import FORMATS, WEB_FORMATS, Facts, decode, examine


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF", "PNG"])
def test_the_first_frame_of_an_animation_is_what_counts(kind: str) -> None:
    data = animated(kind, 30)
    red, green, blue = np.asarray(decode(data)).reshape(-1, 3).mean(axis=0)
    assert red > 200
    assert max(green, blue) < 60
    assert examine(data) == Facts(kind, 48, 32)


def test_a_hundred_thousand_frames_are_not_walked_through() -> None:
    gif = animated("GIF", 3)
    second, third = [at for at in range(len(gif)) if gif[at : at + 3] == b"\x21\xf9\x04"][-2:]
    # Whoever looked at the second frame of this would fail: it ends in the middle of its header.
    assert decode(gif[: second + 9]).tobytes() == decode(gif).tobytes()
    frames = gif[:second] + gif[second:third] * 100_000 + b";"
    started = time.process_time()
    for data in (frames, frames + b"\x00" * 5_000_000):
        assert decode(data).size == (48, 32)
        assert examine(data) == Facts("GIF", 48, 32)
    assert time.process_time() - started < 0.3


def test_a_frame_larger_than_its_gif_is_refused_by_its_own_size() -> None:
    gif = bytearray(animated("GIF", 1))
    at = gif.index(b",")
    gif[at + 5 : at + 9] = (20_000).to_bytes(2, "little") * 2
    with pytest.raises(ImageError) as caught:
        decode(bytes(gif))
    assert caught.value.reason == "too_large"


def test_a_small_tiff_of_vast_tiles_is_refused_before_it_is_decoded() -> None:
    # Width, length, bits, compression, photometric, samples, tile width and length, offset and bytes of the tile.
    tags = {256: 10, 257: 10, 258: 8, 259: 8, 262: 1, 277: 1, 322: 30_000, 323: 30_000, 324: 8, 325: 100}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    data = b"II*\x00" + struct.pack("<I", 108) + bytes(100) + struct.pack("<H", len(tags)) + entries + bytes(4)
    with pytest.raises(ImageError, match="tiles") as caught:
        decode(data)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("at_least", [None, 64])
def test_a_jpeg_of_endless_scans_is_refused_before_it_is_decoded(at_least: int | None) -> None:
    data = many_scans(20_000)
    assert len(data) < 2_000_000
    started = time.process_time()
    for read in (lambda: decode(data, at_least=at_least), lambda: examine(data)):
        with pytest.raises(ImageError, match="scans") as caught:
            read()
        assert caught.value.reason == "too_large"
    assert time.process_time() - started < 1.0


def test_scans_behind_a_whole_one_cost_nothing() -> None:
    data = many_scans(20_000, progressive=False)
    started = time.process_time()
    for read in (lambda: decode(data), lambda: examine(data)):
        with pytest.raises(ImageError, match="damaged"):  # the decoder expects the end there
            read()
    assert time.process_time() - started < 1.0


def test_a_scan_that_holds_less_than_all_makes_the_others_count() -> None:
    data = bytearray(many_scans(20_000, progressive=False))
    at = data.index(b"\xff\xda") + 4
    assert data[at] == 3
    data[at] = 2  # as if the third component came later
    with pytest.raises(ImageError, match="scans"):
        decode(bytes(data))


def test_scans_are_counted_where_scans_are() -> None:
    progressive = many_scans(5)
    assert decode(progressive).size == (640, 480)
    comment = b"\xff\xfe" + (2 + 400).to_bytes(2, "big") + b"\xff\xda" * 200  # as in thumbnails inside of a file
    assert decode(progressive[:2] + comment + progressive[2:]).size == (640, 480)
    assert decode(progressive + b"\xff\xda" * 500).size == (640, 480)  # a film appended by a telephone
    hidden = b"\xff\xfe" + (2 + 2).to_bytes(2, "big") + b"\xff\xd9"  # an end that is none
    with pytest.raises(ImageError, match="scans"):
        decode(progressive[:2] + hidden + many_scans(200)[2:])


def test_a_jpeg_of_nothing_but_comments_is_refused() -> None:
    data = many_scans(0)
    with pytest.raises(ImageError, match="scans"):
        decode(data[:2] + b"\xff\xfe\x00\x02" * 100_000 + data[2:])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_what_is_decoded_tells_nothing_but_its_pixels(kind: str) -> None:
    data = with_secrets(kind)
    assert any(secret in data for secret in SECRETS)
    image = decode(data)
    assert image.info == {}
    assert not image.getexif()
    assert image.size == (240, 320)  # turned upright by what is dropped afterwards
    assert examine(data) == Facts(kind, 240, 320)
    for form in ("JPEG", "PNG", "WEBP"):
        out = io.BytesIO()
        image.save(out, form)
        assert not [secret for secret in SECRETS if secret in out.getvalue()]


@pytest.mark.parametrize("kind", sorted(set(FORMATS) - set(WEB_FORMATS)))
def test_what_no_network_serves_is_no_picture_where_only_theirs_are_expected(kind: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(out, kind)
    assert examine(out.getvalue()) == Facts(kind, 20, 10)
    with pytest.raises(ImageError) as caught:
        examine(out.getvalue(), formats=WEB_FORMATS)
    assert caught.value.reason == "not_an_image"


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_odd_values_in_what_a_camera_wrote_stop_nothing(kind: str) -> None:
    good = with_secrets(kind, (48, 32))
    start = good.index(b"MM\x00*")
    rng = np.random.default_rng(2)
    sizes = set()
    for _ in range(1_500):
        odd = bytearray(good)
        for at in rng.integers(start, start + 120, rng.integers(1, 6)):
            odd[at] = rng.choice([0, 1, 2, 5, 7, 12, 128, 255])
        image = decode(bytes(odd))
        assert examine(bytes(odd)) == Facts(kind, *image.size)
        sizes.add(image.size)
    assert sizes == {(32, 48), (48, 32)}  # upright still, or taken as it is


@pytest.mark.parametrize("orientation", range(9))
def test_all_orientations_are_turned_upright(orientation: int) -> None:
    upright = Image.new("RGB", (48, 32), "white")
    upright.paste((200, 0, 0), (0, 0, 16, 16))
    upright.paste((0, 0, 200), (32, 0, 48, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    upright.save(out, "PNG", exif=exif)
    with Image.open(out) as opened:
        expected = ImageOps.exif_transpose(opened).convert("RGB")
    assert decode(out.getvalue()).tobytes() == expected.tobytes()
    assert examine(out.getvalue()) == Facts("PNG", *expected.size)
