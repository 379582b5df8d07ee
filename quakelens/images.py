"""Reading pictures of strangers: what is opened, how far, and what is said of those that cannot be."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from quakelens.errors import ImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
"""What Pillow may try; anything else is refused before a decoder of it runs. JPEG opens MPO too."""

EXTENSIONS = {
    "JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "AVIF": ".avif",
    "BMP": ".bmp", "TIFF": ".tif",
}  # fmt: skip

# What Pillow's decoders raise on damaged files.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, IndexError, KeyError)

MAX_PIXELS = 50_000_000
"""Default limit; a 400-megapixel PNG can be a file of 48 kB."""


def read_bytes(path: Path) -> bytes:
    """Read a file.

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

    Args:
        data: A whole file.
        max_pixels: Width times height above which it is refused before decoding.
        at_least: A JPEG may be decoded at a half, quarter or eighth of its size as long as its shorter
            side stays at least this many pixels; much faster.

    Raises:
        ImageError: `empty`, `not_an_image`, `too_large`, `truncated` or `unsupported`.
    """
    if not data:
        raise ImageError("empty", "the file is empty")
    image = _open(data)
    if image.width * image.height > max_pixels:
        raise ImageError(
            "too_large",
            f"{image.width} x {image.height} pixels is more than the limit of {max_pixels:,}",
        )
    if at_least is not None:
        _draft(image, at_least)
    try:
        return _upright_rgb(image)
    except _BROKEN as error:
        raise ImageError("truncated", f"the file is cut off or damaged: {error}") from error


def format_of(data: bytes) -> str:
    """The format by content, one of `FORMATS`.

    Raises:
        ImageError: `empty`, `not_an_image` or `too_large`.
    """
    if not data:
        raise ImageError("empty", "the file is empty")
    return str(_open(data).format)


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise ImageError("not_an_image", "the content is not a picture of a known format") from None
    except Image.DecompressionBombError as error:
        raise ImageError("too_large", f"more pixels than any photograph has: {error}") from error
    except _BROKEN as error:
        raise ImageError("truncated", f"the header is cut off or damaged: {error}") from error


def _draft(image: Image.Image, at_least: int) -> None:
    scale = at_least / min(image.size)
    if scale < 1:
        size = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
        image.draft("RGB", size)  # never smaller than asked for; a no-op for other formats than JPEG


def _upright_rgb(image: Image.Image) -> Image.Image:
    image.load()
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        rgba = upright.convert("RGBA")
        canvas = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(canvas, rgba).convert("RGB")
    if upright.mode.startswith("I") or upright.mode == "F":
        # 16-bit greys: Pillow's own conversion clips at 255 instead of scaling.
        grey = upright.convert("F").point(lambda value: value / 257.0)
        return grey.convert("L").convert("RGB")
    return upright.convert("RGB")
