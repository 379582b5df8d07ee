"""How well heat maps point at the damage, against boxes drawn around it and against maps that know nothing.

    python benchmarks/heatmaps.py MANIFEST [--boxes FILE] [--only TEXT] [--cache DIR] [--json FILE] [--sheet FILE.png]

MANIFEST is the labelled manifest of the pictures with boxes; each map comes from a head that has seen neither the
picture's earthquake nor its source. Pictures for which there is no such head are left out, and counted. All rows are
of the same pictures:

- model: the heat map that quakelens draws (`quakelens.engine.heatmap`), before it is interpolated
- scrambled: the backbone's weights shuffled within each layer, its normalisation adapted, heads fitted anew
- shuffled head: the model's features, the head's weights at other channels (mean of 10 shuffles)
- centre: a Gaussian in the middle of the picture, standard deviation a quarter of its sides; uniform: the same
  everywhere. Both on the part of the picture that the view shows

Pointing: share of pictures whose peak is inside of a box. Energy: mean share of the positive mass inside. Gain: mean
energy over mean area of the boxes. Intervals are 95 % bootstrap intervals over pictures; the last column is the
difference of the model's energy to each row's, paired by picture; the JSON has more. Exact rules, for ties and empty
maps too: quakelens/evaluation/localisation.py. Views whose weights are not installed are left out with a line.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from heatmap_sheet import Tile, draw_sheet
from heatmap_views import Corpus, Maps, MapView, evidence_of, folds_of, heads_of, look, read_corpus, shuffled
from numpy.typing import NDArray

from quakelens.engine.heatmap import grad_cam
from quakelens.errors import DataError, ModelError
from quakelens.evaluation.intervals import percentile_interval, resamples
from quakelens.evaluation.localisation import area, centred_gaussian, energy, pointing, summarise
from quakelens.model.preprocessing import Box
from quakelens.params import Evaluation, read_params

ROOT = Path(__file__).parents[1]
SMALL = 0.4
SIGMA = 0.25
BLOCKS0, BLOCKS2 = "efficientnet_lite0.blocks", "efficientnet_lite2.blocks"
VIEWS = (
    MapView(BLOCKS2, "squash", 260, 16),  # the second look, whose maps are shown
    MapView(BLOCKS0, "crop", 224),  # the first look
    MapView(BLOCKS0, "squash", 224),
    MapView(BLOCKS0, "squash", 224, 16),
    MapView(BLOCKS0, "squash", 320),
    MapView(BLOCKS0, "squash", 320, 16),
    MapView(BLOCKS0, "squash", 448),
)
HEADER = (
    "view", "map", "cells", "pointing (95 %)", "energy (95 %)", "gain (95 %)",
    "small: pointing (95 %)", "small: energy (95 %)", "small: gain (95 %)", "model's energy is more by (95 %)",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Of one row of the table, a picture each, `(n,)`."""

    view: str
    map: str
    cells: str
    pointing: NDArray[np.float64]
    energy: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The pictures that are judged: positions in the corpus, boxes, and the area that these cover."""

    rows: list[int]
    boxes: list[list[Box]]
    areas: NDArray[np.float64]


def read_boxes(path: Path) -> dict[str, list[Box]]:
    """Boxes by the file name of the picture."""
    found: dict[str, list[Box]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            left, top, right, bottom = (float(row[key]) for key in ("left", "top", "right", "bottom"))
            if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
                raise DataError(f"{path}: the box of {row['image']} is empty or reaches out of the picture")
            found.setdefault(row["image"], []).append((left, top, right, bottom))
    return found


def scores_of(
    view: str, name: str, maps: Sequence[Sequence[NDArray[Any]]], parts: Sequence[Box], judged: Judged
) -> Scores:
    """Judge a map a picture, or several series of them, whose scores are averaged."""
    found = np.mean(
        [
            [
                (pointing(heat, part, boxes), energy(heat, part, boxes))
                for heat, part, boxes in zip(series, parts, judged.boxes, strict=True)
            ]
            for series in maps
        ],
        axis=0,
    )
    height, width = maps[0][0].shape
    return Scores(view, name, f"{width}x{height}", found[:, 0], found[:, 1])


def of_view(view: MapView, corpus: Corpus, judged: Judged, cache: Path) -> tuple[list[Scores], list[Tile]]:
    """All rows of a view, the model's first, and the model's maps for the sheet."""
    folds = folds_of(corpus, judged.rows)
    seen, blind = (look(corpus, judged.rows, view, cache, scrambled=scrambled) for scrambled in (False, True))

    def heads(of: Maps) -> list[NDArray[np.float32]]:
        found = heads_of(corpus, folds, of.means, corpus.params.training)
        return [found[row] for row in judged.rows]

    def maps(of: Maps, weights: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        return [grad_cam(evidence_of(cells, weight)) for cells, weight in zip(of.cells, weights, strict=True)]

    own = heads(seen)
    shuffles = [maps(seen, weights) for weights in zip(*map(shuffled, own, judged.rows), strict=True)]
    kinds: dict[str, list[list[NDArray[Any]]]] = {
        "model": [maps(seen, own)],
        "scrambled": [maps(blind, heads(blind))],
        "shuffled head": shuffles,
        "centre": [[centred_gaussian(SIGMA)] * len(own)],
        "uniform": [[np.ones((64, 64))] * len(own)],
    }
    scores = [scores_of(view.name, name, kind, seen.parts, judged) for name, kind in kinds.items()]
    return scores, [
        Tile(corpus.files[row], corpus.rows[row].event, boxes, heat, part, float(point), float(inside))
        for row, boxes, heat, part, point, inside in zip(
            judged.rows, judged.boxes, kinds["model"][0], seen.parts, scores[0].pointing, scores[0].energy, strict=True
        )
    ]


def cell(value: float, interval: tuple[float, float]) -> str:
    """A figure with its interval."""
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


def told(
    row: Scores, model: Scores, areas: NDArray[np.float64], settings: Evaluation, figures: list[dict[str, Any]]
) -> list[str]:
    """A row of the table; its figures are added to `figures`."""
    small = areas < SMALL
    every, few = (
        summarise(row.pointing[some], row.energy[some], areas[some], bootstrap=settings.bootstrap, seed=settings.seed)
        for some in (np.ones_like(small), small)
    )
    gaps = {
        "pointing": more(model.pointing - row.pointing, settings),
        "energy": more(model.energy - row.energy, settings),
        "pointing_small": more((model.pointing - row.pointing)[small], settings),
        "energy_small": more((model.energy - row.energy)[small], settings),
    }
    about = {"view": row.view, "map": row.map, "cells": row.cells}
    figures.append(about | {"all": asdict(every), "small": asdict(few), "model_more": gaps})
    three = [
        [cell(of.pointing, of.pointing_ci), cell(of.energy, of.energy_ci), cell(of.gain, of.gain_ci)]
        for of in (every, few)
    ]
    last = "" if row is model else cell(*gaps["energy"])
    return [*about.values(), *three[0], *three[1], last]


def more(gap: NDArray[np.float64], settings: Evaluation) -> tuple[float, tuple[float, float]]:
    """A mean difference, paired by picture, with its interval."""
    rng = np.random.default_rng(settings.seed)
    blocks = resamples(np.ones(len(gap), dtype=np.bool_), settings.bootstrap, rng)
    interval = percentile_interval(np.concatenate([weights @ gap / len(gap) for weights in blocks]))
    return float(gap.mean()), interval or (float("nan"), float("nan"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--boxes", type=Path, default=ROOT / "benchmarks" / "damage_boxes.csv")
    parser.add_argument("--only", default="", help="views whose name holds this text")
    parser.add_argument("--cache", type=Path, default=ROOT / "data" / "compare-cache", help="for features")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--sheet", type=Path, help="draw the first view's maps and the boxes, the worst first")
    given = parser.parse_args()
    params = read_params(ROOT / "params.yaml")
    corpus = read_corpus(given.manifest, params)
    judged, left_out = judged_of(corpus, read_boxes(given.boxes))
    small = judged.areas < SMALL
    print(f"{len(judged.rows)} pictures with boxes, which cover {judged.areas.mean():.3f} of them on average.")
    print(
        f"Small: those {small.sum()} whose boxes cover less than {SMALL}, {judged.areas[small].mean():.3f} on average."
    )
    print(f"{left_out}\n")
    print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
    figures: list[dict[str, Any]] = []
    for view in VIEWS:
        if given.only not in view.name:
            continue
        try:
            rows, tiles = of_view(view, corpus, judged, given.cache)
        except ModelError as error:
            print(f"| {view.name} | left out: {error} |", flush=True)
            continue
        if given.sheet and not figures:
            draw_sheet(tiles, given.sheet, title=f"Heat maps and boxes: {view.name}")
        for row in rows:
            print(f"| {' | '.join(told(row, rows[0], judged.areas, params.evaluation, figures))} |", flush=True)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def judged_of(corpus: Corpus, boxes: dict[str, list[Box]]) -> tuple[Judged, str]:
    """The pictures with boxes for which there is an honest head, and a sentence on the others."""
    position = {path.name: row for row, path in enumerate(corpus.files)}
    missing = sorted(set(boxes) - set(position))
    if missing:
        raise DataError(f"{len(missing)} pictures with boxes are not in the manifest, such as {missing[0]}")
    wanted = {position[name]: of_picture for name, of_picture in boxes.items()}
    rows = sorted({int(row) for fold in folds_of(corpus, list(wanted)) for row in fold.judged})
    chosen = [wanted[row] for row in rows]
    told = f"{len(wanted) - len(rows)} more have boxes, but no head that surely has not seen their earthquake."
    return Judged(rows, chosen, np.array([area(own) for own in chosen])), told


if __name__ == "__main__":
    main()
