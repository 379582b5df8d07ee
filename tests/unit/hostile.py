"""Pictures that nobody means well with, drawn."""

from __future__ import annotations

import io

from PIL import Image, ImageCms, PngImagePlugin

_PROFILE = "SecretProfile".encode("utf-16-be")
_SECONDS = (1234567).to_bytes(4, "little"), (1234567).to_bytes(4, "big")
SECRETS = (b"SecretCamera", b"SecretXmp", b"SecretComment", b"SecretIptc", b"SecretText", _PROFILE, *_SECONDS)
"""What `with_secrets` plants; the last two are of a position, as EXIF has it: 1,234,567 of 1,000 parts of a second."""

_PLACE = b"8BIM\x04\x04\x00\x00"


def animated(kind: str, frames: int) -> bytes:
    """A red frame, then blue and green ones."""
    drawn = [Image.new("RGB", (48, 32), "red" if n == 0 else ("blue", "lime")[n % 2]) for n in range(frames)]
    out = io.BytesIO()
    drawn[0].save(out, kind, save_all=True, append_images=drawn[1:], duration=40)
    return out.getvalue()


def many_scans(more: int, *, progressive: bool = True) -> bytes:
    """A JPEG whose last scan comes so many times more."""
    out = io.BytesIO()
    Image.new("RGB", (640, 480), (120, 90, 60)).save(out, "JPEG", progressive=progressive)
    data = out.getvalue()
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * more + data[-2:]


def with_secrets(kind: str, size: tuple[int, int] = (320, 240)) -> bytes:
    """A photograph on its side with everything that a camera and its owner may write into a file."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825).update({1: "N", 2: (38.0, 14.0, 1234.567), 3: "E", 4: (20.0, 31.0, 1234.567)})
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options: dict[str, object] = {
        "exif": exif,
        "xmp": b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SecretXmp</x:xmpmeta>",
        "icc_profile": profile.replace("sRGB built-in".encode("utf-16-be"), _PROFILE),
    }
    if kind == "JPEG":
        options["comment"] = b"SecretComment"
    if kind == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Comment", "SecretText")
        texts.add_itxt("XML:com.adobe.xmp", str(options.pop("xmp")))
        options["pnginfo"] = texts
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    image.paste((200, 40, 40), (20, 20, 120, 90))
    out = io.BytesIO()
    image.save(out, kind, **options)
    data = out.getvalue()
    if kind == "JPEG":
        iptc = b"Photoshop 3.0\x00" + _PLACE + (17).to_bytes(4, "big") + b"\x1c\x02\x5a\x00\x0aSecretIptc\x00\x00"
        data = data[:2] + b"\xff\xed" + (len(iptc) + 2).to_bytes(2, "big") + iptc + data[2:]
    return data
