"""The engine: right whatever the batch, the same on every backend, and never stopped by one picture."""

import json
import shutil
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from drawn import encoded, picture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from quakelens.engine import Engine
from quakelens.engine.backends import OpenVinoBackend, TorchBackend
from quakelens.engine.heatmap import heatmap_of
from quakelens.engine.overlay import overlay
from quakelens.errors import ModelError
from quakelens.images import decode
from quakelens.model.assemble import load_network
from quakelens.model.bundle import Calibration, Thresholds, read_manifest, write_manifest
from quakelens.model.decisions import probability_of


@pytest.fixture(scope="module")
def engine(bundle: Path) -> Engine:
    return Engine.open(bundle, version="7", exact=True)


def files(count: int) -> list[bytes]:
    return [encoded(picture(seed, (90 + 31 * seed % 200, 80 + 17 * seed % 150))) for seed in range(count)]


def test_every_picture_of_a_batch_gets_its_own_verdict(engine: Engine) -> None:
    pictures = files(37)  # more than a batch
    together = engine.score(pictures)
    assert len({verdict.probability for verdict in together}) > 30
    for position in (0, 5, 31, 32, 36):
        alone = engine.score([pictures[position]])[0]
        assert alone.probability == pytest.approx(together[position].probability, abs=1e-5)


def test_bad_pictures_are_rows_among_the_good(engine: Engine) -> None:
    good = files(3)
    verdicts = engine.score([b"", good[0], good[1][:200], b"<html>", good[2]])
    assert [verdict.error is None for verdict in verdicts] == [False, True, False, False, True]
    assert [str(verdict.error).partition(":")[0] for verdict in verdicts if verdict.error] == [
        "empty",
        "truncated",
        "not_an_image",
    ]
    alone = engine.score([good[2]])[0].probability
    assert verdicts[4].probability == pytest.approx(alone, abs=1e-5)


def test_nothing_and_nothing_readable(engine: Engine) -> None:
    assert engine.score([]) == []
    assert [verdict.decision for verdict in engine.score([b"no", b"none"])] == [None, None]


CASES = st.tuples(
    st.integers(0, 999),
    st.integers(8, 700),
    st.integers(8, 700),
    st.sampled_from(["JPEG", "PNG", "WEBP"]),
    st.sampled_from(["RGB", "L", "RGBA", "P", "CMYK", "1"]),
    st.integers(1, 8),
)


def of_case(seed: int, width: int, height: int, form: str, mode: str, orientation: int) -> bytes:
    if (form, mode) in {("JPEG", "RGBA"), ("JPEG", "P"), ("PNG", "CMYK"), ("WEBP", "CMYK")}:
        mode = "RGB"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return encoded(picture(seed, (width, height)).convert(mode), form, exif=exif)


