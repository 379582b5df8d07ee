"""What `scoring.py` compares: each side, what it needs, and where the code is that makes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Side:
    """One side.

    Attributes:
        name: In the JSON.
        title: In the table.
        group: `score`, `flagged` (heat maps of flagged pictures) or `limit` (the parts of the roofline).
        maker: `module:function` that opens it.
        given: What the function is given beside the pictures.
        needs: Modules that must be there.
    """

    name: str
    title: str
    group: str
    maker: str
    given: dict[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """A side that is ready.

    Attributes:
        run: Takes pictures as whole files; gives one result each.
        one: The same for a single picture, as somebody who waits for it would call it; None where it makes no sense.
        facts: What is worth telling, such as which settings were tried.
        ways: Where there are several ways to do the same, all of them by name: the fastest of each round counts.
    """

    run: Callable[[Sequence[bytes]], Sequence[Any]]
    one: Callable[[bytes], Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    ways: dict[str, Callable[[Sequence[bytes]], Sequence[Any]]] = field(default_factory=dict)


OURS, PEERS, OPTIONAL = "scoring_ours", "scoring_peers", "scoring_optional"
HEATMAPS, LIMITS = "scoring_heatmaps", "scoring_limits"

SIDES = (
    Side("ours", "quakelens", "score", f"{OURS}:engine"),
    Side("ours-heatmaps", "quakelens, heat maps of what is flagged", "score", f"{OURS}:engine", {"heatmaps": True}),
    Side("ours-first", "quakelens, first look only", "score", f"{OURS}:engine", {"first_only": True}),
    Side("plain-1", "Pillow + eager torch, batch 1", "score", f"{PEERS}:plain", {"batch": 1}),
    Side("plain-32", "Pillow + eager torch, batch 32", "score", f"{PEERS}:plain", {"batch": 32}),
    Side("timm", "timm + DataLoader, float32", "score", f"{PEERS}:timm_loader"),
    Side("timm-bf16", "timm + DataLoader, channels-last, bf16", "score", f"{PEERS}:timm_loader", {"fast": True}),
    Side("huggingface", "Hugging Face pipeline, batch 32", "score", f"{OPTIONAL}:huggingface", needs=("transformers",)),
    Side(
        "onnxruntime",
        "ONNX Runtime, Pillow in threads, batch 32",
        "score",
        f"{OPTIONAL}:onnx_runtime",
        needs=("onnx", "onnxscript", "onnxruntime"),
    ),
    Side("decode-first", "decoding, first look", "limit", f"{LIMITS}:decoding", {"look": "first"}),
    Side("decode-second", "decoding, second look", "limit", f"{LIMITS}:decoding", {"look": "second"}),
    *(
        Side(
            f"inference-{look}-{precision}",
            f"inference, {look} look, {precision}",
            "limit",
            f"{LIMITS}:inference",
            {"look": look, "precision": precision},
        )
        for precision in ("f32", "bf16")
        for look in ("first", "second")
    ),
    Side("flagged-ours", "quakelens, both looks, heat maps", "flagged", f"{OURS}:engine", {"heatmaps": True}),
    Side("flagged-scores", "quakelens, both looks, no heat maps", "flagged", f"{OURS}:engine"),
    Side(
        "flagged-first",
        "quakelens, first look only, heat maps",
        "flagged",
        f"{OURS}:engine",
        {"heatmaps": True, "first_only": True},
    ),
    *(
        Side(
            f"gradcam-{look}-{batch}",
            f"pytorch-grad-cam, our network of the {look} look, batch {batch}",
            "flagged",
            f"{HEATMAPS}:grad_cam",
            {"look": look, "batch": batch},
            ("pytorch_grad_cam",),
        )
        for look, batch in (("first", 1), ("first", 8), ("second", 1), ("second", 8))
    ),
)
BY_NAME = {side.name: side for side in SIDES}
