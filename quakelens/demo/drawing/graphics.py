"""Pictures that no camera took: maps, captions on pictures, screenshots of posts, seismograms."""

from __future__ import annotations

import math
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from quakelens.demo.drawing.colour import Colour, mixed, varied
from quakelens.demo.drawing.finish import font
from quakelens.demo.drawing.scenes import building, crowd, street
from quakelens.demo.drawing.town import Town

SIZES = ((640, 640), (720, 480), (480, 640), (600, 400), (400, 720), (560, 420))
INTENSITY: tuple[Colour, ...] = (
    (191, 204, 255), (160, 230, 255), (128, 255, 255), (122, 255, 147), (255, 255, 0), (255, 200, 0),
    (255, 145, 0), (255, 0, 0),
)  # fmt: skip
"""Colours of instrumental intensity II to IX, after the legend of the USGS ShakeMap."""

WORDS = (
    "earthquake", "did you feel it", "magnitude", "stay calm", "tonight", "we are fine", "again", "the floor",
    "my cat knew", "shaking", "update", "drop cover hold", "not a drill", "sample town", "who else woke up",
)  # fmt: skip


def chart_map(town: Town, rng: Random) -> Image.Image:
    """A map of an invented coast with an epicentre, or the colours of a shake map."""
    width, height = rng.choice(SIZES)
    sea, land = varied(rng, (176, 206, 228), 16), varied(rng, (236, 230, 212), 14)
    image = Image.new("RGB", (width, height), sea)
    draw = ImageDraw.Draw(image, "RGBA")
    for _ in range(rng.randint(2, 5)):
        x, y, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.15, 0.5) * width
        phases = [rng.uniform(0, 6) for _ in range(3)]
        coast = []
        for step in range(60):
            a = step / 60 * 6.283
            reach = r * (
                0.7
                + 0.18 * math.sin(3 * a + phases[0])
                + 0.12 * math.sin(7 * a + phases[1])
                + 0.05 * math.sin(17 * a + phases[2])
            )
            coast.append((x + reach * math.cos(a), y + reach * math.sin(a)))
        draw.polygon(coast, fill=land, outline=(130, 128, 120))
    for _ in range(rng.randint(3, 8)):
        points = [(rng.uniform(0, width), rng.uniform(0, height))]
        for _ in range(5):
            points.append((points[-1][0] + rng.uniform(-90, 90), points[-1][1] + rng.uniform(-90, 90)))
        draw.line(
            points,
            fill=rng.choice(((250, 240, 200), (240, 200, 120), (200, 200, 200))),
            width=rng.randint(1, 3),
        )
    x, y = rng.uniform(0.3, 0.7) * width, rng.uniform(0.3, 0.7) * height
    if rng.random() < 0.5:
        for number, tone in enumerate(INTENSITY):
            r = width * (0.5 - 0.058 * number)
            draw.ellipse((x - r, y - r * 0.8, x + r, y + r * 0.8), fill=(*tone, 110))
    else:
        for r in (0.05, 0.1, 0.16, 0.23):
            draw.ellipse((x - r * width, y - r * width, x + r * width, y + r * width), outline=(210, 40, 40), width=2)
    star = [
        (
            x + (14 if k % 2 == 0 else 6) * math.sin(k * 0.628),
            y - (14 if k % 2 == 0 else 6) * math.cos(k * 0.628),
        )
        for k in range(10)
    ]
    draw.polygon(star, fill=(220, 20, 30), outline=(60, 0, 0))
    for _ in range(rng.randint(4, 10)):
        px, py = rng.uniform(0, width * 0.85), rng.uniform(0, height * 0.95)
        draw.ellipse((px - 2, py - 2, px + 2, py + 2), fill=(40, 40, 40))
        draw.text((px + 5, py - 6), _invented(rng), fill=(50, 50, 50), font=font(rng.randint(10, 15)))
    draw.rectangle((0, 0, width, 34), fill=(255, 255, 255, 220))
    draw.text((10, 8), f"M {rng.uniform(3, 7):.1f}  {_invented(rng)}", fill=(20, 20, 20), font=font(17))
    return image


