"""The towns of the sample: each has its own buildings, colours, light, cameras and kinds of damage."""

from __future__ import annotations

from dataclasses import dataclass

from quakelens.demo.drawing.colour import Colour


@dataclass(frozen=True, slots=True)
class Style:
    """How one kind of building looks.

    Attributes:
        surface: `plaster`, `brick`, `stone`, `panel`, `timber` or `mud`.
        roof: `flat`, `gable`, `hip` or `pagoda`.
        storeys: Fewest and most.
        storey_m: Height of a storey, metres.
        bay_m: Width of a bay (one window), metres.
        window: Share of a bay's width and of a storey's height that is window.
        arches: Windows end in an arch.
        shutters: Chance of shutters beside a window, 0 to 1.
        balconies: Chance of a balcony, 0 to 1.
        shops: Chance of shops on the ground floor, 0 to 1.
        width_m: Narrowest and widest, metres.
    """

    surface: str
    roof: str
    storeys: tuple[int, int]
    storey_m: float
    bay_m: float
    window: tuple[float, float]
    arches: bool = False
    shutters: float = 0.0
    balconies: float = 0.0
    shops: float = 0.0
    width_m: tuple[float, float] = (9.0, 16.0)


STYLES = {
    "flats": Style("plaster", "flat", (3, 6), 3.0, 3.1, (0.45, 0.5), balconies=0.6, shops=0.7),
    "slabs": Style("panel", "flat", (5, 9), 2.8, 3.4, (0.55, 0.5), balconies=0.25, width_m=(14, 26)),
    "house": Style("plaster", "gable", (1, 2), 2.9, 3.2, (0.35, 0.45), shutters=0.5, width_m=(8, 13)),
    "villa": Style("plaster", "hip", (2, 3), 3.1, 3.3, (0.36, 0.5), shutters=0.8, balconies=0.2),
    "old": Style("stone", "gable", (2, 3), 3.2, 3.4, (0.3, 0.48), arches=True, shutters=0.3),
    "palace": Style("stone", "hip", (3, 4), 3.9, 3.4, (0.38, 0.6), arches=True, balconies=0.15, shops=0.3),
    "terrace": Style("brick", "gable", (2, 3), 2.9, 2.8, (0.4, 0.5), width_m=(7, 18)),
    "mill": Style("brick", "flat", (3, 5), 3.6, 3.2, (0.55, 0.6), arches=True, width_m=(14, 24)),
    "tower": Style("panel", "flat", (9, 14), 3.0, 2.6, (0.75, 0.6), width_m=(13, 20)),
    "temple": Style("timber", "pagoda", (2, 4), 3.4, 3.0, (0.45, 0.5), width_m=(9, 13)),
    "framed": Style("timber", "gable", (2, 3), 2.7, 2.4, (0.4, 0.45), width_m=(7, 12)),
    "mud": Style("mud", "flat", (1, 2), 2.8, 3.8, (0.22, 0.32), width_m=(8, 15)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Town:
    """What all pictures of one earthquake share.

    Attributes:
        styles: Keys of `STYLES`, repeated where frequent.
        walls: Wall colours.
        roofs: Roof colours.
        trims: Colours of shutters, doors and shop signs.
        ground: Colour of streets.
        rubble: Colour that dust and broken walls tend to.
        foliage: Colour of trees.
        hills: Colour of the far hills.
        sky: Colours of the sky, top and horizon, one pair a weather.
        sun: Direction towards the sun (x right, y up, z away from the camera).
        ambient: Share of diffuse light, 0 to 1.
        tint: Gain of red, green and blue.
        haze: Least and most haze, 0 to 1.
        landscape: Share of pictures wider than high.
        side: Shortest and longest of the longer side, pixels.
        quality: Lowest and highest JPEG quality.
        noise: Strongest sensor noise, grey levels.
        rain: Chance of rain, 0 to 1.
        damage: Keys of the kinds of damage, repeated where frequent.
    """

    styles: tuple[str, ...]
    walls: tuple[Colour, ...]
    roofs: tuple[Colour, ...]
    trims: tuple[Colour, ...]
    ground: Colour
    rubble: Colour
    foliage: Colour
    hills: Colour
    sky: tuple[tuple[Colour, Colour], ...]
    sun: tuple[float, float, float]
    ambient: float
    tint: tuple[float, float, float]
    haze: tuple[float, float]
    landscape: float
    side: tuple[int, int]
    quality: tuple[int, int]
    noise: float
    rain: float
    damage: tuple[str, ...]


TOWNS = {
    "arvela": Town(  # a hill town of stone, in clear light
        styles=("old", "old", "house", "villa", "palace"),
        walls=((214, 196, 164), (226, 214, 188), (198, 172, 140), (232, 206, 160), (205, 200, 190)),
        roofs=((168, 92, 62), (150, 84, 60), (182, 110, 76)),
        trims=((92, 64, 44), (64, 88, 72), (120, 52, 40)),
        ground=(150, 144, 134), rubble=(190, 178, 158), foliage=(84, 104, 56), hills=(120, 128, 104),
        sky=(((84, 136, 204), (196, 216, 232)), ((150, 168, 190), (220, 222, 220))),
        sun=(-0.5, 0.6, -0.62), ambient=0.55, tint=(1.04, 1.0, 0.93), haze=(0.0, 0.2), landscape=0.7,
        side=(403, 576), quality=(70, 92), noise=4, rain=0.0,
        damage=("gap", "gap", "roof", "cracks", "heap", "half"),
    ),
    "kesmir": Town(  # concrete flats in winter
        styles=("flats", "flats", "flats", "slabs", "house"),
        walls=(
            (222, 214, 200), (196, 204, 206), (230, 208, 180),
            (208, 180, 172), (176, 188, 176), (238, 232, 222),
        ),
        roofs=((110, 106, 104), (140, 76, 60)),
        trims=((40, 60, 120), (150, 40, 40), (60, 60, 64), (190, 150, 40)),
        ground=(118, 116, 114), rubble=(164, 160, 154), foliage=(92, 88, 70), hills=(150, 154, 160),
        sky=(((168, 176, 186), (214, 216, 218)), ((120, 134, 156), (200, 196, 190))),
        sun=(0.4, 0.5, -0.76), ambient=0.78, tint=(0.97, 1.0, 1.04), haze=(0.1, 0.4), landscape=0.4,
        side=(403, 640), quality=(45, 80), noise=7, rain=0.15,
        damage=("pancake", "pancake", "lean", "heap", "half", "gap"),
    ),
    "tanoru": Town(  # timber and temples in a wet green valley
        styles=("temple", "framed", "framed", "house", "flats"),
        walls=((206, 186, 160), (178, 120, 88), (224, 216, 200), (150, 98, 72), (190, 160, 120)),
        roofs=((86, 84, 90), (120, 70, 54), (72, 80, 84)),
        trims=((150, 48, 36), (60, 44, 36), (184, 140, 52)),
        ground=(132, 118, 100), rubble=(158, 132, 108), foliage=(58, 104, 52), hills=(70, 102, 84),
        sky=(((176, 190, 196), (222, 226, 224)), ((140, 156, 166), (206, 212, 212))),
        sun=(0.2, 0.8, -0.56), ambient=0.82, tint=(0.98, 1.02, 0.97), haze=(0.1, 0.45), landscape=0.55,
        side=(369, 560), quality=(55, 85), noise=6, rain=0.35,
        damage=("heap", "roof", "lean", "half", "gap", "cracks"),
    ),
    "solmara": Town(  # bright coast, painted houses, towers behind
        styles=("villa", "flats", "house", "tower", "mill"),
        walls=(
            (244, 238, 226), (236, 190, 160), (160, 196, 204),
            (248, 222, 150), (226, 150, 130), (180, 210, 170),
        ),
        roofs=((190, 96, 66), (210, 126, 92), (170, 170, 172)),
        trims=((40, 110, 150), (200, 70, 50), (60, 130, 96), (240, 240, 240)),
        ground=(166, 158, 146), rubble=(204, 194, 178), foliage=(70, 126, 60), hills=(126, 150, 170),
        sky=(((48, 118, 206), (170, 208, 236)), ((90, 150, 214), (226, 226, 214))),
        sun=(0.6, 0.62, -0.5), ambient=0.45, tint=(1.05, 1.01, 0.94), haze=(0.0, 0.12), landscape=0.5,
        side=(436, 656), quality=(72, 94), noise=3, rain=0.0,
        damage=("lean", "pancake", "half", "cracks", "gap", "roof"),
    ),
    "brenholt": Town(  # brick terraces under a low sky
        styles=("terrace", "terrace", "terrace", "mill", "old"),
        walls=((158, 92, 72), (142, 82, 66), (176, 108, 82), (190, 140, 104), (120, 76, 66)),
        roofs=((78, 80, 90), (98, 84, 80), (66, 66, 72)),
        trims=((236, 234, 226), (30, 60, 50), (90, 30, 36), (40, 50, 80)),
        ground=(98, 98, 100), rubble=(164, 116, 96), foliage=(76, 92, 56), hills=(112, 120, 116),
        sky=(((148, 156, 166), (200, 204, 206)), ((110, 120, 134), (184, 186, 184))),
        sun=(-0.3, 0.7, -0.65), ambient=0.85, tint=(0.98, 1.0, 1.02), haze=(0.0, 0.3), landscape=0.65,
        side=(369, 560), quality=(50, 88), noise=8, rain=0.3,
        damage=("gap", "roof", "cracks", "heap", "cracks", "half"),
    ),
    "zarqal": Town(  # mud and brick in dust, low evening sun
        styles=("mud", "mud", "terrace", "flats", "mud"),
        walls=((196, 160, 118), (182, 144, 104), (210, 178, 138), (170, 128, 96), (206, 190, 160)),
        roofs=((160, 128, 94), (140, 112, 86)),
        trims=((70, 110, 120), (110, 74, 50), (60, 90, 70), (150, 60, 50)),
        ground=(184, 156, 120), rubble=(190, 156, 116), foliage=(110, 116, 70), hills=(176, 150, 122),
        sky=(((150, 164, 184), (232, 208, 172)), ((196, 180, 152), (226, 204, 170))),
        sun=(-0.78, 0.35, -0.5), ambient=0.55, tint=(1.08, 0.99, 0.86), haze=(0.1, 0.5), landscape=0.6,
        side=(352, 544), quality=(42, 78), noise=7, rain=0.0,
        damage=("heap", "heap", "half", "roof", "gap", "cracks"),
    ),
    "ionia": Town(  # the earthquake of the live sample: an island port
        styles=("villa", "flats", "old", "house", "palace", "flats"),
        walls=(
            (236, 220, 190), (228, 190, 150), (214, 200, 188),
            (240, 236, 228), (206, 160, 140), (196, 204, 196),
        ),
        roofs=((176, 98, 70), (160, 88, 66), (128, 122, 118)),
        trims=((46, 84, 110), (70, 100, 70), (130, 50, 44), (90, 70, 54)),
        ground=(142, 138, 130), rubble=(188, 178, 164), foliage=(78, 106, 58), hills=(108, 126, 140),
        sky=(((100, 146, 200), (214, 220, 222)), ((170, 176, 186), (222, 218, 210))),
        sun=(0.45, 0.55, -0.7), ambient=0.6, tint=(1.03, 1.0, 0.96), haze=(0.0, 0.3), landscape=0.5,
        side=(403, 640), quality=(55, 90), noise=5, rain=0.05,
        damage=("gap", "pancake", "half", "heap", "roof", "lean", "cracks"),
    ),
}  # fmt: skip
