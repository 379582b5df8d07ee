"""The evidence of the deployed network equals pytorch-grad-cam's maps of the same layer."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_grad_cam import GradCAM

from quakelens.demo.drawing import TOWNS, draw_picture
from quakelens.engine.heatmap import grad_cam, heatmap_of
from quakelens.model.assemble import load_network
from quakelens.model.backbone import load_backbone
from quakelens.model.network import network
from quakelens.model.starter import starter_folder

SIZE = 128
TOLERANCE = 1e-3


class LogitOnly(torch.nn.Module):
    """The network as pytorch-grad-cam takes one: `(N, 3, size, size)` in, `(N, 1)` out."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        logit, _ = self.net(pictures.permute(0, 2, 3, 1))
        return logit[:, None]


def pictures() -> np.ndarray:
    """Noise of three grains, and two drawn ruins; `(5, SIZE, SIZE, 3) uint8`."""
    rng = np.random.default_rng(20229)
    made = [Image.fromarray(rng.integers(0, 256, (grain, grain, 3), dtype=np.uint8)) for grain in (SIZE, 20, 5)]
    town = next(iter(TOWNS.values()))
    made += [draw_picture(kind, town, Random(7)) for kind in ("damaged", "damaged_street")]
    return np.stack([np.asarray(picture.convert("RGB").resize((SIZE, SIZE))) for picture in made])


def both(net: torch.nn.Module, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Our evidence `(N, h, w)`, and pytorch-grad-cam's maps `(N, SIZE, SIZE)`."""
    with torch.inference_mode():
        evidence = net(torch.from_numpy(batch))[1].numpy()
    chw = torch.from_numpy(batch).permute(0, 3, 1, 2).float()
    with GradCAM(model=LogitOnly(net), target_layers=[net.features.trunk]) as cam:
        reference = cam(input_tensor=chw, targets=[lambda output: output[0]] * len(batch))
    return evidence, reference


def random_network() -> torch.nn.Module:
    """ImageNet's backbone and a random head."""
    weight = np.random.default_rng(1).normal(size=320).astype(np.float32)
    return network(load_backbone("efficientnet_lite0.blocks"), weight, 0.3)


def first_look() -> torch.nn.Module:
    """The model that ships with quakelens, as every picture is shown to it."""
    return load_network(starter_folder(), "first")


def second_look() -> torch.nn.Module:
    """As those are that may show damage: a finer map."""
    return load_network(starter_folder(), "second")


def shown(evidence: np.ndarray) -> np.ndarray:
    """A heat map as `heatmap_of` makes it, before it is rounded to 256 levels."""
    cells = Image.fromarray(grad_cam(evidence)).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return grad_cam(np.asarray(cells))


@pytest.mark.parametrize(("build", "stride"), [(random_network, 32), (first_look, 32), (second_look, 16)])
def test_heat_maps_equal_those_of_pytorch_grad_cam(build: Callable[[], torch.nn.Module], stride: int) -> None:
    evidence, reference = both(build(), pictures())
    assert evidence.shape == (5, SIZE // stride, SIZE // stride)
    assert sum(own.max() > 0 for own in evidence) >= 2
    for own, other in zip(evidence, reference, strict=True):
        assert np.abs(shown(own) - other).max() < TOLERANCE
        assert np.abs(heatmap_of(own, SIZE) / 255 - other).max() < 0.5 / 255 + TOLERANCE


@pytest.mark.parametrize("bias", [-1.0, 1.0])
def test_so_they_do_where_all_or_none_speaks_for_damage(bias: float) -> None:
    """A head whose weights have one sign, on features made positive: every cell speaks for damage, or none does."""
    backbone = load_backbone("efficientnet_lite0.blocks")
    positive = replace(backbone, features=torch.nn.Sequential(backbone.features, torch.nn.Softplus()))
    net = network(positive, np.full(320, bias, dtype=np.float32), 0.0)
    evidence, reference = both(net, pictures()[:2])
    assert (np.sign(evidence) == bias).all()
    for own, other in zip(evidence, reference, strict=True):
        assert np.abs(shown(own) - other).max() < TOLERANCE
    assert reference.any() == (bias > 0)
