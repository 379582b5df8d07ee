"""The network that is deployed: pixels in, a logit and the evidence behind it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quakelens.errors import ModelError
from quakelens.model.backbone import Backbone

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


def feature_network(backbone: Backbone) -> torch.nn.Module:
    """A module from `(N, size, size, 3) uint8` pictures to `(N, channels, h, w) float32` features."""
    import torch

    class FeatureNetwork(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = backbone.features
            self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1))
            self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1))

        def forward(self, pictures: Any) -> Any:
            pixels = pictures.permute(0, 3, 1, 2).float()
            return self.trunk((pixels - self.mean) / self.std)

    return FeatureNetwork().eval()


def network(backbone: Backbone, weight: NDArray[np.float32], bias: float) -> torch.nn.Module:
    """The whole model: a linear head on the mean of the features over the picture.

    Args:
        backbone: With its weights.
        weight: `(channels,) float32`.
        bias: Of the logit.

    Returns:
        A module from `(N, size, size, 3) uint8` to the logit `(N,) float32` of "damaged" and the evidence
        `(N, h, w) float32`: what each cell of the picture adds, so that its mean plus the bias is the logit.
        The evidence's positive part is Grad-CAM of the logit on the last features, up to the factor h*w,
        since the gradient of a mean and a linear layer is the same everywhere: no backward pass is needed.

    Raises:
        ModelError: The head does not fit the backbone.
    """
    import torch

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = feature_network(backbone)
            self.head = torch.nn.Conv2d(len(weight), 1, kernel_size=1, bias=False)
            with torch.no_grad():
                self.head.weight.copy_(torch.from_numpy(weight).view(1, -1, 1, 1))
            self.register_buffer("bias", torch.tensor(float(bias)))

        def forward(self, pictures: Any) -> Any:
            evidence = self.head(self.features(pictures))[:, 0]
            return evidence.mean(dim=(1, 2)) + self.bias, evidence

    built = Network().eval()
    with torch.inference_mode():
        try:
            built(torch.zeros((1, 64, 64, 3), dtype=torch.uint8))
        except (RuntimeError, ValueError, IndexError, AssertionError) as error:
            raise ModelError(
                f"a head of {len(weight)} weights does not fit backbone `{backbone.name}`, or it gives no "
                f"map of features: {error}"
            ) from error
    return built
