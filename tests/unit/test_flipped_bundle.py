"""A bundle with one flipped bit, in whatever file, is opened by nothing."""

import shutil
from pathlib import Path

import pytest

from quakelens.engine import Engine
from quakelens.errors import ModelError
from quakelens.model.bundle import MANIFEST, read_manifest, write_manifest
from quakelens.model.starter import starter_folder

FILES = sorted(path.relative_to(starter_folder()).as_posix() for path in starter_folder().rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter, its model.json written as it is for a new model."""
    folder = Path(shutil.copytree(starter_folder(), tmp_path_factory.mktemp("bundle") / "bundle"))
    write_manifest(folder, read_manifest(folder))
    return folder


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_there_is_something_to_flip() -> None:
    kinds = {Path(name).suffix for name in FILES}
    assert kinds == {".json", ".safetensors", ".xml", ".bin"}


@pytest.mark.parametrize("backend", ["openvino", "torch"])
@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_noticed(bundle: Path, name: str, backend: str) -> None:
    size = (bundle / name).stat().st_size
    for at in (0, size // 2, size - 2):
        flip(bundle / name, at)
        try:
            with pytest.raises(ModelError):
                Engine.open(bundle, version="1", backend=backend)
        finally:
            flip(bundle / name, at)


def test_every_part_of_the_manifest_counts(bundle: Path) -> None:
    read_manifest(bundle)
    for at in range(0, (bundle / MANIFEST).stat().st_size, 41):
        flip(bundle / MANIFEST, at)
        try:
            with pytest.raises(ModelError):
                read_manifest(bundle)
        finally:
            flip(bundle / MANIFEST, at)


def test_a_pickle_in_place_of_the_weights_is_not_read(bundle: Path, tmp_path: Path) -> None:
    import pickle

    class Planted:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "ran",)  # type: ignore[return-value]

    weights = bundle / "first" / "weights.safetensors"
    true = weights.read_bytes()
    weights.write_bytes(pickle.dumps(Planted()))
    write_manifest(bundle, read_manifest(bundle))  # also where whoever planted it made the hashes fit
    try:
        with pytest.raises(Exception, match=r"(?i)safetensor|header|weights"):
            Engine.open(bundle, version="1", backend="torch")
    finally:
        weights.write_bytes(true)
        write_manifest(bundle, read_manifest(bundle))
    assert not (tmp_path / "ran").exists()
