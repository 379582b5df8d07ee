"""Pack a world-atlas TopoJSON file: python -m quakelens.report.basemap.make countries-10m.json."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

WORLD = Path(__file__).with_name("world.npz")


def pack(topology: dict[str, Any], target: Path) -> None:
    """Write the arcs, the rings of land and the list of border arcs as one compressed npz.

    Coordinates stay on the TopoJSON grid, as differences from one point to the next over all arcs in
    order, x and y apart: small numbers, which compress to half of what the JSON does.
    """
    arcs = topology["arcs"]
    deltas: list[tuple[int, int]] = []
    end = (0, 0)
    for arc in arcs:
        first = (arc[0][0] - end[0], arc[0][1] - end[1])
        deltas.append(first)
        deltas.extend((x, y) for x, y in arc[1:])
        end = (sum(x for x, _ in arc), sum(y for _, y in arc))
    rings = list(_rings(topology["objects"]["land"]))
    uses = Counter(arc if arc >= 0 else ~arc for ring in _rings(topology["objects"]["countries"]) for arc in ring)
    coast = {arc if arc >= 0 else ~arc for ring in rings for arc in ring}
    xy = np.array(deltas, dtype=np.int32)
    np.savez_compressed(
        target,
        dx=xy[:, 0],
        dy=xy[:, 1],
        lengths=np.array([len(arc) for arc in arcs], dtype=np.int32),
        rings=np.array([arc for ring in rings for arc in ring], dtype=np.int32),
        ring_lengths=np.array([len(ring) for ring in rings], dtype=np.int32),
        borders=np.array(
            [arc for arc, count in sorted(uses.items()) if count > 1 and arc not in coast],
            dtype=np.int32,
        ),
        scale=np.array(topology["transform"]["scale"]),
        translate=np.array(topology["transform"]["translate"]),
    )


def _rings(geometry: dict[str, Any]) -> list[list[int]]:
    kind = geometry["type"]
    if kind == "GeometryCollection":
        return [ring for part in geometry["geometries"] for ring in _rings(part)]
    if kind == "MultiPolygon":
        return [ring for polygon in geometry["arcs"] for ring in polygon]
    return list(geometry["arcs"]) if kind == "Polygon" else []


if __name__ == "__main__":
    pack(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), WORLD)
