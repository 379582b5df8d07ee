"""What a user would write instead: Pillow and eager PyTorch, and timm with a DataLoader."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import timm
import torch
from PIL import Image
from scoring_sides import Opened
from torchvision import transforms

from quakelens.cores import usable_cores
from quakelens.model.backbone import load_backbone

BACKBONE = "efficientnet_lite0"
ARCHITECTURE = f"tf_{BACKBONE}"
SIDE = 224
BATCH = 32


def classifier() -> torch.nn.Module:
    """The backbone of our first look, whole, with its packaged weights and a linear head of one logit."""
    net = timm.create_model(ARCHITECTURE, pretrained=False, num_classes=1)
    net.load_state_dict(trunk_weights(), strict=False)
    return net.eval()


def trunk_weights() -> dict[str, Any]:
    """The packaged weights without those of a classifier, by timm's names."""
    features: Any = load_backbone(BACKBONE).features
    return dict(features.net.state_dict())


def read(data: bytes) -> Image.Image:
    """As every tutorial does it."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def plain_transform() -> Any:
    """Resize, to tensor, normalise."""
    backbone = load_backbone(BACKBONE, pretrained=False)
    mean, std = ([value / 255 for value in values] for values in (backbone.mean, backbone.std))
    return transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor(), transforms.Normalize(mean, std)])


def plain(pictures: Sequence[bytes], *, batch: int) -> Opened:
    """A loop over batches."""
    net, transform = classifier(), plain_transform()

    def run(some: Sequence[bytes]) -> list[bool]:
        decisions: list[bool] = []
        with torch.inference_mode():
            for start in range(0, len(some), batch):
                x = torch.stack([transform(read(data)) for data in some[start : start + batch]])
                decisions += (torch.sigmoid(net(x))[:, 0] >= 0.5).tolist()
        return decisions

    run(pictures[:batch])
    return Opened(run, lambda one: run([one])[0])


class InMemory(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """Pictures, transformed when they are asked for."""

    def __init__(self, pictures: Sequence[bytes], transform: Any) -> None:
        self.pictures = pictures
        self.transform = transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, at: int) -> Any:
        return self.transform(read(self.pictures[at]))


def timm_loader(pictures: Sequence[bytes], *, fast: bool = False) -> Opened:
    """timm's own transform in as many workers as there are cores, kept from round to round."""
    net = classifier()
    if fast:
        net = net.to(memory_format=torch.channels_last)
    config = timm.data.resolve_model_data_config(net)
    transform = timm.data.create_transform(**config, is_training=False)
    loader: Any = torch.utils.data.DataLoader(
        InMemory(pictures, transform), batch_size=BATCH, num_workers=usable_cores(), persistent_workers=True
    )

    def decide(x: torch.Tensor) -> list[bool]:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=fast):
            if fast:
                x = x.contiguous(memory_format=torch.channels_last)
            return list((torch.sigmoid(net(x).float())[:, 0] >= 0.5).tolist())

    def run(some: Sequence[bytes]) -> list[bool]:
        if some is not pictures:
            raise ValueError("the loader holds all pictures: give the same list")
        return [decision for x in loader for decision in decide(x)]

    run(pictures)  # starts the workers
    return Opened(run, lambda one: decide(transform(read(one))[None])[0])
