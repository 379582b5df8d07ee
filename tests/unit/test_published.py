"""Nothing that a camera or its owner wrote into a file leaves with what is published."""

import base64
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hostile import SECRETS, with_secrets
from report_views import picture, post, view

from quakelens.cli.main import program
from quakelens.evaluation import plots
from quakelens.evaluation.mistakes import Mistake
from quakelens.evaluation.predictions import Predictions
from quakelens.images import decode
from quakelens.registry.lookup import Found
from quakelens.report.write import write_report

KINDS = ("JPEG", "PNG", "WEBP", "AVIF")


def found_in(folder: Path) -> list[tuple[str, bytes]]:
    """Secrets in files, also in those that are inside of a page, and in what PNGs hold compressed."""
    told = []
    for path in folder.rglob("*"):
        if path.is_file():
            whole = path.read_bytes()
            inside = [base64.b64decode(each) for each in re.findall(rb"data:image/\w+;base64,([A-Za-z0-9+/=]+)", whole)]
            for data in (whole, *inside):
                told += [(path.name, secret) for secret in SECRETS if secret in data + unpacked(data)]
    return told


def unpacked(data: bytes) -> bytes:
    """Texts and profiles of a PNG that are compressed."""
    found = b""
    for match in re.finditer(rb"iCCP|zTXt|iTXt", data):
        start = data.find(b"\x78", match.end())
        try:
            found += zlib.decompressobj().decompress(data[start:], 1_000_000)
        except zlib.error:
            continue
    return found


@pytest.fixture
def originals(tmp_path: Path) -> list[Path]:
    """Photographs that tell much; the search finds it in them."""
    paths = [tmp_path / "in" / f"{kind}.{kind.lower()}" for kind in KINDS]
    paths[0].parent.mkdir()
    for path, kind in zip(paths, KINDS, strict=True):
        path.write_bytes(with_secrets(kind))
    for path in paths:
        assert len({secret for name, secret in found_in(path.parent) if name == path.name}) >= 4, path
    return paths


def test_a_report_tells_nothing(originals: list[Path], tmp_path: Path) -> None:
    rows = [
        picture(tmp_path, number, (post(number),), file=path, heatmap=path) for number, path in enumerate(originals)
    ]
    write_report(view(*rows), tmp_path / "out")
    assert (tmp_path / "out" / "index.html").read_bytes().count(b"data:image/") >= 2 * len(KINDS)
    assert found_in(tmp_path / "out") == []


def test_pictures_with_their_heat_map_tell_nothing(
    originals: list[Path], tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setattr("quakelens.registry.lookup._starter", lambda: Found("starter", bundle))
    monkeypatch.setattr("quakelens.engine.engine.decide", lambda probability, thresholds: "damaged")
    result = CliRunner().invoke(program, ["score", "--heatmaps", str(tmp_path / "out"), str(tmp_path / "in")])
    assert result.exit_code == 0, result.output
    drawn = list((tmp_path / "out").iterdir())
    assert len(drawn) == len(KINDS)
    assert {decode(path.read_bytes()).size for path in drawn} == {(240, 320)}
    assert found_in(tmp_path / "out") == []


def test_the_sheet_of_mistakes_tells_nothing(originals: list[Path], tmp_path: Path) -> None:
    rows = [Mistake(path, path.name, label=False, probability=0.97, event="none") for path in originals]
    count = len(rows)
    predictions = Predictions(
        sha256=[f"{number:064x}" for number in range(count)], label=np.zeros(count, bool),
        probability=np.full(count, 0.97), decision=["damaged"] * count, event=["none"] * count, source=["x"] * count,
    )  # fmt: skip
    (tmp_path / "out").mkdir()
    plots.worst_mistakes(rows, tmp_path / "out" / "worst.png", predictions=predictions)
    assert found_in(tmp_path / "out") == []
