"""A process of a training by torchrun, see test_torchrun.py: trains on drawn pictures, the first one writes.

torchrun ... torchrun_case.py FILE [dies]
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from test_fine_tuning import TRAINING, drawn

from quakelens.files import write_atomically
from quakelens.model.backbone import load_backbone
from quakelens.model.fine_tuning import FineTuning, fine_tune, maps_of, split_backbone
from quakelens.model.processes import processes

TUNING = FineTuning(rate=1e-3, epochs=2, batch_size=15)  # two processes have 8 and 7 of them


class Deadly(Sequence[np.ndarray]):
    """Views that end the process in the middle of the training."""

    def __init__(self, views: list[np.ndarray]) -> None:
        self.views, self.taken = views, 0

    def __len__(self) -> int:
        return len(self.views)

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        self.taken += 1
        if self.taken > 30:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.views[at]


def main() -> None:
    with processes() as together:
        backbone = load_backbone("efficientnet_lite0.blocks")
        parts = split_backbone(backbone, 1)
        pictures, damaged = drawn(60, 0)
        views: Sequence[np.ndarray] = [
            maps_of(backbone, parts, each) for each in (pictures, np.roll(pictures, 5, axis=2))
        ]
        if together.rank == 1 and "dies" in sys.argv:
            views = Deadly(list(views))
        sources = [f"s{row % 3}" for row in range(60)]
        tuned = fine_tune(parts, views, damaged, sources, TRAINING, TUNING, together)
        if together.first:
            with write_atomically(Path(sys.argv[1])) as file:
                np.savez(
                    file, losses=tuned.losses, head=tuned.head.weight, bias=tuned.head.bias,
                    **{name: value.numpy() for name, value in tuned.late.state_dict().items()},
                )  # fmt: skip


if __name__ == "__main__":
    main()
