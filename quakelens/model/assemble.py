"""Putting backbone, head and decisions together into a bundle, and opening it again with PyTorch."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from quakelens.errors import ModelError
from quakelens.model.backbone import load_backbone
from quakelens.model.bundle import OPENVINO, WEIGHTS, Manifest, check_files, read_manifest, write_manifest
from quakelens.model.network import network
from quakelens.model.openvino_export import save_openvino

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


def assemble(folder: Path, manifest: Manifest, weight: NDArray[np.float32], bias: float) -> Manifest:
    """Write a whole model to `folder`, all of it or nothing; replaces what is there.

    Args:
        folder: Where it goes.
        manifest: Everything but the files' hashes.
        weight: Of the head, `(channels,) float32`.
        bias: Of the head.

    Raises:
        ModelError: Head and backbone do not fit.
    """
    from safetensors.torch import save_file

    net = network(load_backbone(manifest.backbone), weight, bias)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        save_file(dict(net.state_dict()), partial / WEIGHTS)
        save_openvino(net, manifest.preprocessing.size, partial / OPENVINO)
        written = write_manifest(partial, manifest)
        partial.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(partial, folder)  # noqa: PTH105 - the one call whose atomicity is documented
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return written


def load_network(folder: Path) -> torch.nn.Module:
    """Open a bundle with PyTorch: the module of `quakelens.model.network.network`, in float32.

    Raises:
        ModelError: A file is missing, was changed, or does not fit the backbone.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    manifest = read_manifest(folder)
    check_files(folder, manifest)
    head = np.zeros(manifest.channels, dtype=np.float32)
    net = network(load_backbone(manifest.backbone, pretrained=False), head, 0.0)
    try:
        net.load_state_dict(load_file(folder / WEIGHTS), strict=True)
    except (SafetensorError, RuntimeError) as error:
        raise ModelError(f"{folder / WEIGHTS} does not fit backbone `{manifest.backbone}`: {error}") from error
    return net.eval()
