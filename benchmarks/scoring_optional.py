"""Peers that quakelens does not install: the Hugging Face pipeline and ONNX Runtime."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scoring_peers import ARCHITECTURE, BATCH, SIDE, classifier, plain_transform, read, trunk_weights
from scoring_sides import Opened

from quakelens.cores import usable_cores


def huggingface(pictures: Sequence[bytes]) -> Opened:
    """The image-classification pipeline with timm's network in transformers' wrapper, made without a download."""
    import timm
    from transformers import (
        TimmWrapperConfig,
        TimmWrapperForImageClassification,
        TimmWrapperImageProcessor,
        pipeline,
    )

    told = timm.create_model(ARCHITECTURE, pretrained=False).pretrained_cfg
    names = {"id2label": {0: "not_damaged", 1: "damaged"}, "label2id": {"not_damaged": 0, "damaged": 1}}
    model = TimmWrapperForImageClassification(
        TimmWrapperConfig(architecture=ARCHITECTURE, pretrained_cfg=told, num_labels=2, **names)
    )
    model.timm_model.load_state_dict(trunk_weights(), strict=False)
    processor = TimmWrapperImageProcessor(pretrained_cfg=told, architecture=ARCHITECTURE)
    pipe: Any = pipeline("image-classification", model=model.eval(), image_processor=processor, device="cpu")

    def run(some: Sequence[bytes]) -> list[str]:
        return [found[0]["label"] for found in pipe([read(data) for data in some], batch_size=BATCH)]

    def in_parts(some: Sequence[bytes]) -> list[str]:
        # The decoded pictures of a part are in memory at once.
        parts = (some[start : start + BATCH] for start in range(0, len(some), BATCH))
        return [label for part in parts for label in run(part)]

    in_parts(pictures[:BATCH])
    return Opened(in_parts, lambda one: run([one])[0])


def onnx_runtime(pictures: Sequence[bytes]) -> Opened:
    """Its own default of threads for the network, while a pool of threads decodes the next batches."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "model.onnx"
        example = torch.zeros((2, 3, SIDE, SIDE))
        torch.onnx.export(
            classifier(),
            (example,),
            str(path),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            input_names=["pixels"],
            verbose=False,
        )
        session: Any = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    transform = plain_transform()
    threads = ThreadPoolExecutor(usable_cores())

    def view(data: bytes) -> Any:
        return transform(read(data)).numpy()

    def decide(views: list[Any]) -> list[bool]:
        logits = session.run(None, {"pixels": np.stack(views)})[0][:, 0]
        return list((1 / (1 + np.exp(-logits)) >= 0.5).tolist())

    def run(some: Sequence[bytes]) -> list[bool]:
        decisions: list[bool] = []
        ahead: deque[list[Future[Any]]] = deque()
        for start in range(0, len(some), BATCH):
            ahead.append([threads.submit(view, data) for data in some[start : start + BATCH]])
            if len(ahead) > 2:
                decisions += decide([each.result() for each in ahead.popleft()])
        while ahead:
            decisions += decide([each.result() for each in ahead.popleft()])
        return decisions

    run(pictures[:BATCH])
    return Opened(run, lambda one: decide([view(one)])[0])
