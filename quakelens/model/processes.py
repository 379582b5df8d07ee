"""The processes that train together: those that `torchrun` started, or this one alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from quakelens.errors import PipelineError

PATIENCE = timedelta(hours=2)
"""How long one waits for the others, while the first computes what all need."""


@dataclass(frozen=True, slots=True)
class Processes:
    """Which of how many this one is; the first, 0, is the only one that writes."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes."""
        return self.rank == 0

    @contextmanager
    def one_first(self) -> Iterator[None]:
        """The block runs in the first process and, when it is done there, in the others: for what is then cached."""
        import torch.distributed as dist

        if self.count > 1 and not self.first:
            dist.barrier()
        yield
        if self.count > 1 and self.first:
            dist.barrier()


ALONE = Processes()


@contextmanager
def processes() -> Iterator[Processes]:
    """Join the processes that `torchrun` started: over NCCL with a GPU each where there are GPUs, else over gloo.

    Raises:
        PipelineError: There are fewer GPUs than processes on a machine, or another process ended before its work.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    import torch
    import torch.distributed as dist

    here = int(os.environ["LOCAL_RANK"])
    if torch.cuda.is_available():
        if here >= torch.cuda.device_count():
            raise PipelineError(
                f"process {here} of this machine has no GPU of its own, of {torch.cuda.device_count()}: start "
                "torchrun with --nproc-per-node no larger than the number of GPUs"
            )
        torch.cuda.set_device(here)
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    try:
        yield Processes(dist.get_rank(), count)
    except RuntimeError as error:  # of gloo and NCCL alike, whose own message names a line of C++
        raise PipelineError(
            f"process {dist.get_rank()} of {count} cannot go on, most likely because another one has ended: see its "
            f"messages and start torchrun again; nothing was written ({str(error).splitlines()[0][:200]})"
        ) from error
    finally:
        dist.destroy_process_group()
