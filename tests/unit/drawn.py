"""Pictures drawn for tests, and manifests of them."""

import csv
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from quakelens.params import Duplicates

DUPLICATES = Duplicates(max_phash=10, max_dhash=8, min_detail=12.0)


def picture(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Large coloured shapes; two seeds give unrelated pictures."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = random.integers(0, size[0]), random.integers(0, size[1])
        w, h = random.integers(10, 60, 2)
        draw.rectangle((x, y, x + w, y + h), fill=tuple(int(v) for v in random.integers(0, 256, 3)))
    return image


def encoded(image: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def write_csv(path: Path, rows: list[dict[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def labelled_rows(
    folder: Path, event: str, damaged: int, intact: int, *, source: str = "press", first_seed: int = 0
) -> list[dict[str, str]]:
    """Draw pictures into `folder` and return their manifest rows."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(damaged + intact):
        name = f"{event}-{source}-{number}.jpg"
        (folder / name).write_bytes(encoded(picture(first_seed + number)))
        label = "damaged" if number < damaged else "not_damaged"
        rows.append({"image": name, "label": label, "event": event, "source": source})
    return rows


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