def _invented(rng: Random) -> str:
    return "".join(
        rng.choice(("ka", "ri", "to", "mel", "sa", "lu", "ven", "dor", "ne", "bra")) for _ in range(3)
    ).title()


def seismogram(town: Town, rng: Random) -> Image.Image:
    """A recording of ground motion on paper or on a screen."""
    width, height = rng.choice(SIZES)
    dark = rng.random() < 0.3
    image = Image.new("RGB", (width, height), (18, 22, 26) if dark else varied(rng, (246, 243, 234), 8))
    draw = ImageDraw.Draw(image)
    grid: Colour = (50, 60, 66) if dark else (214, 212, 204)
    for x in range(0, width, 40):
        draw.line((x, 0, x, height), fill=grid)
    noise = np.random.default_rng(rng.getrandbits(64))
    traces = rng.choice((1, 3, 3, 6, 12))
    t = np.arange(0, width, 0.5)
    for trace in range(traces):
        onset, decay = rng.uniform(0.1, 0.7) * width, rng.uniform(30, 150)
        since = np.clip(t - onset, 0, None)
        wave = noise.standard_normal(t.size) * (0.03 + (since > 0) * np.exp(-since / decay) * np.minimum(1, since / 6))
        middle, room = height * (trace + 0.5) / traces, height / traces * 0.42
        points = np.column_stack([t, middle + np.clip(wave * room * 0.6, -room, room)])
        tone = rng.choice(((30, 60, 150), (20, 20, 20), (170, 30, 30))) if not dark else (110, 230, 130)
        draw.line([tuple(point) for point in points.tolist()], fill=tone, width=1)
        draw.text((6, middle - room), f"{_invented(rng)[:4].upper()} HHZ", fill=(130, 130, 130), font=font(12))
    return image


