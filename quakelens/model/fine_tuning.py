"""Training the last block groups of a backbone together with its head.

No stage of the pipeline does this: features stay frozen. `scripts/fine_tune.py` measures on a labelled manifest
whether it pays.

The frozen part of the network is run once a picture and view, and what comes out of it is trained on. So augmented
copies are drawn beforehand, a few of each picture, and an epoch over cached maps costs a fraction of one over pictures.

Several processes that `torchrun` started train as one: all draw the same pictures for a step, and each does its share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quakelens import params as sections
from quakelens.errors import ModelError
from quakelens.model.backbone import Backbone
from quakelens.model.processes import ALONE, Processes
from quakelens.model.training import Head, fit_head, weights_of

if TYPE_CHECKING:
    import torch
    from torch import nn

Maps = NDArray[np.float16] | NDArray[np.float32]
"""What enters the trained part: `(N, channels, h, w)`."""

_AT_ONCE = 64
_WARM_UP = 20  # steps in which the rate rises from 0: the head fits the features before they move


@dataclass(frozen=True, slots=True)
class FineTuning:
    """How it is trained.

    Attributes:
        rate: Largest learning rate of AdamW; it rises within 20 steps and falls along a cosine to 0.
        epochs: In each, as many pictures are drawn as there are.
        batch_size: Pictures a step.
        weight_decay: Of AdamW.
        smoothing: Labels are this far from 0 and 1.
        seed: Of the draws.
    """

    rate: float = 1e-4
    epochs: int = 3
    batch_size: int = 32
    weight_decay: float = 1e-2
    smoothing: float = 0.05
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """A backbone in two: `late(early(x))` is `features(x)`.

    Attributes:
        early: Stays as it is. Takes `(N, 3, size, size) float32`, normalised.
        late: Is trained. Gives `(N, channels, h, w) float32`.
    """

    early: nn.Module
    late: nn.Module


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """What fine-tuning ended with.

    Attributes:
        late: The trained part, on the CPU.
        head: The head that was trained with it.
        losses: The mean loss of each epoch.
    """

    late: nn.Module
    head: Head
    losses: tuple[float, ...]


def split_backbone(backbone: Backbone, groups: int) -> Parts:
    """Cut a backbone before its last block groups; both parts share its weights.

    A block group is an entry of `blocks` of timm's EfficientNet family, with what follows the last of them, or of a
    sequence of layers, as torchvision has.

    Args:
        backbone: Of any kind.
        groups: How many to train, 1 or more.

    Raises:
        ModelError: The network has no such groups, or not so many.
    """
    from torch import nn

    trunk: Any = backbone.features
    net = getattr(trunk, "net", None)
    if net is not None and all(hasattr(net, name) for name in ("conv_stem", "bn1", "blocks", "conv_head", "bn2")):
        before, cut, after = [net.conv_stem, net.bn1], list(net.blocks), [net.conv_head, net.bn2]
    elif isinstance(trunk, nn.Sequential):
        before, cut, after = [], list(trunk), []
    else:
        raise ModelError(
            f"backbone `{backbone.name}` has no block groups that could be trained alone: use an EfficientNet or a "
            "backbone of torchvision that is a sequence of layers"
        )
    if not 1 <= groups < len(cut):
        raise ModelError(f"backbone `{backbone.name}` has {len(cut)} block groups: train 1 to {len(cut) - 1} of them")
    return Parts(
        nn.Sequential(*before, *cut[:-groups]).eval(),
        nn.Sequential(*cut[-groups:], *after).eval(),
    )


def maps_of(backbone: Backbone, parts: Parts, pictures: NDArray[np.uint8]) -> NDArray[np.float16]:
    """Run the frozen part on `(N, size, size, 3) uint8` pictures; `(N, channels, h, w)`."""
    import torch

    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (backbone.mean, backbone.std))

    def normalised(part: NDArray[np.uint8]) -> torch.Tensor:
        return (torch.from_numpy(part).permute(0, 3, 1, 2).float() - mean) / std

    return _through(parts.early, pictures, normalised, lambda out: out.to(torch.float16))


def advanced(groups: nn.Module, maps: Maps) -> NDArray[np.float16]:
    """Maps that were made to train several groups, run through the first of these, to train fewer."""
    import torch

    return _through(groups, maps, lambda part: torch.from_numpy(part).float(), lambda out: out.to(torch.float16))


def mean_features(late: nn.Module, maps: Maps) -> NDArray[np.float32]:
    """Mean features `(N, channels)` over the picture, from what entered the trained part."""
    import torch

    return _through(late, maps, lambda part: torch.from_numpy(part).float(), lambda out: out.mean(dim=(2, 3)))


def _through(module: nn.Module, values: NDArray[Any], before: Any, after: Any) -> NDArray[Any]:
    import torch

    device = best_device()
    moved = module.to(device).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        starts = range(0, len(values), _AT_ONCE)
        found = [after(moved(before(values[at : at + _AT_ONCE]).to(device))).cpu().numpy() for at in starts]
    module.cpu()
    return np.concatenate(found)


def fine_tune(
    parts: Parts,
    views: Sequence[Maps],
    damaged: NDArray[np.bool_],
    sources: Sequence[str],
    training: sections.Training,
    tuning: FineTuning,
    together: Processes = ALONE,
) -> Tuned:
    """Train a copy of the last block groups, starting from them and from the usual head on their features.

    Pictures are drawn in proportion to their weights (`weights_of`), each time in one of its views, so that every
    batch holds damaged ones. Batch normalisation stays as ImageNet left it: its statistics and its factors. On the CPU
    the result is the same for the same seed; a GPU, which computes in bfloat16, may differ in the last digits, and so
    do several processes: they add up the same gradients in another order.

    Args:
        parts: Of `split_backbone`; they stay as they are.
        views: Of every picture the plain map first, then of its augmented copies.
        damaged: Labels `(N,)`.
        sources: Of the pictures.
        training: For the weights and the first head.
        tuning: The rest; the batch is that of all processes together.
        together: The processes that train; every one of them is given the same and returns the same.

    Raises:
        DataError: Only one class is there.
    """
    import torch
    import torch.distributed as dist
    from torch.nn.functional import binary_cross_entropy_with_logits

    head = fit_head(mean_features(parts.late, views[0]), damaged, sources, training)
    device = best_device()
    late, linear = _trainable(parts.late, head, device)
    whole = _with_head(late, linear)
    trained = [each for each in whole.parameters() if each.requires_grad]
    forward = whole
    if together.count > 1:  # starts all from the weights of the first; the statistics of normalisation stay
        forward = torch.nn.parallel.DistributedDataParallel(whole, forward_sync_buffers=False)
    optimiser = torch.optim.AdamW(trained, lr=tuning.rate, weight_decay=tuning.weight_decay)
    chance = weights_of(damaged, sources, training)
    chance /= chance.sum()
    target = damaged * (1 - 2 * tuning.smoothing) + tuning.smoothing
    rng = np.random.default_rng(tuning.seed)
    steps = max(1, len(damaged) // tuning.batch_size)
    losses = []
    for epoch in range(tuning.epochs):
        total = 0.0
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = tuning.rate * _share(epoch * steps + step, tuning.epochs * steps)
            rows = rng.choice(len(damaged), tuning.batch_size, p=chance)
            drawn = rng.integers(len(views), size=len(rows))
            rows, drawn = rows[together.rank :: together.count], drawn[together.rank :: together.count]
            batch = np.stack([views[view][row] for view, row in zip(drawn, rows, strict=True)])
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                maps = torch.from_numpy(batch).to(device).float().contiguous(memory_format=torch.channels_last)
                logits = forward(maps)
            wanted = torch.from_numpy(target[rows]).to(device).float()
            summed = binary_cross_entropy_with_logits(logits.float(), wanted, reduction="sum")
            optimiser.zero_grad()
            # Gradients are averaged over the processes, whose shares of a batch may differ by one picture.
            (summed * (together.count / tuning.batch_size)).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += summed.item() / tuning.batch_size
        every = torch.tensor(total, device=device)
        if together.count > 1:
            dist.all_reduce(every)
        losses.append(float(every) / steps)
    weight = linear.weight.detach()[0].cpu().numpy()
    return Tuned(late.cpu().requires_grad_(False), Head(weight, float(linear.bias.item())), tuple(losses))


def averaged(original: nn.Module, tuned: nn.Module, alpha: float) -> nn.Module:
    """A network between two of one shape: weights (1 - alpha) * original + alpha * tuned.

    Wortsman et al. (2022), Robust fine-tuning of zero-shot models: the middle keeps more of what the original knows
    of pictures unlike those that were trained on.
    """
    from copy import deepcopy

    between = deepcopy(original)
    trained = tuned.state_dict()
    state = {
        name: value.lerp(trained[name], alpha) if value.is_floating_point() else value
        for name, value in original.state_dict().items()
    }
    between.load_state_dict(state)
    return between


def best_device() -> torch.device:
    """The first GPU, or the CPU where there is none."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _trainable(late: nn.Module, head: Head, device: torch.device) -> tuple[nn.Module, nn.Linear]:
    from copy import deepcopy

    import torch
    from torch import nn

    copied = deepcopy(late).eval().requires_grad_(True).to(device).to(memory_format=torch.channels_last)
    for module in copied.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.requires_grad_(False)
    linear = nn.Linear(len(head.weight), 1)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(head.weight)[None])
        linear.bias.fill_(head.bias)
    return copied, linear.to(device)


def _with_head(late: nn.Module, linear: nn.Linear) -> nn.Module:
    """One module from maps `(N, channels, h, w)` to logits `(N,)`."""
    from torch import nn

    class WithHead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.late, self.linear = late, linear

        def forward(self, maps: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.linear(self.late(maps).mean(dim=(2, 3)))[:, 0]
            return logits

    return WithHead()


def _share(step: int, steps: int) -> float:
    """Of the rate: rises, then falls along a cosine."""
    return float(min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + np.cos(np.pi * step / steps)))
