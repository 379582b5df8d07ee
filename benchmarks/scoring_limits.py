"""The parts of the roofline: decoding alone and inference alone, each at full use of the machine."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from scoring_sides import Opened

from quakelens.cores import usable_cores
from quakelens.images import decode
from quakelens.model.bundle import OPENVINO, read_manifest
from quakelens.model.openvino import load_openvino
from quakelens.model.preprocessing import Preprocessing
from quakelens.model.starter import starter_folder

BATCHES = (1, 4, 16)
TRIED_S = 0.4
KEPT = 3
_held: list[bytes] = []  # in the processes that decode


def decoding(pictures: Sequence[bytes], *, look: str) -> Opened:
    """Decode and bring to the look's size, in threads and in processes; no pixel is moved on."""
    preprocessing = read_manifest(starter_folder()).looks[look].preprocessing
    # Forked before there is any thread, so that the pictures need not be sent.
    _held[:] = pictures
    processes = multiprocessing.get_context("fork").Pool(usable_cores())
    threads = ThreadPoolExecutor(usable_cores())

    def in_threads(some: Sequence[bytes]) -> list[int]:
        return list(threads.map(lambda data: _view(data, preprocessing), some))

    def in_processes(some: Sequence[bytes]) -> list[int]:
        work = [(at, preprocessing) for at in range(len(some))]
        return processes.starmap(_view_held, work, chunksize=8)

    return Opened(in_threads, ways={"threads": in_threads, "processes": in_processes})


def _view(data: bytes, preprocessing: Preprocessing) -> int:
    return preprocessing.apply(decode(data, at_least=preprocessing.size)).nbytes


def _view_held(at: int, preprocessing: Preprocessing) -> int:
    return _view(_held[at], preprocessing)


def inference(pictures: Sequence[bytes], *, look: str, precision: str) -> Opened:
    """OpenVINO's asynchronous requests on pixels that are there: the best of some batch sizes and streams.

    Which are best changes from minute to minute on a shared machine, so several stay and every round tries them.
    """
    openvino = load_openvino()

    folder = starter_folder()
    preprocessing = read_manifest(folder).looks[look].preprocessing
    some = pictures[: max(BATCHES)]
    views = np.stack([preprocessing.apply(decode(data, at_least=preprocessing.size)) for data in some])
    views = np.concatenate([views] * -(-max(BATCHES) // len(views)))[: max(BATCHES)]
    core = openvino.Core()
    tried: dict[str, float] = {}
    runs: dict[str, Callable[[int], int]] = {}
    used = ""
    for batch in BATCHES:
        for streams in sorted({1, usable_cores()}):
            model = core.read_model(str(folder / look / OPENVINO))
            model.reshape([batch, *views.shape[1:]])
            compiled: Any = core.compile_model(
                model, "CPU", {"NUM_STREAMS": streams, "INFERENCE_PRECISION_HINT": precision}
            )
            run = _requests(compiled, views[:batch])
            run(batch)
            name = f"batch {batch}, {streams} stream{'s' if streams > 1 else ''}"
            runs[name], used = run, compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
            tried[name] = _rate(lambda run=run, batch=batch: run(2 * batch * usable_cores()))
    ways: dict[str, Callable[[Sequence[bytes]], Sequence[Any]]] = {
        name: lambda given, run=runs[name]: range(run(4 * len(given)))  # type: ignore[misc]
        for name in sorted(tried, key=lambda name: -tried[name])[:KEPT]
    }
    rounded = {name: round(rate, 1) for name, rate in tried.items()}
    return Opened(next(iter(ways.values())), facts={"precision": used, "tried": rounded}, ways=ways)


def _requests(compiled: Any, views: Any) -> Callable[[int], int]:
    openvino = load_openvino()

    queue = openvino.AsyncInferQueue(compiled, compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))

    def run(pictures: int) -> int:
        """Run whole batches until at least so many pictures are done; how many were."""
        batches = -(-pictures // len(views))
        for _ in range(batches):
            queue.start_async([views], share_inputs=True)
        queue.wait_all()
        return batches * len(views)

    return run


def _rate(work: Callable[[], int]) -> float:
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < TRIED_S:
        done += work()
    return done / (time.perf_counter() - started)
