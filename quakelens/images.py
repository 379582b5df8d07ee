"""Reading pictures of strangers: what is opened, how far, and what is said of those that cannot be.

Of an animation the first frame is read and the others are not even counted. So their number costs nothing, and no
picture is lost for it: 100,000 frames of a GIF take as long as one. A limit would need the count, and only walking
through the whole file gives that.

A picture that a process died of is decoded in a process of its own, see `quakelens.decoding`.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from PIL import Image, UnidentifiedImageError

from quakelens.decoding.notes import current, fingerprint
from quakelens.depot import Filed
from quakelens.errors import ImageError

_Result = TypeVar("_Result")

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
"""What Pillow may try; anything else is refused before a decoder of it runs. JPEG opens MPO too."""

WEB_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
"""What networks serve, and all that is taken from them: other decoders see only files of people at hand."""

EXTENSIONS = {
    "JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "AVIF": ".avif",
    "BMP": ".bmp", "TIFF": ".tif",
}  # fmt: skip

# What Pillow raises on damaged files.
_BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, RuntimeError, LookupError, TypeError, AttributeError, ArithmeticError,
    AssertionError, MemoryError, struct.error,
)  # fmt: skip

MAX_PIXELS = 50_000_000
"""Default limit; a 400-megapixel PNG can be a file of 48 kB."""

_MAX_SCANS = 100  # of a progressive JPEG; cameras and encoders write about 10
_MAX_SEGMENTS = 20_000  # in front of and between them
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")  # but restarts, which lie inside of a scan
_ALONE = b"\x01\xd8"  # markers without a length
_SEQUENTIAL = b"\xc0\xc1\xc9"  # start of a frame that is not progressive
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""By EXIF orientation. Not by `ImageOps.exif_transpose`: it writes the EXIF data anew and fails on odd values in it."""
_SIDEWAYS = (5, 6, 7, 8)
_ORIENTATION = 0x0112
_TILE = (322, 323)  # a TIFF's tags of the width and height of its tiles
_CHECKED_SIDE = 512  # pixels that a JPEG may be decoded down to where only its soundness counts


@dataclass(frozen=True, slots=True)
class Facts:
    """A sound picture: its format by content, one of `FORMATS`, and its pixels, EXIF orientation applied."""

    format: str
    width: int
    height: int


def read_bytes(path: Filed) -> bytes:
    """Read a file, in a folder or in a bucket.

    Raises:
        ImageError: It is missing (`missing`), empty (`empty`), or no readable file (`unsupported`).
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError("missing", f"{path} does not exist") from None
    except OSError as error:
        raise ImageError("unsupported", f"{path} cannot be read: {error.strerror or error}") from error
    if not data:
        raise ImageError("empty", f"{path} is empty")
    return data


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS, at_least: int | None = None) -> Image.Image:
    """Decode a picture to upright RGB: EXIF orientation applied, transparency on white, first frame.

    The result carries no metadata, so that nothing made from it can give any away.

    Args:
        data: A whole file.
        max_pixels: Width times height above which it is refused before decoding.
        at_least: A JPEG may be decoded at a half, quarter or eighth of its size as long as its shorter
            side stays at least this many pixels; much faster.

    Raises:
        ImageError: `empty`, `not_an_image`, `too_large`, `truncated`, `unsupported`, or `killed` where decoding
            it ends the process.
    """
    return _noted(
        data,
        lambda: decode_here(data, max_pixels=max_pixels, at_least=at_least),
        {"do": "decode", "max_pixels": max_pixels, "at_least": at_least},
        lambda answer, pixels: Image.frombytes("RGB", tuple(answer["size"]), pixels),
    )


def examine(data: bytes, *, max_pixels: int = MAX_PIXELS, formats: tuple[str, ...] = FORMATS) -> Facts:
    """Decode a picture as far as it takes to know that it is sound; a JPEG goes faster than by `decode`.

    Args:
        data: A whole file.
        max_pixels: Width times height above which it is refused before decoding.
        formats: What it may be.

    Raises:
        ImageError: As `decode`.
    """
    return _noted(
        data,
        lambda: examine_here(data, max_pixels=max_pixels, formats=formats),
        {"do": "examine", "max_pixels": max_pixels, "formats": formats},
        lambda answer, _: Facts(**answer),
    )


def format_of(data: bytes) -> str:
    """The format by content, one of `FORMATS`.

    Raises:
        ImageError: `empty`, `not_an_image`, `too_large`, `truncated` or `killed`.
    """
    return _noted(data, lambda: format_here(data), {"do": "format_of"}, lambda answer, _: str(answer["format"]))


def _noted(
    data: bytes, here: Callable[[], _Result], task: dict[str, Any], result: Callable[[dict[str, Any], bytes], _Result]
) -> _Result:
    """Decode in this process, noted while it lasts; in another one what an earlier process died of."""
    notes = current()
    if notes is None:
        return here()
    mark = fingerprint(data)
    if not notes.is_suspect(mark):
        return notes.run(mark, here)
    from quakelens.decoding.apart import decode_apart

    return result(*decode_apart(notes, data, task))


def decode_here(data: bytes, *, max_pixels: int, at_least: int | None) -> Image.Image:
    """`decode` in this process, whatever became of earlier ones."""
    image = _open_checked(data, FORMATS, max_pixels)
    if at_least is not None:
        _draft(image, at_least)
    try:
        return _upright_rgb(image)
    except _BROKEN as error:
        raise ImageError("truncated", f"the file is cut off or damaged: {error}") from error


def examine_here(data: bytes, *, max_pixels: int, formats: tuple[str, ...]) -> Facts:
    """`examine` in this process, whatever became of earlier ones."""
    image = _open_checked(data, formats, max_pixels)
    width, height = image.size
    _draft(image, _CHECKED_SIDE)
    try:
        image.load()
        if _orientation(image) in _SIDEWAYS:
            width, height = height, width
    except _BROKEN as error:
        raise ImageError("truncated", f"the file is cut off or damaged: {error}") from error
    return Facts(str(image.format), width, height)


def format_here(data: bytes) -> str:
    """`format_of` in this process, whatever became of earlier ones."""
    return str(_open(data, FORMATS).format)


def _open_checked(data: bytes, formats: tuple[str, ...], max_pixels: int) -> Image.Image:
    image = _open(data, formats)
    if image.width * image.height > max_pixels:
        raise ImageError(
            "too_large",
            f"{image.width} x {image.height} pixels is more than the limit of {max_pixels:,}",
        )
    if image.format == "TIFF" and _tile_pixels(image) > max_pixels:
        raise ImageError("too_large", f"its tiles have more pixels than the limit of {max_pixels:,}")
    if image.format in ("JPEG", "MPO") and not _few_scans(data):
        raise ImageError("too_large", f"it has more than {_MAX_SCANS} scans, which take hours to decode")
    return image


def _open(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    if not data:
        raise ImageError("empty", "the file is empty")
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError:
        raise ImageError("not_an_image", "the content is not a picture of a known format") from None
    except Image.DecompressionBombError as error:
        raise ImageError("too_large", f"more pixels than any photograph has: {error}") from error
    except _BROKEN as error:
        raise ImageError("truncated", f"the header is cut off or damaged: {error}") from error


def _tile_pixels(image: Image.Image) -> int:
    """Of a TIFF's tiles, which may be larger than the picture and are unpacked whole; 0 where it has none."""
    tags = getattr(image, "tag_v2", {})
    width, height = (tags.get(tag, 0) for tag in _TILE)
    return int(width) * int(height)