@pytest.fixture(scope="module")
def mostly_sure(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, calibrated so that many pictures surely show no damage, some perhaps, and some are damaged."""
    folder = Path(shutil.copytree(bundle, tmp_path_factory.mktemp("sure") / "bundle"))
    changed = {
        "calibration": Calibration(a=3.0, b=-3.0),
        "thresholds": Thresholds(damaged=0.3, not_damaged=0.1),
    }
    write_manifest(folder, read_manifest(folder).model_copy(update=changed))
    return folder


@settings(max_examples=15, deadline=None)
@given(st.lists(CASES, min_size=1, max_size=9), st.integers(1, 5), st.data())
def test_every_precision_and_batch_agrees_with_eager_float32(
    mostly_sure: Path, cases: list[tuple[int, int, int, str, str, int]], size: int, data: st.DataObject
) -> None:
    engines = engines_of(mostly_sure)
    pictures = [of_case(*case) for case in cases]
    right = engines["reference"].score(pictures)
    thresholds = engines["reference"].manifest.thresholds
    order = data.draw(st.permutations(range(len(pictures))))
    for name, bound in (("exact", 1e-4), ("fast", 0.01), ("torch reduced", 0.01)):
        engines[name].batch_size = size
        found = dict(zip(order, engines[name].score([pictures[at] for at in order]), strict=True))
        for at, expected in enumerate(right):
            assert found[at].probability == pytest.approx(expected.probability, abs=bound), name
            near = min(abs(expected.probability - each) for each in (thresholds.damaged, thresholds.not_damaged))
            assert found[at].decision == expected.decision or near < bound, name


@lru_cache
def engines_of(folder: Path) -> dict[str, Engine]:
    manifest = read_manifest(folder)
    exact = {name: OpenVinoBackend(folder, name) for name in manifest.looks}
    narrow = TorchBackend(folder, "first", device="cpu", reduced=True)
    return {
        "reference": Engine.open(folder, version="7", backend="torch", exact=True),
        "exact": Engine.open(folder, version="7", exact=True),
        "fast": Engine.open(folder, version="7"),
        "torch reduced": Engine(manifest, exact, version="7", screen=narrow),
    }


def test_what_is_not_sure_is_looked_at_in_float32(mostly_sure: Path) -> None:
    pictures = files(60)
    exact = engines_of(mostly_sure)["exact"].score(pictures)
    sure = sum(verdict.probability < 0.008 for verdict in exact)
    assert 5 < sure < 55
    for verdict, right in zip(engines_of(mostly_sure)["torch reduced"].score(pictures), exact, strict=True):
        if right.probability >= 0.03:
            assert verdict.probability == pytest.approx(right.probability, abs=1e-6)


def test_thresholds_decide_and_only_flagged_pictures_get_a_heat_map(engine: Engine) -> None:
    verdicts = engine.score(files(40), heatmaps=True)
    assert {verdict.decision for verdict in verdicts} == {"damaged", "not_damaged", "unsure"}
    for verdict in verdicts:
        p = verdict.probability
        expected = "damaged" if p >= 0.6 else "unsure" if p >= 0.4 else "not_damaged"
        assert verdict.decision == expected
        assert (verdict.heatmap is None) == (expected == "not_damaged")


def by_hand(bundle: Path, engine: Engine, look: str, pictures: list[bytes]) -> np.ndarray:
    preprocessing = engine.manifest.looks[look].preprocessing
    views = [preprocessing.apply(decode(data, at_least=preprocessing.size)) for data in pictures]
    return OpenVinoBackend(bundle, look).run(np.stack(views))[0].astype(np.float64)


def test_pictures_that_may_show_damage_are_looked_at_twice(bundle: Path, engine: Engine) -> None:
    pictures = files(40)
    first, second = (by_hand(bundle, engine, look, pictures) for look in ("first", "second"))
    again = first >= engine.manifest.second_look_from
    assert 5 < again.sum() < 35
    expected = probability_of(np.where(again, (first + second) / 2, first), engine.manifest.calibration)
    verdicts = engine.score(pictures, heatmaps=True)
    assert [verdict.probability for verdict in verdicts] == pytest.approx(expected.tolist(), abs=1e-4)
    for verdict, twice in zip(verdicts, again, strict=True):
        whole = verdict.box == (0, 0, 1, 1)  # the second look is shown all of it, the first its centre
        assert verdict.heatmap is None or whole == twice


def test_a_model_without_a_second_look(bundle: Path, tmp_path: Path) -> None:
    folder = copy_of(bundle, tmp_path)
    whole = read_manifest(folder)
    first = {"looks": {"first": whole.looks["first"]}, "second_look_from": None}
    write_manifest(folder, whole.model_copy(update=first))
    engine, pictures = Engine.open(folder, version="1"), files(10)
    expected = probability_of(by_hand(folder, engine, "first", pictures), whole.calibration)
    assert [verdict.probability for verdict in engine.score(pictures)] == pytest.approx(expected.tolist(), abs=1e-4)


@pytest.mark.parametrize(
    "change", [{"second_look_from": None}, {"looks": {}}, {"format": 1}, {"format": 3}, {"second_look_from": "x"}]
)
def test_a_manifest_that_does_not_fit_is_refused(bundle: Path, tmp_path: Path, change: dict[str, object]) -> None:
    folder = copy_of(bundle, tmp_path)
    content = json.loads((folder / "model.json").read_text(encoding="utf-8")) | change
    (folder / "model.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelError, match="this version of quakelens"):
        Engine.open(folder, version="1")


@pytest.mark.parametrize("look", ["first", "second"])
def test_the_heat_map_is_grad_cam_of_the_logit(bundle: Path, engine: Engine, look: str) -> None:
    import torch

    network = load_network(bundle, look)
    preprocessing = engine.manifest.looks[look].preprocessing
    views = np.stack([preprocessing.apply(picture(seed)) for seed in range(4)])
    features = network.features(torch.from_numpy(views)).detach().requires_grad_()
    logits = network.head(features)[:, 0].mean(dim=(1, 2)) + network.bias
    logits.sum().backward()
    weights = features.grad.mean(dim=(2, 3), keepdim=True)
    grad_cam = torch.relu((weights * features).sum(dim=1)).detach().numpy()
    _, evidence = OpenVinoBackend(bundle, look).run(views)
    assert (evidence.max(axis=(1, 2)) > 0).any()
    for ours, theirs in zip(np.maximum(evidence, 0), grad_cam, strict=True):
        peaks = [max(float(each.max()), 1e-9) for each in (ours, theirs)]  # nothing may speak for damage
        assert np.abs(ours / peaks[0] - theirs / peaks[1]).max() < 1e-3


def test_heat_map_of_no_evidence_is_empty() -> None:
    assert heatmap_of(-np.ones((7, 7), dtype=np.float32)).max() == 0
    one = np.full((7, 7), -1, dtype=np.float32)
    one[1, 5] = 3
    drawn = heatmap_of(one, 70)
    assert drawn.max() == 255
    row, column = np.unravel_index(np.argmax(drawn), drawn.shape)
    assert 10 <= row < 20
    assert 50 <= column < 60


def test_overlay_colours_the_place_and_leaves_the_rest() -> None:
    base = picture(1, (100, 50))
    heat = np.zeros((10, 10), dtype=np.uint8)
    heat[:, :3] = 255
    drawn = np.asarray(overlay(base, heat, (0.0, 0.0, 1.0, 1.0))).astype(int)
    change = np.abs(drawn - np.asarray(base).astype(int)).sum(axis=2)
    assert change[:, :20].mean() > 30
    assert change[:, 60:].max() == 0
    assert overlay(base, heat, (0.25, -0.5, 0.75, 1.5)).size == base.size


def copy_of(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


def test_a_changed_file_is_not_opened(bundle: Path, tmp_path: Path) -> None:
    folder = copy_of(bundle, tmp_path)
    weights = folder / "second" / "model.bin"
    data = bytearray(weights.read_bytes())
    data[1000] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelError, match="sha256 differs"):
        Engine.open(folder, version="1")


def test_incomplete_models_say_what_is_missing(bundle: Path, tmp_path: Path) -> None:
    folder = copy_of(bundle, tmp_path)
    (folder / "first" / "weights.safetensors").unlink()
    with pytest.raises(ModelError, match=r"weights\.safetensors is missing"):
        Engine.open(folder, version="1")
    (folder / "model.json").unlink()
    with pytest.raises(ModelError, match=r"model\.json is missing"):
        Engine.open(folder, version="1")


def test_an_unknown_backend_is_refused(bundle: Path) -> None:
    with pytest.raises(ModelError, match="use auto, openvino or torch"):
        Engine.open(bundle, version="1", backend="tpu")
