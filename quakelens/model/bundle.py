"""A whole model on disk: a folder with weights, preprocessing, classes, calibration and thresholds.

model.json                  everything but the weights, with the sha256 of every other file
first/weights.safetensors   the first look's network, for PyTorch
first/model.xml             the same for OpenVINO, with
first/model.bin             its weights
second/...                  likewise, where pictures that may show damage get a second look
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from quakelens.errors import ModelError
from quakelens.model.preprocessing import Preprocessing

CLASSES = ("not_damaged", "damaged")
FORMAT = 2
MANIFEST = "model.json"
WEIGHTS = "weights.safetensors"
OPENVINO = "model.xml"
FIRST, SECOND = "first", "second"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Calibration(_Part):
    """Platt scaling: probability = 1 / (1 + exp(-(a * logit + b))), with a > 0."""

    a: float = Field(gt=0)
    b: float


class Thresholds(_Part):
    """On the probability: at or above `damaged` is damaged, below `not_damaged` is not, else unsure."""

    damaged: float = Field(ge=0, le=1)
    not_damaged: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> Thresholds:
        if self.not_damaged > self.damaged:
            raise ValueError("threshold `not_damaged` is above `damaged`")
        return self


class Look(_Part):
    """One way to look at a picture: what is shown to which backbone."""

    backbone: str
    output_stride: int
    channels: int
    preprocessing: Preprocessing


class TrainedOn(_Part):
    """What the weights have seen: figures on any of it would be dishonest."""

    earthquakes: tuple[str, ...]
    sources: tuple[str, ...]
    pictures: int
    damaged: int


class _Format(BaseModel):
    format: int


class Manifest(_Part):
    """model.json.

    Attributes:
        looks: `first`, and `second` if there is one.
        second_look_from: The logit of the first look at or above which a picture gets the second; its logit is
            then the mean of both. None without a second look.
        files: The sha256 of every other file.
        own: The sha256 of this file with `own` empty; empty in bundles from before there was one.
    """

    format: int = FORMAT
    name: str = "quakelens"
    note: str = ""
    looks: dict[str, Look]
    second_look_from: float | None = None
    classes: tuple[str, str] = CLASSES
    calibration: Calibration
    thresholds: Thresholds
    trained_on: TrainedOn
    figures: dict[str, Any] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
    own: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Manifest:
        if set(self.looks) != ({FIRST} if self.second_look_from is None else {FIRST, SECOND}):
            raise ValueError(f"looks {sorted(self.looks)} do not fit second_look_from {self.second_look_from}")
        return self

    def label(self, version: str) -> str:
        """Name and version for people, such as `quakelens v3`."""
        return f"{self.name} v{version}" if version.isdigit() else f"{self.name} {version}"


def sha256_of(path: Path) -> str:
    """The sha256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read model.json of a bundle.

    Raises:
        ModelError: It is missing or does not fit this version of quakelens.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{folder} is no model: {MANIFEST} is missing") from None
    try:
        found = _Format.model_validate_json(content).format
        if found == FORMAT:
            manifest = Manifest.model_validate_json(content)
            if manifest.own and _own_of(content.replace(manifest.own.encode(), b"", 1)) != manifest.own:
                raise ModelError(f"{path} is not the file that was written (sha256 differs): do not use it")
            return manifest
    except ValidationError as error:
        raise ModelError(f"{path} cannot be used by this version of quakelens: {error}") from error
    raise ModelError(
        f"{path} has format {found}; this version of quakelens reads format {FORMAT}: run `quakelens retrain`"
    )


def check_files(folder: Path, manifest: Manifest) -> None:
    """Compare every file of a bundle with its recorded sha256.

    Raises:
        ModelError: A file is missing or was changed.
    """
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{path} is missing: register or assemble the model again")
        if sha256_of(path) != expected:
            raise ModelError(f"{path} is not the file that was registered (sha256 differs): do not use it")


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Write model.json with the sha256 of every other file of the folder; returns what was written."""
    files = {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    bare = manifest.model_copy(update={"files": files, "own": ""})
    complete = bare.model_copy(update={"own": _own_of(_text(bare))})
    (folder / MANIFEST).write_bytes(_text(complete))
    return complete


def _text(manifest: Manifest) -> bytes:
    return (json.dumps(manifest.model_dump(mode="json"), indent=2, sort_keys=True) + "\n").encode()


def _own_of(bare: bytes) -> str:
    return hashlib.sha256(bare).hexdigest()
