"""pytorch-grad-cam on our own networks, from the bytes of pictures to heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from scoring_peers import read
from scoring_sides import Opened
from torchvision import transforms

from quakelens.model.assemble import load_network
from quakelens.model.bundle import read_manifest
from quakelens.model.starter import starter_folder


class OneLogit(torch.nn.Module):
    """Our network in the form that pytorch-grad-cam takes: normalised pixels to `(N, 1)` logits."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.trunk = network.features.trunk
        self.head = network.head
        self.register_buffer("bias", network.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.trunk(x)).mean(dim=(2, 3)) + self.bias


def grad_cam(pictures: Sequence[bytes], *, look: str, batch: int) -> Opened:
    """Decode, transform, and one backward pass a batch, as its documentation shows it."""
    folder = starter_folder()
    network: Any = load_network(folder, look)
    side = read_manifest(folder).looks[look].preprocessing.size
    mean, std = ((values.flatten() / 255).tolist() for values in (network.features.mean, network.features.std))
    transform = transforms.Compose(
        [transforms.Resize((side, side)), transforms.ToTensor(), transforms.Normalize(mean, std)]
    )
    net = OneLogit(network).eval()
    cam = GradCAM(model=net, target_layers=[net.trunk])

    def run(some: Sequence[bytes]) -> list[Image.Image]:
        maps: list[Image.Image] = []
        for start in range(0, len(some), batch):
            x = torch.stack([transform(read(data)) for data in some[start : start + batch]])
            found = cam(input_tensor=x, targets=[ClassifierOutputTarget(0)] * len(x))
            maps += [Image.fromarray((each * 255).astype("uint8")) for each in found]
        return maps

    run(pictures[:batch])
    return Opened(run, lambda one: run([one])[0])
