"""The gate: does the challenger replace the champion? Judged on pictures that neither has seen."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from quakelens import params
from quakelens.errors import DataError
from quakelens.evaluation.comparison import short
from quakelens.evaluation.intervals import percentile_interval, resamples, weighted_ranking
from quakelens.evaluation.predictions import NO_EARTHQUAKE, Predictions

MIN_PER_CLASS = 5
"""Fewer pictures of a class say nothing of a gain or a loss."""

_ROUNDING = 1e-6
"""Probabilities closer than this are equal: another backend's rounding."""


@dataclass(frozen=True, slots=True)
class GateDecision:
    """What the gate decided.

    Attributes:
        promote: The challenger becomes the champion.
        reason: One sentence with the figures that decided it.
        figures: `n`, `positives`, and as far as they were computed: with a champion `average_precision`
            (`champion`, `challenger`, `gain`, `gain_ci`) and `earthquakes` (by name `n`, `positives`,
            `champion`, `challenger`, `gain`); for a first champion `auc`.
    """

    promote: bool
    reason: str
    figures: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The same, to be written as JSON."""
        return asdict(self)


def compare(
    champion: Predictions | None,
    challenger: Predictions,
    gate: params.Gate,
    *,
    unseen_events: Collection[str] | None = None,
    bootstrap: int,
    seed: int,
) -> GateDecision:
    """Decide whether the challenger replaces the champion.

    It does if the lower end of the 95 % interval of its gain in average precision exceeds `gate.min_gain`,
    and on no earthquake its average precision falls by more than `gate.max_loss`. The interval comes from a
    paired bootstrap, stratified by class: both models are judged on the same resample. An earthquake is
    judged on its pictures and the others of no earthquake, if there are 5 or more of each class.

    Without a champion it does if its AUC is at least `gate.first_min_auc`.

    Args:
        champion: Its predictions; None if there is none yet.
        challenger: Its predictions on the same pictures, in any order.
        gate: From params.yaml.
        unseen_events: The events whose pictures neither model was trained on; pictures of others are left
            out, those of no earthquake (`none`) are kept. None: all were unseen.
        bootstrap: Resamples.
        seed: Of the resamples.

    Raises:
        DataError: The two were not scored on the same pictures with the same labels and events.
    """
    if champion is not None:
        champion, challenger = _aligned(champion, challenger)
    if unseen_events is not None:
        kept = challenger.of_events({*unseen_events, NO_EARTHQUAKE})
        challenger = challenger.take(kept)
        champion = None if champion is None else champion.take(kept)
    counts = {"n": len(challenger), "positives": int(challenger.label.sum())}
    if champion is None:
        return _first(challenger, gate, counts)
    few = _too_few(challenger, MIN_PER_CLASS)
    if few:
        return GateDecision(False, f"Not promoted: nothing to compare on, {few}", counts)
    return _compared(champion, challenger, gate, counts, bootstrap=bootstrap, seed=seed)


def _first(challenger: Predictions, gate: params.Gate, counts: dict[str, Any]) -> GateDecision:
    few = _too_few(challenger, 1)
    if few:
        return GateDecision(False, f"Not promoted: nothing to judge a first champion on, {few}", counts)
    value = _ranking(challenger, np.ones((1, len(challenger))))[0][0]
    auc, needed = f"AUC {short(value)} on {_scope(challenger)}", short(gate.first_min_auc)
    told = counts | {"auc": float(value)}
    if value >= gate.first_min_auc:
        return GateDecision(True, f"Promoted: the first champion, {auc} (at least {needed} needed)", told)
    return GateDecision(False, f"Not promoted: no champion yet, but {auc} is below {needed}", told)


def _compared(
    champion: Predictions,
    challenger: Predictions,
    gate: params.Gate,
    counts: dict[str, Any],
    *,
    bootstrap: int,
    seed: int,
) -> GateDecision:
    everything = np.ones((1, len(challenger)))
    old = float(_ranking(champion, everything)[1][0])
    new = float(_ranking(challenger, everything)[1][0])
    rng = np.random.default_rng(seed)
    gains = np.concatenate([
        _ranking(challenger, weights)[1] - _ranking(champion, weights)[1]
        for weights in resamples(challenger.label, bootstrap, rng)
    ])  # fmt: skip
    low, high = percentile_interval(gains) or (0.0, 0.0)
    earthquakes = _by_earthquake(champion, challenger)
    told = counts | {
        "average_precision": {
            "champion": old, "challenger": new, "gain": new - old, "gain_ci": [low, high],
        },
        "earthquakes": earthquakes,
    }  # fmt: skip
    change = (
        f"average precision {short(old)} -> {short(new)} (gain {short(new - old)}, 95 % interval "
        f"{short(low)} to {short(high)}) on {_scope(challenger)}"
    )
    if np.allclose(champion.probability, challenger.probability, rtol=0, atol=_ROUNDING):
        return GateDecision(False, f"Not promoted: equal, no gain beyond noise; {change}", told)
    if not low > gate.min_gain:
        limit = "no gain beyond noise" if gate.min_gain == 0 else f"not above {short(gate.min_gain)}"
        return GateDecision(False, f"Not promoted: {limit}; {change}", told)
    losses = {name: row for name, row in earthquakes.items() if -row["gain"] > gate.max_loss}
    if losses:
        worst = min(losses, key=lambda name: losses[name]["gain"])
        row = losses[worst]
        return GateDecision(
            False,
            f"Not promoted: {worst} fell from {short(row['champion'])} to {short(row['challenger'])}, more "
            f"than {_plain(gate.max_loss)} allowed; over all, {change}",
            told,
        )
    return GateDecision(True, f"Promoted: {change}; {_no_loss(earthquakes, gate)}", told)


def _by_earthquake(champion: Predictions, challenger: Predictions) -> dict[str, Any]:
    others = challenger.of_events([NO_EARTHQUAKE]) & ~challenger.label
    rows: dict[str, Any] = {}
    for event in challenger.earthquakes:
        chosen = challenger.of_events([event]) | others
        part = challenger.take(chosen)
        if _too_few(part, MIN_PER_CLASS):
            continue
        weights = np.ones((1, len(part)))
        old = float(_ranking(champion.take(chosen), weights)[1][0])
        new = float(_ranking(part, weights)[1][0])
        rows[event] = {
            "n": len(part), "positives": int(part.label.sum()),
            "champion": old, "challenger": new, "gain": new - old,
        }  # fmt: skip
    return rows


def _no_loss(earthquakes: dict[str, Any], gate: params.Gate) -> str:
    if not earthquakes:
        return "no earthquake has pictures enough to be judged alone"
    return f"no earthquake lost more than {_plain(gate.max_loss)}"


def _ranking(predictions: Predictions, weights: Any) -> Any:
    return weighted_ranking(predictions.probability, predictions.label, weights)


def _aligned(champion: Predictions, challenger: Predictions) -> tuple[Predictions, Predictions]:
    """Both in one order; the same picture may occur twice in a manifest, then with equal rows."""
    only = set(champion.sha256) ^ set(challenger.sha256)
    if only or len(champion) != len(challenger):
        example = f", such as {min(only)}" if only else ""
        raise DataError(
            f"champion and challenger were scored on different pictures ({len(champion)} and "
            f"{len(challenger)}, {len(only)} of them in only one{example}): score both on one manifest"
        )
    sorted_keys = []
    both = []
    for predictions in (champion, challenger):
        keys = list(
            zip(predictions.sha256, predictions.event, predictions.label.tolist(),
                predictions.source, strict=True)
        )  # fmt: skip
        order = sorted(range(len(keys)), key=keys.__getitem__)
        sorted_keys.append([keys[position] for position in order])
        both.append(predictions.take(np.array(order, dtype=np.intp)))
    for one, other in zip(*sorted_keys, strict=True):
        if one != other:
            raise DataError(
                f"picture {one[0]} has another label, event or source for the champion than for the "
                "challenger: score both on one manifest"
            )
    return both[0], both[1]


def _too_few(predictions: Predictions, least: int) -> str:
    damaged = int(predictions.label.sum())
    others = len(predictions) - damaged
    if min(damaged, others) >= least:
        return ""
    return f"{damaged} damaged and {others} other unseen pictures (at least {least} of each needed)"


def _scope(predictions: Predictions) -> str:
    count = len(predictions.earthquakes)
    return f"{len(predictions)} pictures of {count} held-out earthquake{'' if count == 1 else 's'}"


def _plain(value: float) -> str:
    """A limit as a person wrote it: 0.05 as `.05`."""
    text = f"{value:g}"
    return text[1:] if text.startswith("0.") else text
