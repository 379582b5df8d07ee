"""The heads of a model as a file: one a look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from quakelens.files import write_atomically
from quakelens.model.training import Head

HEADS = "heads.safetensors"


def save_heads(path: Path, heads: Mapping[str, Head]) -> None:
    """Write heads by the name of their look."""
    from safetensors.numpy import save

    arrays = {f"{name}.weight": head.weight for name, head in heads.items()}
    arrays |= {f"{name}.bias": np.array([head.bias], dtype=np.float64) for name, head in heads.items()}
    with write_atomically(path) as file:
        file.write(save(arrays))


def read_heads(path: Path) -> dict[str, Head]:
    """Read what `save_heads` wrote."""
    from safetensors.numpy import load_file

    saved = load_file(path)
    names = sorted({key.partition(".")[0] for key in saved})
    return {name: Head(saved[f"{name}.weight"], float(saved[f"{name}.bias"][0])) for name in names}
