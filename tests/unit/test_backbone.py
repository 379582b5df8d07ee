"""Backbones by name, with random weights: what is tested is the way to their features, not the download."""

import numpy as np
import pytest
import torch

from quakelens.errors import ModelError
from quakelens.model.backbone import load_backbone
from quakelens.model.network import feature_network, network
from quakelens.model.openvino_export import to_openvino


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("efficientnet_lite0", 1280),
        ("efficientnet_lite0.blocks", 320),
        ("efficientnet_lite2.blocks", 352),
        ("timm:resnet18", 512),
        ("torchvision:resnet18", 512),
        ("torchvision:mobilenet_v3_small", 576),
    ],
)
def test_a_backbone_gives_a_map_of_features(name: str, channels: int) -> None:
    backbone = load_backbone(name, pretrained=False)
    pictures = torch.randint(0, 256, (2, 96, 96, 3), dtype=torch.uint8)
    with torch.inference_mode():
        features = feature_network(backbone)(pictures)
        logit, evidence = network(backbone, np.ones(channels, dtype=np.float32), 0.5)(pictures)
    assert features.shape[:2] == (2, channels)
    assert features.shape[2] > 1
    assert logit.shape == (2,)
    assert torch.allclose(evidence.mean(dim=(1, 2)) + 0.5, logit, atol=1e-4)


@pytest.mark.parametrize("name", ["efficientnet_lite0.blocks", "efficientnet_lite2.blocks", "timm:resnet18"])
def test_a_finer_map_holds_the_same_features_at_more_places(name: str) -> None:
    coarse = load_backbone(name, pretrained=not name.startswith("timm"))
    fine = load_backbone(name, pretrained=False, output_stride=16)
    fine.features.load_state_dict(coarse.features.state_dict(), strict=True)
    pictures = torch.nn.functional.interpolate(
        torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(1)), 256
    )
    pixels = (255 * pictures).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    with torch.inference_mode():
        few, many = feature_network(coarse)(pixels), feature_network(fine)(pixels)
    assert many.shape[2] == 2 * few.shape[2]
    means = torch.stack([each.mean(dim=(2, 3))[0] for each in (few, many)])
    assert torch.corrcoef(means)[0, 1] > 0.9


def test_a_stride_that_a_backbone_does_not_take_is_refused() -> None:
    with pytest.raises(ModelError, match="output_stride 32 only"):
        load_backbone("torchvision:resnet18", pretrained=False, output_stride=16)


def test_the_bundled_weights_are_imagenets() -> None:
    trained, random = load_backbone("efficientnet_lite0"), load_backbone("efficientnet_lite0", pretrained=False)
    ramp = torch.arange(64 * 64 * 3, dtype=torch.int64).remainder(256).to(torch.uint8).view(1, 64, 64, 3)
    with torch.inference_mode():
        learnt, untrained = feature_network(trained)(ramp), feature_network(random)(ramp)
    assert learnt.std() > 0.1
    assert not torch.allclose(learnt, untrained)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("resnet18", "use efficientnet_lite0, timm:NAME or torchvision:NAME"),
        ("timm:no_such_model", "cannot be built"),
        ("torchvision:no_such_model", "cannot be built"),
    ],
)
def test_unknown_names_say_what_to_use(name: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        load_backbone(name, pretrained=False)


def test_a_network_without_a_map_is_refused() -> None:
    backbone = load_backbone("timm:vit_tiny_patch16_224", pretrained=False)
    with pytest.raises(ModelError, match="map of features"):
        network(backbone, np.ones(192, dtype=np.float32), 0.0)
    with pytest.raises(ModelError, match="64 pixels"):
        to_openvino(feature_network(backbone), 64)


def test_a_head_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match="7 weights does not fit"):
        network(load_backbone("efficientnet_lite0", pretrained=False), np.ones(7, dtype=np.float32), 0.0)


def test_the_exported_network_takes_any_batch() -> None:
    from quakelens.engine.backends import compile_openvino

    module = feature_network(load_backbone("torchvision:resnet18", pretrained=False))
    compiled = compile_openvino(to_openvino(module, 64))
    for count in (1, 3):
        pictures = np.random.default_rng(count).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
        with torch.inference_mode():
            expected = module(torch.from_numpy(pictures)).numpy()
        assert np.allclose(compiled(pictures)[0], expected, atol=1e-3)
