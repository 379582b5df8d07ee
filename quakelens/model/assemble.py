"""Putting backbones, heads and decisions together into a bundle, and opening it again with PyTorch."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from quakelens.errors import ModelError
from quakelens.model.backbone import load_backbone
from quakelens.model.bundle import OPENVINO, WEIGHTS, Manifest, check_files, read_manifest, write_manifest
from quakelens.model.network import network
from quakelens.model.openvino_export import save_openvino
from quakelens.model.training import Head

if TYPE_CHECKING:
    import torch


def assemble(folder: Path, manifest: Manifest, heads: Mapping[str, Head]) -> Manifest:
    """Write a whole model to `folder`, all of it or nothing; replaces what is there.

    Args:
        folder: Where it goes.
        manifest: Everything but the files' hashes.
        heads: Of each of the manifest's looks.

    Raises:
        ModelError: Head and backbone do not fit.
    """
    from safetensors.torch import save_file

    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, look in manifest.looks.items():
            backbone = load_backbone(look.backbone, output_stride=look.output_stride)
            net = network(backbone, heads[name].weight, heads[name].bias)
            (partial / name).mkdir()
            save_file(dict(net.state_dict()), partial / name / WEIGHTS)
            save_openvino(net, look.preprocessing.size, partial / name / OPENVINO)
        written = write_manifest(partial, manifest)
        partial.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(partial, folder)  # noqa: PTH105 - the one call whose atomicity is documented
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return written


def load_network(folder: Path, look: str) -> torch.nn.Module:
    """Open a look of a bundle with PyTorch: the module of `quakelens.model.network.network`, in float32.

    Raises:
        ModelError: A file is missing, was changed, or does not fit the backbone.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    manifest = read_manifest(folder)
    check_files(folder, manifest)
    told = manifest.looks[look]
    backbone = load_backbone(told.backbone, pretrained=False, output_stride=told.output_stride)
    net = network(backbone, np.zeros(told.channels, dtype=np.float32), 0.0)
    weights = folder / look / WEIGHTS
    try:
        net.load_state_dict(load_file(weights), strict=True)
    except (SafetensorError, RuntimeError) as error:
        raise ModelError(f"{weights} does not fit backbone `{told.backbone}`: {error}") from error
    return net.eval()