def meme(town: Town, rng: Random) -> Image.Image:
    """A picture, often of buildings, under a big caption."""
    if rng.random() < 0.5:
        image = rng.choice((street, crowd))(town, rng)
    else:
        image = Image.new("RGB", rng.choice(SIZES), varied(rng, rng.choice(town.walls), 40))
        blob(ImageDraw.Draw(image, "RGBA"), image.size, rng)
    draw = ImageDraw.Draw(image)
    for words, y in ((_words(rng, 3), 0.04), (_words(rng, 3), 0.86)):
        size = int(min(image.width / 11, 1.4 * image.width / len(words)))
        draw.text(
            (image.width / 2, image.height * y),
            words.upper(),
            fill=(255, 255, 255),
            font=font(size),
            anchor="ma",
            stroke_width=max(2, size // 12),
            stroke_fill=(0, 0, 0),
        )
    return image


def _words(rng: Random, count: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(count - 1))


def screenshot(town: Town, rng: Random) -> Image.Image:
    """A post as a phone shows it: a name, lines of text, sometimes a small picture of an intact town."""
    width, height = rng.choice(((400, 720), (420, 640), (640, 480), (560, 640)))
    dark = rng.random() < 0.4
    back: Colour = (22, 28, 36) if dark else (252, 252, 252)
    ink: Colour = (226, 228, 230) if dark else (24, 26, 30)
    image = Image.new("RGB", (width, height), back)
    draw = ImageDraw.Draw(image)
    y = rng.randint(16, 60)
    while y < height - 60:
        tone = varied(rng, rng.choice(town.walls), 40)
        draw.ellipse((16, y, 60, y + 44), fill=tone)
        draw.text((72, y), f"{_invented(rng)} {_invented(rng)}", fill=ink, font=font(16))
        draw.text(
            (72, y + 22),
            f"@{_invented(rng).lower()} · {rng.randint(1, 59)} min",
            fill=(130, 136, 142),
            font=font(13),
        )
        y += 56
        for _ in range(rng.randint(1, 4)):
            draw.text((16, y), _words(rng, rng.randint(3, 5))[: width // 9], fill=ink, font=font(16))
            y += 24
        if rng.random() < 0.5:
            room = (width - 32, int((width - 32) * 0.55))
            inner = building(town, rng, damaged=False) if rng.random() < 0.6 else chart_map(town, rng)
            image.paste(inner.resize(room, reducing_gap=1.5), (16, y + 6))
            y += room[1] + 12
        draw.line((0, y + 8, width, y + 8), fill=mixed(back, ink, 0.15))
        y += 22
    return image


def thing(town: Town, rng: Random) -> Image.Image:
    """Food, a pet or a thing on a table."""
    from quakelens.demo.drawing.finish import photograph

    size = rng.choice(SIZES)
    image = Image.new(
        "RGB",
        size,
        varied(rng, rng.choice(((150, 110, 78), (210, 206, 200), (70, 74, 84), (196, 170, 140))), 20),
    )
    draw = ImageDraw.Draw(image, "RGBA")
    for _ in range(30):
        y = rng.uniform(0, size[1])
        draw.line(
            (0, y, size[0], y + rng.uniform(-6, 6)),
            fill=(0, 0, 0, rng.randint(6, 28)),
            width=rng.randint(1, 9),
        )
    blob(draw, size, rng)
    return photograph(image, town, rng, size=size)


def blob(draw: ImageDraw.ImageDraw, size: tuple[int, int], rng: Random) -> None:
    """A plate with food, or an animal's head."""
    width, height = size
    x, y, r = (
        width * rng.uniform(0.4, 0.6),
        height * rng.uniform(0.42, 0.6),
        min(size) * rng.uniform(0.25, 0.38),
    )
    if rng.random() < 0.5:
        draw.ellipse((x - r * 1.05, y - r * 0.85, x + r * 1.1, y + r * 0.98), fill=(0, 0, 0, 70))
        draw.ellipse((x - r, y - r * 0.85, x + r, y + r * 0.85), fill=(238, 236, 230))
        draw.ellipse((x - r * 0.75, y - r * 0.62, x + r * 0.75, y + r * 0.62), fill=(222, 220, 214))
        for _ in range(rng.randint(20, 70)):
            a, d, s = rng.uniform(0, 6.28), r * 0.6 * math.sqrt(rng.random()), r * rng.uniform(0.05, 0.2)
            tone = varied(
                rng,
                rng.choice(((190, 60, 40), (90, 150, 60), (230, 190, 90), (150, 96, 60), (240, 226, 190))),
                24,
            )
            cx, cy = x + d * math.cos(a), y + 0.8 * d * math.sin(a)
            draw.ellipse((cx - s, cy - s * 0.7, cx + s, cy + s * 0.7), fill=tone)
        return
    fur = varied(rng, rng.choice(((200, 150, 100), (90, 80, 74), (230, 224, 214), (150, 110, 84))), 20)
    for side in (-1, 1):
        ear = (
            (x + side * r * 0.85, y - r * 1.25),
            (x + side * r * 0.95, y - r * 0.2),
            (x + side * r * 0.2, y - r * 0.75),
        )
        draw.polygon(ear, fill=fur)
    draw.ellipse((x - r, y - r * 0.9, x + r, y + r * 0.9), fill=fur)
    for _ in range(160):
        a, d = rng.uniform(0, 6.28), r * 0.95 * math.sqrt(rng.random())
        px, py = x + d * math.cos(a), y + 0.88 * d * math.sin(a)
        draw.line(
            (px, py, px + r * 0.1 * math.cos(a), py + r * 0.1 * math.sin(a)),
            fill=varied(rng, fur, 22),
            width=2,
        )
    for side in (-1, 1):
        cx = x + side * r * 0.4
        draw.ellipse((cx - r * 0.16, y - r * 0.26, cx + r * 0.16, y + r * 0.06), fill=(196, 180, 70))
        draw.ellipse((cx - r * 0.07, y - r * 0.24, cx + r * 0.07, y + r * 0.04), fill=(10, 10, 10))
    draw.polygon(((x - r * 0.12, y + r * 0.2), (x + r * 0.12, y + r * 0.2), (x, y + r * 0.36)), fill=(190, 110, 110))
