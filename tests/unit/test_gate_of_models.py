"""The gate on models that were trained, and scored the same held-out pictures."""

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from quakelens.evaluation.calibration import fit_platt, weights_at
from quakelens.evaluation.gate import GateDecision, compare
from quakelens.evaluation.predictions import Predictions
from quakelens.evaluation.thresholds import Thresholds
from quakelens.model.backbone import load_backbone
from quakelens.model.decisions import decide
from quakelens.model.fine_tuning import maps_of, mean_features, split_backbone
from quakelens.model.training import fit_head
from quakelens.params import Gate, Training

GATE = Gate(min_gain=0.0, max_loss=0.05, first_min_auc=0.6)
TRAINING = Training(l2=0.3, balance_classes=True, max_source_share=0.5, batch_size=32, seed=0)
WALLS = {"brick": (150, 80, 60), "concrete": (150, 150, 155)}
HELD_OUT = {"brick": "2015-brick", "concrete": "2016-concrete"}


def house(wall: str, damaged: bool, rng: np.random.Generator) -> Image.Image:
    """A wall with windows; damaged, a heap of its pieces lies in front, sometimes a small one."""
    image = Image.new("RGB", (64, 64), (120, 160, 200))
    draw = ImageDraw.Draw(image)
    colour = np.array(WALLS[wall]) + rng.integers(-25, 26, 3)
    left, top = rng.integers(2, 14, 2)
    draw.rectangle((left, top, 63 - left, 63), fill=tuple(int(v) for v in colour))
    for x in range(left + 4, 56 - left, 12):
        for y in range(top + 4, 56, 14):
            draw.rectangle((x, y, x + 6, y + 8), fill=(40, 45, 60))
    for _ in range(int(rng.integers(3, 14)) if damaged else int(rng.integers(0, 4))):
        x, y = rng.integers(0, 60), rng.integers(34, 60)
        corners = [(int(x + dx), int(y + dy)) for dx, dy in rng.integers(-9, 10, (4, 2))]
        draw.polygon(corners, fill=tuple(int(v) for v in colour + rng.integers(-60, 40)))
    noisy = np.asarray(image.filter(ImageFilter.GaussianBlur(0.6))) + rng.normal(0, 6, (64, 64, 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


class Drawn:
    """Pictures with labels, walls and features."""

    def __init__(self, count: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.damaged = np.arange(count) % 2 == 0
        self.wall = np.array(["brick", "concrete"])[np.arange(count) // 2 % 2]
        pictures = np.stack([
            np.asarray(house(wall, bool(label), rng)) for wall, label in zip(self.wall, self.damaged, strict=True)
        ])  # fmt: skip
        backbone = load_backbone("efficientnet_lite0.blocks")
        parts = split_backbone(backbone, 1)
        self.features = mean_features(parts.late, maps_of(backbone, parts, pictures))

    def predicted(self, training: "Drawn", rows: np.ndarray, labels: np.ndarray | None = None) -> Predictions:
        """What a model says of these pictures that has learnt from the rows of others."""
        learnt = training.damaged if labels is None else labels
        head = fit_head(training.features[rows], learnt[rows], [str(wall) for wall in training.wall[rows]], TRAINING)
        fitted = head.logits(training.features[rows])
        platt = fit_platt(fitted, learnt[rows], weights_at(0.1, learnt[rows]))
        probability = platt.apply(head.logits(self.features))
        return Predictions(
            sha256=[f"{number:064x}" for number in range(len(self.damaged))],
            label=self.damaged,
            probability=probability,
            decision=[decide(float(value), Thresholds(0.5, 0.1, {})) for value in probability],
            event=[HELD_OUT[str(wall)] for wall in self.wall],
            source=["drawn"] * len(self.damaged),
        )


@pytest.fixture(scope="module")
def drawn() -> Iterator[tuple[Drawn, Drawn]]:
    yield Drawn(400, 0), Drawn(240, 1)


def decided(champion: Predictions, challenger: Predictions) -> GateDecision:
    order = np.random.default_rng(3).permutation(len(challenger))  # each is scored in an order of its own
    return compare(champion, challenger.take(order), GATE, bootstrap=500, seed=5)


def noisy_labels(training: Drawn, share: float) -> np.ndarray:
    return training.damaged ^ (np.random.default_rng(2).random(len(training.damaged)) < share)


def test_worse_equal_and_better_models(drawn: tuple[Drawn, Drawn]) -> None:
    training, held_out = drawn
    everything = np.arange(len(training.damaged))
    good = held_out.predicted(training, everything)
    poor = held_out.predicted(training, everything, noisy_labels(training, 0.3))
    again = held_out.predicted(training, everything[::-1])

    better = decided(poor, good)
    assert better.promote
    assert better.figures["average_precision"]["gain_ci"][0] > 0
    assert better.reason.startswith("Promoted: average precision")

    worse = decided(good, poor)
    assert not worse.promote
    assert worse.figures["average_precision"]["gain_ci"][1] < 0
    assert worse.figures["average_precision"]["gain"] == pytest.approx(-better.figures["average_precision"]["gain"])

    equal = decided(good, again)
    assert not equal.promote
    assert "no gain beyond noise" in equal.reason
    assert equal.figures["average_precision"]["gain"] == pytest.approx(0, abs=1e-3)


def test_a_model_that_is_better_on_average_but_worse_on_one_earthquake(drawn: tuple[Drawn, Drawn]) -> None:
    training, held_out = drawn
    brick, everything = training.wall == "brick", np.arange(len(training.damaged))
    # The champion learnt little of brick; the challenger learnt brick, and concrete from wrong labels.
    champion = held_out.predicted(training, everything, np.where(brick, noisy_labels(training, 0.5), training.damaged))
    wrong = np.where(brick, training.damaged, noisy_labels(training, 0.45))
    challenger = held_out.predicted(training, everything, wrong)
    told = decided(champion, challenger)
    assert told.figures["average_precision"]["gain_ci"][0] > 0
    assert told.figures["earthquakes"]["2015-brick"]["gain"] > 0
    assert told.figures["earthquakes"]["2016-concrete"]["gain"] < -0.05
    assert not told.promote
    assert "2016-concrete fell from" in told.reason
