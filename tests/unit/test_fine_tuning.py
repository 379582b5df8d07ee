"""Fine-tuning learns, leaves what is frozen as it is, and gives the same for the same seed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from sklearn.metrics import roc_auc_score

from quakelens.errors import DataError, ModelError
from quakelens.model.backbone import Backbone, load_backbone
from quakelens.model.fine_tuning import (
    FineTuning,
    Parts,
    Tuned,
    advanced,
    averaged,
    fine_tune,
    maps_of,
    mean_features,
    split_backbone,
)
from quakelens.model.network import feature_network
from quakelens.params import Training

TRAINING = Training(l2=1.0, balance_classes=True, max_source_share=0.5, batch_size=8, seed=0)
TUNING = FineTuning(rate=2e-3, epochs=5, batch_size=16)
SHORT = FineTuning(rate=1e-3, epochs=1, batch_size=16)


def drawn(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of bars: damaged ones lean to the left, the others to the right."""
    rng = np.random.default_rng(seed)
    damaged = rng.random(count) < 0.4
    pictures = []
    for label in damaged:
        ground = tuple(int(v) for v in rng.integers(90, 160, 3))
        image = Image.new("RGB", (64, 64), ground)
        draw = ImageDraw.Draw(image)
        for _ in range(8):
            x, y = rng.integers(0, 64, 2)
            lean = int(rng.integers(8, 16)) * (-1 if label else 1)
            draw.line((x, y, x + lean, y - 16), fill=tuple(int(v) for v in rng.integers(0, 256, 3)), width=2)
        pictures.append(np.asarray(image) + rng.integers(0, 8, (64, 64, 3)))
    return np.stack(pictures).astype(np.uint8), damaged


class World:
    """A backbone in two parts, and maps of pictures to learn from and of others."""

    def __init__(self) -> None:
        self.backbone = load_backbone("efficientnet_lite0.blocks")
        self.parts = split_backbone(self.backbone, 2)
        pictures, self.damaged = drawn(160, 0)
        others, self.others_damaged = drawn(120, 1)
        self.pictures = pictures
        self.maps = maps_of(self.backbone, self.parts, pictures)
        self.others = maps_of(self.backbone, self.parts, others)
        self.sources = [f"s{row % 3}" for row in range(len(pictures))]

        self.moved = maps_of(self.backbone, self.parts, np.roll(pictures, 5, axis=2))

    def tuned(self, tuning: FineTuning, count: int = 160) -> Tuned:
        views = [self.maps[:count], self.moved[:count]]
        return fine_tune(self.parts, views, self.damaged[:count], self.sources[:count], TRAINING, tuning)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def tuned(world: World) -> Tuned:
    return world.tuned(TUNING)


def state(module: torch.nn.Module) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in module.state_dict().items()}


def test_it_learns_what_the_frozen_features_do_not_tell(world: World, tuned: Tuned) -> None:
    assert len(tuned.losses) == TUNING.epochs
    assert tuned.losses[-1] < 0.5 * tuned.losses[0]
    before = world.tuned(FineTuning(rate=0.0, epochs=1))
    aucs = [
        roc_auc_score(world.others_damaged, each.head.logits(mean_features(each.late, world.others)))
        for each in (before, tuned)
    ]
    assert aucs[1] > 0.95
    assert aucs[1] > aucs[0] + 0.1


def test_what_is_frozen_keeps_its_weights_to_the_bit(world: World) -> None:
    early, late = state(world.parts.early), state(world.parts.late)
    fresh = load_backbone("efficientnet_lite0.blocks")
    tuned = world.tuned(SHORT, 48)
    assert state(world.parts.early) == early
    assert state(world.parts.late) == late
    assert state(world.backbone.features) == state(fresh.features)
    # Of the copy that was trained, batch normalisation stays and all else moves.
    after = state(tuned.late)
    norms = {
        f"{name}.{own}"
        for name, module in tuned.late.named_modules()
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
        for own, _ in [*module.named_parameters(), *module.named_buffers()]
    }
    assert norms
    assert {name for name in after if after[name] == late[name]} == norms


def test_two_runs_with_one_seed_are_equal_and_another_seed_is_not(world: World) -> None:
    one, again, other = (world.tuned(each, 48) for each in (SHORT, SHORT, replace(SHORT, seed=1)))
    if torch.cuda.is_available():
        pytest.skip("a GPU may differ in the last digits")
    assert one.losses == again.losses != other.losses
    assert state(one.late) == state(again.late)
    assert np.array_equal(one.head.weight, again.head.weight)
    assert state(one.late) != state(other.late)


def test_batches_do_not_mix_pictures(world: World, tuned: Tuned) -> None:
    together = mean_features(tuned.late, world.others[:7])
    alone = np.concatenate([mean_features(tuned.late, world.others[row : row + 1]) for row in range(7)])
    assert np.allclose(together, alone, atol=1e-4)


def test_halfway_lies_between_and_the_ends_are_the_networks(world: World, tuned: Tuned) -> None:
    original = world.parts.late
    assert state(averaged(original, tuned.late, 0.0)) == state(original)
    assert state(averaged(original, tuned.late, 1.0)) == state(tuned.late)
    half = averaged(original, tuned.late, 0.5).state_dict()
    for name, value in original.state_dict().items():
        assert torch.allclose(
            half[name].float(), (value.float() + tuned.late.state_dict()[name].float()) / 2, atol=1e-6
        )


@pytest.mark.parametrize(
    ("name", "groups"),
    [("efficientnet_lite0", 1), ("efficientnet_lite0.blocks", 2), ("torchvision:squeezenet1_1", 3),
     ("torchvision:resnet18", 1)],
)  # fmt: skip
def test_the_parts_are_the_whole(name: str, groups: int) -> None:
    backbone = load_backbone(name, pretrained=False)
    parts = split_backbone(backbone, groups)
    pictures = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    with torch.inference_mode():
        whole = feature_network(backbone)(torch.from_numpy(pictures)).mean(dim=(2, 3)).numpy()
    found = mean_features(parts.late, maps_of(backbone, parts, pictures))
    assert np.allclose(found, whole, rtol=0.02, atol=0.02 * np.abs(whole).max())  # maps are kept as float16


def test_maps_for_two_groups_serve_for_one(world: World) -> None:
    fewer = split_backbone(world.backbone, 1)
    moved = advanced(world.parts.late[:1], world.maps[:4])  # type: ignore[index]
    expected = maps_of(world.backbone, fewer, world.pictures[:4])
    assert moved.shape == expected.shape
    assert np.allclose(moved, expected, atol=0.02 * np.abs(expected).max())


def test_what_cannot_be_cut_is_refused() -> None:
    lite = load_backbone("efficientnet_lite0", pretrained=False)
    for groups in (0, 7):
        with pytest.raises(ModelError, match="7 block groups: train 1 to 6"):
            split_backbone(lite, groups)

    class Other(torch.nn.Module):
        pass

    with pytest.raises(ModelError, match="no block groups"):
        split_backbone(Backbone("timm:other", Other(), (0, 0, 0), (1, 1, 1)), 1)


def test_one_class_says_what_to_do(world: World) -> None:
    with pytest.raises(DataError, match="all 160 training pictures are damaged"):
        fine_tune(
            Parts(world.parts.early, world.parts.late),
            [world.maps],
            np.full(160, True),
            world.sources,
            TRAINING,
            TUNING,
        )
