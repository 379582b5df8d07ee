"""params.yaml, read once into typed sections; every key is checked and explained there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from quakelens.errors import UsageError


def _word(value: str) -> str:
    if not any(character.isalnum() for character in value):
        raise ValueError("no word: it holds neither a letter nor a digit")
    return " ".join(value.split())


Share = Annotated[float, Field(ge=0, le=1)]
Alert = Literal["green", "yellow", "orange", "red"]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?$")]
"""BCP 47, with a script where a language is written in two: `tr`, `zh-Hant`."""

Word = Annotated[str, Field(max_length=60), AfterValidator(_word)]


class Section(BaseModel):
    """A part of params.yaml: unknown keys are errors, values cannot change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Trigger(Section):
    """Which earthquakes can have damaged buildings."""

    alerts: tuple[Alert, ...]
    min_mmi: float = Field(ge=0, le=12)
    min_magnitude: float = Field(ge=0, le=10)
    max_depth_km: float = Field(ge=0, le=800)
    max_age_h: float = Field(gt=0)


class FollowUp(Section):
    """How often a harvest is repeated until so many hours after the origin time."""

    until_h: float = Field(gt=0)
    every_min: float = Field(gt=0)


class Words(Section):
    """What people write in one language when an earthquake has damaged buildings.

    Attributes:
        earthquake: Searched for by themselves, the most common form first.
        collapse: Of buildings that came down; asked for beside a town only.
        damage: Of damage to buildings; asked for beside a town only.
    """

    earthquake: tuple[Word, ...] = Field(min_length=1)
    collapse: tuple[Word, ...] = ()
    damage: tuple[Word, ...] = ()


class Harvest(Section):
    """What is asked of the networks."""

    window_h: float = Field(gt=0)
    page_size: int = Field(ge=10, le=500)
    max_posts: int = Field(ge=1)
    report_every_s: float = Field(gt=0)
    follow_up: tuple[FollowUp, ...]
    max_query_chars: int = Field(ge=64, le=4096)
    mastodon_instances: tuple[str, ...]
    words: dict[Language, Words]

    @field_validator("words")
    @classmethod
    def _with_english(cls, value: dict[str, Words]) -> dict[str, Words]:
        if "en" not in value:
            raise ValueError("the words of `en` are missing: English is asked for wherever an earthquake is")
        return value

    @field_validator("follow_up")
    @classmethod
    def _widening(cls, value: tuple[FollowUp, ...]) -> tuple[FollowUp, ...]:
        if list(value) != sorted(value, key=lambda each: each.until_h):
            raise ValueError("follow_up must be in the order of until_h")
        return value


class Media(Section):
    """Limits on what is fetched and decoded."""

    max_bytes: int = Field(ge=1_000)
    max_pixels: int = Field(ge=10_000)
    timeout_s: float = Field(gt=0)
    connections: int = Field(ge=1, le=256)
    connections_per_host: int = Field(ge=1, le=256)
    attempts: int = Field(ge=1, le=10)


class Duplicates(Section):
    """When two pictures are near-duplicates."""

    max_phash: int = Field(ge=0, le=20)
    max_dhash: int = Field(ge=0, le=20)
    min_detail: float = Field(ge=0, le=128)


class Split(Section):
    """How earthquakes and sources are kept apart."""

    held_out: tuple[str, ...]
    held_out_share: Share
    seed: int
    min_per_class: int = Field(ge=1)
    source_folds: int = Field(default=3, ge=1)
    helpers: bool = True

    @field_validator("held_out")
    @classmethod
    def _named_earthquakes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name in ("none", "unknown"):
                raise ValueError(f"`{name}` is not an earthquake and cannot be held out")
        return value


class Look(Section):
    """One way to look at a picture: what is shown to which backbone."""

    backbone: str = Field(pattern=r"^(efficientnet_lite[02](\.blocks)?|(timm|torchvision):[A-Za-z0-9_.\-]+)$")
    pixels: int = Field(ge=32, le=1024)
    resize: Literal["crop", "pad", "squash"]
    output_stride: Literal[16, 32]


class Model(Section):
    """What turns a picture into features."""

    first_look: Look
    second_look: Look | None

    @property
    def looks(self) -> dict[str, Look]:
        """By the name that each has in a bundle."""
        return {"first": self.first_look} | ({"second": self.second_look} if self.second_look else {})


class Training(Section):
    """How the head is fitted."""

    l2: float = Field(gt=0)
    balance_classes: bool
    max_source_share: float = Field(gt=0, le=1)
    batch_size: int = Field(ge=1, le=1024)
    seed: int


class Decision(Section):
    """How it is chosen which pictures get a second look, and the two thresholds."""

    second_look_miss_rate: Share
    precision: float = Field(gt=0, lt=1)
    prevalence: float = Field(gt=0, lt=1)
    miss_rate: Share


class Evaluation(Section):
    """How figures are computed."""

    bootstrap: int = Field(ge=100, le=100_000)
    seed: int
    worst: int = Field(ge=1, le=200)


class Gate(Section):
    """When a challenger replaces the champion."""

    min_gain: float = Field(ge=-1, le=1)
    max_loss: Share
    first_min_auc: Share


class Params(Section):
    """All of params.yaml."""

    trigger: Trigger
    harvest: Harvest
    media: Media
    duplicates: Duplicates
    split: Split
    model: Model
    training: Training
    decision: Decision
    evaluation: Evaluation
    gate: Gate


def read_params(path: Path) -> Params:
    """Read and check params.yaml.

    Raises:
        UsageError: The file is missing, is not YAML, or a key is unknown, missing or out of range;
            the message names each.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path} is missing: run `quakelens init` to write the default one") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not valid YAML: {error}") from error
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        raise UsageError(f"{path} cannot be used:\n{_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"]) or "the file"
        what = "unknown key: remove or correct it" if item["type"] == "extra_forbidden" else item["msg"]
        lines.append(f"  {where}: {what}")
    return "\n".join(lines)
