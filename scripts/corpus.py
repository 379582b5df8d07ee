"""A labelled manifest with notes on it, as rows for leaving earthquakes and sources out; features kept in a cache."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quakelens.dataset.leave_out import Row
from quakelens.dataset.manifest import read_manifest
from quakelens.duplicates import cluster, hash_picture
from quakelens.engine.backends import compile_openvino
from quakelens.files import write_atomically
from quakelens.images import decode, read_bytes
from quakelens.model.backbone import COARSE, load_backbone
from quakelens.model.network import feature_network
from quakelens.model.openvino_export import to_openvino
from quakelens.model.preprocessing import Preprocessing
from quakelens.params import Params

NOTES = Path(__file__).with_name("corpus_notes.csv")
BATCH = 32


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus of labelled pictures.

    Attributes:
        rows: One a picture.
        sha256: Of each.
        files: Where each is.
        params: params.yaml.
    """

    rows: list[Row]
    sha256: list[str]
    files: list[Path]
    params: Params

    @property
    def damaged(self) -> NDArray[np.bool_]:
        """The labels, `(N,)`."""
        return np.array([row.damaged for row in self.rows])

    @property
    def sources(self) -> list[str]:
        """Where each comes from."""
        return [row.source for row in self.rows]


@dataclass(frozen=True, slots=True)
class View:
    """One way to show a picture to a backbone."""

    backbone: str
    resize: str
    pixels: int
    output_stride: int = COARSE


def read_corpus(manifest: Path, params: Params, *, corrected: bool = True) -> Corpus:
    """Read a manifest, the notes on its pictures, and their near-duplicates.

    Args:
        manifest: A labelled manifest; pictures that cannot be read are an error.
        params: For the near-duplicates.
        corrected: Correct labels and groups as the notes say; what a picture cannot show is always heeded.
    """
    notes: dict[str, dict[str, str]] = {}
    with NOTES.open(newline="", encoding="utf-8") as file:
        for note in csv.DictReader(file):
            notes.setdefault(note["image"], {})[note["what"]] = note["value"]
    read = read_manifest(manifest).rows
    files = [manifest.parent / row.image for row in read]
    contents = [read_bytes(path) for path in files]
    hashes = [hash_picture(decode(content, at_least=256)) for content in contents]
    clusters = cluster(hashes, params.duplicates)
    names = [hashlib.sha256(content).hexdigest() for content in contents]
    rows = []
    for row, name, number in zip(read, names, clusters, strict=True):
        note = notes.get(row.image, {})
        built = Row(
            name=f"{name}/{row.image}",
            damaged=row.damaged,
            event=row.event,
            source=row.source,
            group=row.group,
            cluster=str(number),
            cannot_show=frozenset((note.get("cannot_show") or row.cannot_show).split()),
        )
        if corrected and "label" in note:
            built = replace(built, damaged=note["label"] == "damaged")
        if corrected and "group" in note:
            built = replace(built, group=note["group"])
        rows.append(built)
    return Corpus(rows, names, files, params)


def features(corpus: Corpus, view: View, cache: Path) -> NDArray[np.float32]:
    """Mean features `(N, channels)` of every picture, kept in `cache` by sha256, backbone and view."""
    preprocessing = Preprocessing(size=view.pixels, resize=view.resize)  # type: ignore[arg-type]

    def look(path: Path) -> NDArray[np.uint8]:
        return preprocessing.apply(decode(read_bytes(path), at_least=view.pixels))

    def compute(paths: Sequence[Path]) -> NDArray[np.float32]:
        network = feature_network(load_backbone(view.backbone, output_stride=view.output_stride))
        compiled = compile_openvino(to_openvino(network, view.pixels))
        return in_batches(paths, look, lambda batch: compiled(batch)[0].mean(axis=(2, 3)))

    fine = "" if view.output_stride == COARSE else f"-os{view.output_stride}"
    name = f"{view.backbone}-{view.resize}{view.pixels}{fine}".replace(":", "_")
    return cached(corpus, cache / f"{name}.npz", compute)


def cached(corpus: Corpus, path: Path, compute: Callable[[Sequence[Path]], NDArray[np.float32]]) -> NDArray[np.float32]:
    """One row of values a picture, of which only those not yet in the file `path` are computed."""
    known: dict[str, NDArray[np.float32]] = {}
    if path.is_file():
        with np.load(path, allow_pickle=False) as saved:
            known = dict(zip([str(value) for value in saved["sha256"]], saved["values"], strict=True))
    missing = {sha256: file for sha256, file in zip(corpus.sha256, corpus.files, strict=True) if sha256 not in known}
    if missing:
        known |= dict(zip(missing, compute(list(missing.values())), strict=True))
        with write_atomically(path) as file:
            np.savez(file, sha256=np.array(list(known), dtype="U64"), values=np.stack(list(known.values())))
    return np.stack([known[sha256] for sha256 in corpus.sha256])


def in_batches(
    paths: Sequence[Path],
    look: Callable[[Path], NDArray[np.uint8]],
    run: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Look at every picture and run a network on batches of them; `(N, ...)`."""
    rows = []
    with ThreadPoolExecutor(2) as threads:
        for start in range(0, len(paths), BATCH):
            rows.append(run(np.stack(list(threads.map(look, paths[start : start + BATCH])))).astype(np.float32))
    return np.concatenate(rows)