def _few_scans(data: bytes) -> bool:
    """Whether a JPEG has as many scans as a camera may write.

    A scan of a few bytes goes over all pixels once more: 15 MB can hold 200,000 scans of 50 megapixels, each of
    which takes a hundredth of a second, and nothing in the decoder ends that. It reads one only where the picture is
    not progressive and its first scan holds every component: most pictures, whose data need not be looked through.
    """
    at = scans = 0
    components = 0  # of a picture that is not progressive
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None or found[1] == b"\xd9":
            return True
        at = found.end()
        if found[1] in _ALONE:
            continue
        if found[1] in _SEQUENTIAL:
            components = data[at + 7] if at + 7 < len(data) else 0
        if found[1] == b"\xda":
            if not scans and components and data[at + 2 : at + 3] == bytes([components]):
                return True
            scans += 1
            if scans > _MAX_SCANS:
                return False
        at += int.from_bytes(data[at : at + 2], "big")
    return False


def _draft(image: Image.Image, at_least: int) -> None:
    scale = at_least / min(image.size)
    if scale < 1:
        size = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
        image.draft("RGB", size)  # never smaller than asked for; a no-op for other formats than JPEG


def _orientation(image: Image.Image) -> int:
    """EXIF orientation; 1, upright, where there is none or it cannot be read: the picture may still be good."""
    try:
        found = image.getexif().get(_ORIENTATION)
    except _BROKEN:
        return 1
    return found if isinstance(found, int) else 1


def _upright_rgb(image: Image.Image) -> Image.Image:
    image.load()
    turn = _TO_UPRIGHT.get(_orientation(image))
    transparent = "transparency" in image.info
    if turn is not None:
        image = image.transpose(turn)
    if image.mode in ("RGBA", "LA", "PA") or transparent:
        rgba = image.convert("RGBA")
        rgb = Image.new("RGB", rgba.size, (255, 255, 255))
        rgb.paste(rgba, mask=rgba)
    elif image.mode.startswith("I") or image.mode == "F":
        # 16-bit greys: Pillow's own conversion clips at 255 instead of scaling.
        grey = image.convert("F").point(lambda value: value / 257.0)
        rgb = grey.convert("L").convert("RGB")
    else:
        rgb = image.convert("RGB")
    rgb.info = {}
    return rgb
