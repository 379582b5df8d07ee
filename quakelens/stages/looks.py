"""The looks of params.yaml as the domain's own."""

from __future__ import annotations

from quakelens import params as sections
from quakelens.model.bundle import Look
from quakelens.model.preprocessing import Preprocessing


def preprocessing_of(look: sections.Look) -> Preprocessing:
    """What its backbone is shown."""
    return Preprocessing(size=look.pixels, resize=look.resize)


def look_of(look: sections.Look, channels: int) -> Look:
    """As a bundle keeps it."""
    return Look(
        backbone=look.backbone,
        output_stride=look.output_stride,
        channels=channels,
        preprocessing=preprocessing_of(look),
    )
