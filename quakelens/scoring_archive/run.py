"""What a run is made of: written once when it starts, and kept when it goes on."""

from __future__ import annotations

import os
import shutil
import tempfile
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from quakelens.errors import UsageError
from quakelens.files import write_atomically, write_json
from quakelens.model.bundle import MANIFEST as MODEL_JSON
from quakelens.model.bundle import read_manifest, sha256_of
from quakelens.registry.lookup import Found
from quakelens.scoring_archive import listing

RUN, PICTURES, OFFSETS, MODEL = "run.json", "manifest.jsonl", "offsets.npy", "model"
LOCK, CHUNKS, ATTEMPTS, RESULTS, SUMMARY = ".lock", "chunks", "attempts", "results.jsonl.gz", "summary.json"
CHUNK_SIZE = 1000
"""Pictures: some seconds of work, against which the tens of milliseconds of a task do not count."""

_BEFORE = {LOCK, PICTURES, OFFSETS, MODEL}  # what a start that was killed may leave
_FOLDER = 1000  # chunks a folder


class Run(BaseModel):
    """run.json.

    Attributes:
        paths: Files and folders that were asked for, absolute.
        lists: Files with a path a line, likewise.
        version: Of the model, as text.
        model: Its label, in every row.
        model_sha256: Of the bundle's model.json, which holds the sha256 of all its other files.
        chunk_size: Pictures a chunk.
        pictures: How many.
        started_at: UTC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    paths: tuple[str, ...]
    lists: tuple[str, ...]
    version: str
    model: str
    model_sha256: str
    chunk_size: int
    pictures: int
    started_at: datetime

    @property
    def chunks(self) -> int:
        """How many."""
        return -(-self.pictures // self.chunk_size)


def read_run(output: Path) -> Run | None:
    """The run of a folder; None if none was started there.

    Raises:
        UsageError: Its run.json cannot be used.
    """
    try:
        return Run.model_validate_json((output / RUN).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise UsageError(f"{output / RUN} cannot be used by this version of quakelens: {error}") from error


def the_run(output: Path) -> Run:
    """The run of a folder that has one.

    Raises:
        UsageError: It has none.
    """
    run = read_run(output)
    if run is None:
        raise UsageError(f"{output} holds no run: every machine that scores must see the same folder there")
    return run


def start(output: Path, paths: Sequence[str], lists: Sequence[str], model: Found, chunk_size: int | None) -> Run:
    """List the pictures, copy the model, and write run.json last.

    Args:
        output: Folder of the run.
        paths: Files and folders.
        lists: Files with a path a line.
        model: The run keeps it.
        chunk_size: Pictures a chunk; None for 1,000.

    Raises:
        UsageError: The folder holds something else, or a list cannot be read.
        ModelError: The model cannot be read.
    """
    size = chunk_size or CHUNK_SIZE
    output.mkdir(parents=True, exist_ok=True)
    foreign = sorted({each.name for each in output.iterdir() if not each.name.startswith(".")} - _BEFORE)
    if foreign:
        raise UsageError(f"{output} holds other things ({', '.join(foreign[:3])}): choose an empty or a new folder")
    for stale in (each for kind in (".listing-*", ".model-*") for each in output.glob(kind)):
        shutil.rmtree(stale)  # of a start that was killed
    _copy_model(model.folder, output / MODEL)
    count, offsets = 0, array("q")
    with write_atomically(output / PICTURES) as file:
        paths_in_order = listing.in_order(listing.found(paths, lists), output)
        while chunk := list(islice(paths_in_order, size)):
            offsets.append(file.tell())
            file.writelines(listing.line(path).encode() for path in chunk)
            count += len(chunk)
    with write_atomically(output / OFFSETS) as file:
        np.save(file, np.array(offsets, np.int64))
    manifest = read_manifest(output / MODEL)
    run = Run(
        paths=_absolute(paths), lists=_absolute(lists), version=model.version, model=manifest.label(model.version),
        model_sha256=sha256_of(output / MODEL / MODEL_JSON), chunk_size=size, pictures=count,
        started_at=datetime.now(UTC),
    )  # fmt: skip
    write_json(output / RUN, run.model_dump(mode="json"))
    return run


def check_same(
    output: Path, run: Run, paths: Sequence[str], lists: Sequence[str], model: Found | None, chunk_size: int | None
) -> None:
    """Make sure that what was asked for is what the folder's run does.

    Args:
        output: Folder of the run.
        run: Of this folder.
        paths: Files and folders that were asked for.
        lists: Files with a path a line that were asked for.
        model: That was asked for; None for the run's own.
        chunk_size: That was asked for; None for the run's own.

    Raises:
        UsageError: It is something else; the message says what, and what to do.
    """
    elsewhere = "or choose another folder for the new one"
    if (_absolute(paths), _absolute(lists)) != (run.paths, run.lists):
        raise UsageError(
            f"{output} holds a run over {', '.join((*run.paths, *run.lists)) or 'nothing'}: name the same to go on "
            f"with it, {elsewhere}"
        )
    if model is not None and (model.version != run.version or sha256_of(model.folder / MODEL_JSON) != run.model_sha256):
        raise UsageError(
            f"{output} holds a run of {run.model}, which is another model: leave --model out to go on with it, "
            f"{elsewhere}"
        )
    if chunk_size is not None and chunk_size != run.chunk_size:
        raise UsageError(f"{output} holds a run in chunks of {run.chunk_size}: leave the size out, {elsewhere}")


def pictures_of(output: Path, run: Run, number: int) -> list[str]:
    """Paths of the pictures of a chunk, in order."""
    offsets = np.load(output / OFFSETS, mmap_mode="r")
    with (output / PICTURES).open("rb") as file:
        file.seek(int(offsets[number]))
        return list(listing.read_lines(islice(file, run.chunk_size)))


def chunk_file(output: Path, number: int) -> Path:
    """Where the rows of a chunk are, once it is done."""
    return output / CHUNKS / f"{number // _FOLDER:03}" / f"{number:06}.jsonl.gz"


def left(output: Path) -> list[int]:
    """Numbers of the chunks of a folder's run that are not done yet, in order."""
    run = the_run(output)
    done = {path.name for path in (output / CHUNKS).glob("*/*.jsonl.gz")}
    return [number for number in range(run.chunks) if chunk_file(output, number).name not in done]


def _absolute(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name if name == "-" else os.path.abspath(name) for name in names)  # noqa: PTH100


def _copy_model(folder: Path, to: Path) -> None:
    shutil.rmtree(to, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    try:
        shutil.copytree(folder, partial, dirs_exist_ok=True)
        partial.chmod(0o755)
        partial.replace(to)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
