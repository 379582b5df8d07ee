"""The same network in OpenVINO's form."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quakelens.errors import ModelError
from quakelens.model.openvino import load_openvino

if TYPE_CHECKING:
    import torch


def to_openvino(network: torch.nn.Module, size: int) -> Any:
    """Convert a module that takes `(N, size, size, 3) uint8`, for any N, to an OpenVINO model.

    Raises:
        ModelError: It does not take pictures of this size, or cannot be converted.
    """
    import torch

    openvino = load_openvino()
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    with torch.inference_mode(), warnings.catch_warnings():
        # The converter traces with torch.jit, which announces its retirement at each call.
        warnings.simplefilter("ignore")
        try:
            return openvino.convert_model(network, example_input=example, input=[-1, size, size, 3])
        except (RuntimeError, AssertionError) as error:
            raise ModelError(f"the network cannot take pictures of {size} pixels: {error}") from error


def save_openvino(network: torch.nn.Module, size: int, path: Path) -> None:
    """Write the network of `quakelens.model.network.network` in float32, its outputs named."""
    openvino = load_openvino()
    model = to_openvino(network, size)
    for output, name in zip(model.outputs, ("logit", "evidence"), strict=True):
        output.get_tensor().set_names({name})
    path.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(model, path, compress_to_fp16=False)
