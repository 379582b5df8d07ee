"""What runs the network: OpenVINO on processors, PyTorch as the reference and on GPUs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from quakelens.cores import usable_cores
from quakelens.errors import ModelError
from quakelens.model.bundle import OPENVINO, SECOND
from quakelens.model.openvino import load_openvino

if TYPE_CHECKING:
    import torch


class Backend(Protocol):
    """Runs a network on batches of any size."""

    def run(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """From `(N, size, size, 3) uint8` to logits `(N,) float32` and evidence `(N, h, w) float32`."""


class OpenVinoBackend:
    """OpenVINO on the processor.

    In float32 figures equal the reference; reduced, in bfloat16 where OpenVINO finds that the processor is faster
    in it. A call is spread over as many requests as the processor runs at once. The second look has two threads for
    each: a single picture waits a fifth less (p99), for which a backlog is some 3 % slower (`benchmarks/scoring.py`).
    """

    def __init__(self, folder: Path, look: str, *, reduced: bool = False, cores: int | None = None) -> None:
        streams = max(1, (cores or usable_cores()) // 2) if look == SECOND else None
        compiled = compile_openvino(folder / look / OPENVINO, reduced=reduced, cores=cores, streams=streams)
        self.precision: str = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        self._queue = load_openvino().AsyncInferQueue(compiled, 0)  # 0: as many as are best here
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
    """PyTorch, on a GPU where there is one: the reference in float32; reduced, in bfloat16."""

    def __init__(self, folder: Path, look: str, *, device: str | None = None, reduced: bool = False) -> None:
        import torch

        from quakelens.model.assemble import load_network

        self.precision = "bf16" if reduced else "f32"
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.backends.cudnn.allow_tf32 = False  # PyTorch allows it by default, and then float32 is not float32
        self._network: torch.nn.Module = load_network(folder, look).to(self._device)
        self._network.to(memory_format=torch.channels_last)

    def run(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See `Backend.run`."""
        import torch

        narrow = torch.autocast(self._device.type, torch.bfloat16, enabled=self.precision == "bf16")
        with torch.inference_mode(), narrow:
            logit, evidence = self._network(torch.from_numpy(pictures).to(self._device))
        return logit.float().cpu().numpy(), evidence.float().cpu().numpy()


def compile_openvino(model: Any, *, reduced: bool = False, cores: int | None = None, streams: int | None = None) -> Any:
    """Compile a model, or the file of one, for this processor: in float32, or in what OpenVINO finds fastest here.

    Args:
        model: It.
        reduced: Whether another precision than float32 will do.
        cores: That it may use; None for all.
        streams: Requests that run at once; None for as many as OpenVINO finds best.

    Raises:
        ModelError: OpenVINO cannot read or compile it.
    """
    options: dict[str, Any] = {"PERFORMANCE_HINT": "THROUGHPUT"}
    if not reduced:
        options["INFERENCE_PRECISION_HINT"] = "f32"
    if cores is not None:
        # Pinned, the processes that share a machine would all sit on its first cores.
        options |= {"INFERENCE_NUM_THREADS": cores, "ENABLE_CPU_PINNING": False}
    if streams is not None:
        options["NUM_STREAMS"] = streams
    try:
        source = str(model) if isinstance(model, Path) else model
        return load_openvino().Core().compile_model(source, "CPU", options)
    except RuntimeError as error:
        raise ModelError(f"OpenVINO cannot run {model}: {error}") from error


def make_backend(name: str, folder: Path, look: str, cores: int | None = None) -> Backend:
    """Open a look of a bundle in float32 with a backend: `openvino`, `torch`, or `auto`.

    `auto` is PyTorch where it can use a GPU, else OpenVINO, on so many `cores`, or all.

    Raises:
        ModelError: The name is unknown or the bundle cannot be opened.
    """
    return TorchBackend(folder, look) if _chosen(name) == "torch" else OpenVinoBackend(folder, look, cores=cores)


def make_screen(name: str, folder: Path, look: str, cores: int | None = None) -> Backend | None:
    """The same in a reduced precision; None where that is no faster here.

    Raises:
        ModelError: As `make_backend`.
    """
    if _chosen(name) == "torch":
        return TorchBackend(folder, look, reduced=True) if _has_gpu() else None
    screen = OpenVinoBackend(folder, look, reduced=True, cores=cores)
    return None if screen.precision == "f32" else screen


def _chosen(name: str) -> str:
    if name == "auto":
        return "torch" if _has_gpu() else "openvino"
    if name not in ("openvino", "torch"):
        raise ModelError(f"backend `{name}` is unknown: use auto, openvino or torch")
    return name


def _has_gpu() -> bool:
    if not Path("/dev/nvidiactl").exists():  # spares most machines the second that importing PyTorch takes
        return False
    import torch

    return torch.cuda.is_available()
