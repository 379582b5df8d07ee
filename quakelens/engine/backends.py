"""What runs the network: OpenVINO on processors, PyTorch as the reference and on GPUs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from quakelens.errors import ModelError
from quakelens.model.bundle import OPENVINO

if TYPE_CHECKING:
    import torch


class Backend(Protocol):
    """Runs a network on batches of any size."""

    def run(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """From `(N, size, size, 3) uint8` to logits `(N,) float32` and evidence `(N, h, w) float32`."""


class OpenVinoBackend:
    """OpenVINO on the processor, in float32 so that figures equal the reference.

    A call is spread over as many requests as the processor runs at once.
    """

    def __init__(self, folder: Path, look: str) -> None:
        import openvino

        compiled = compile_openvino(folder / look / OPENVINO)
        self._queue = openvino.AsyncInferQueue(compiled, 0)  # 0: as many as are best here
        self._queue.set_callback(_keep)

    def run(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See `Backend.run`."""
        jobs = len(self._queue)
        size = min(_MOST_AT_ONCE, -(-len(pictures) // jobs))
        kept: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        for start in range(0, len(pictures), size):
            self._queue.start_async({0: pictures[start : start + size]}, (kept, start))
        self._queue.wait_all()
        parts = [kept[start] for start in sorted(kept)]
        return np.concatenate([logit for logit, _ in parts]), np.concatenate([evidence for _, evidence in parts])


_MOST_AT_ONCE = 2
"""Pictures a request: more are some 6 % slower, as their features leave the cache (`benchmarks/scoring.py`)."""


def _keep(request: Any, where: tuple[dict[int, Any], int]) -> None:
    kept, start = where
    # OpenVINO reuses its output memory at the next request.
    kept[start] = (request.get_tensor("logit").data.copy(), request.get_tensor("evidence").data.copy())


class TorchBackend:
    """PyTorch in float32, on a GPU where there is one."""

    def __init__(self, folder: Path, look: str, device: str | None = None) -> None:
        import torch

        from quakelens.model.assemble import load_network

        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._network: torch.nn.Module = load_network(folder, look).to(self._device)

    def run(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See `Backend.run`."""
        import torch

        with torch.inference_mode():
            logit, evidence = self._network(torch.from_numpy(pictures).to(self._device))
        return logit.cpu().numpy(), evidence.cpu().numpy()


def compile_openvino(model: Any) -> Any:
    """Compile a model, or the file of one, for this processor in float32.

    Raises:
        ModelError: OpenVINO cannot read or compile it.
    """
    import openvino

    options = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
    try:
        source = str(model) if isinstance(model, Path) else model
        return openvino.Core().compile_model(source, "CPU", options)
    except RuntimeError as error:
        raise ModelError(f"OpenVINO cannot run {model}: {error}") from error


def make_backend(name: str, folder: Path, look: str) -> Backend:
    """Open a look of a bundle with a backend: `openvino`, `torch`, or `auto` for OpenVINO.

    Raises:
        ModelError: The name is unknown or the bundle cannot be opened.
    """
    if name in ("auto", "openvino"):
        return OpenVinoBackend(folder, look)
    if name == "torch":
        return TorchBackend(folder, look)
    raise ModelError(f"backend `{name}` is unknown: use auto, openvino or torch")
