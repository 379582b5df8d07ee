"""Figures of a model on labelled pictures, with intervals: what `quakelens evaluate --json` prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quakelens.errors import DataError
from quakelens.evaluation.calibration import expected_calibration_error
from quakelens.evaluation.intervals import percentile_interval, resamples, weighted_ranking, wilson
from quakelens.evaluation.predictions import NO_EARTHQUAKE, Predictions
from quakelens.evaluation.thresholds import precision_at

__all__ = ["PREVALENCES", "Predictions", "figures"]

PREVALENCES = ("0.01", "0.05", "0.10")
"""Shares of damage among the pictures of a harvest for which precision is told; a test set has far more."""

OVERCONFIDENT = 0.9
_ROUNDING = 1e-6
"""How far a probability may lie on the wrong side of the threshold: another backend's rounding."""

Floats = NDArray[np.float64]


def figures(predictions: Predictions, threshold: float | None, *, bootstrap: int, seed: int) -> dict[str, Any]:
    """Compute every figure; the result can be written as JSON.

    A picture is flagged if its decision is `damaged`. Unsure ones count as not flagged.

    Args:
        predictions: At least one row, in any order.
        threshold: The model's own: the probability at or above which it says `damaged`. None where the
            decisions are of several models, each with its own.
        bootstrap: Resamples for the intervals.
        seed: Of the resamples.

    Returns:
        `n`, `positives`; `auc`, `average_precision`, `precision`, `recall`, `f1`, `accuracy`,
        `false_positive_rate`, each in 0 to 1 and with `<name>_ci`, its 95 % percentile bootstrap
        interval `[low, high]`, stratified by class; `threshold`; `flagged` (a count);
        `precision_at_prevalence` and `precision_at_prevalence_ci` by `PREVALENCES`; `ece` (15 bins of
        equal mass); `overconfident_errors`: of the pictures flagged wrongly or damaged and not flagged,
        the share whose probability of what is wrong was at least 0.9; `unsure_share`; `earthquakes`: by
        event (`unknown` among them, `none` not) the figures from `n` to `flagged` on the event's own
        pictures, and `auc_with_others` of its damaged pictures against its own others and those of no
        earthquake; `sources`: by source `n`, `negatives`, `false_positives`, `false_positive_rate` and
        its Wilson interval.

        None stands where a figure is undefined: `recall` without damaged pictures,
        `false_positive_rate` without others, `accuracy` never, all else if either class is missing, and
        `precision` if nothing is flagged. Intervals speak of other pictures of the same earthquakes and
        sources, not of earthquakes to come; compare `earthquakes` for those.

    Raises:
        DataError: There is no picture, or decisions do not fit the threshold.
    """
    if len(predictions) == 0:
        raise DataError("there is no picture to compute figures of: check the manifest and its events")
    if threshold is not None:
        _check_decisions(predictions, threshold)
    label, flagged = predictions.label, predictions.flagged
    others = predictions.of_events([NO_EARTHQUAKE]) & ~label
    earthquakes = {}
    for event in sorted(set(predictions.event) - {NO_EARTHQUAKE}):
        own = predictions.of_events([event])
        earthquakes[event] = _basic(predictions.take(own), bootstrap, seed) | _with_interval(
            "auc_with_others", predictions.take(own | others), bootstrap, seed
        )
    return {
        **_basic(predictions, bootstrap, seed),
        "threshold": threshold,
        **_at_prevalences(label, flagged, bootstrap, seed),
        "ece": expected_calibration_error(predictions.probability, label),
        "overconfident_errors": _overconfident(predictions),
        "unsure_share": predictions.decision.count("unsure") / len(predictions),
        "earthquakes": earthquakes,
        "sources": _sources(predictions),
    }


def _basic(predictions: Predictions, bootstrap: int, seed: int) -> dict[str, Any]:
    label, flagged, probability = _in_order(predictions)
    points = _point_ranking(probability, label) | _at_threshold(label, flagged, np.ones((1, len(label))))

    def figures_of(weights: Floats) -> dict[str, Floats]:
        auc, average_precision = weighted_ranking(probability, label, weights)
        ranking = {"auc": auc, "average_precision": average_precision}
        return ranking | _at_threshold(label, flagged, weights)

    intervals = _intervals(figures_of, label, bootstrap, seed)
    result: dict[str, Any] = {"n": len(label), "positives": int(label.sum())}
    for name, value in points.items():
        result[name] = _number(value)
        result[f"{name}_ci"] = None if result[name] is None else intervals[name]
    return result | {"flagged": int(flagged.sum())}


def _with_interval(name: str, predictions: Predictions, bootstrap: int, seed: int) -> dict[str, Any]:
    label, _, probability = _in_order(predictions)
    auc = _number(_point_ranking(probability, label)["auc"])
    if auc is None:
        return {name: None, f"{name}_ci": None}
    interval = _intervals(
        lambda weights: {name: weighted_ranking(probability, label, weights)[0]}, label, bootstrap, seed
    )
    return {name: auc, f"{name}_ci": interval[name]}


def _in_order(predictions: Predictions) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Floats]:
    """Label, flagged and probability in an order of their own, so that rows may come in any."""
    label, flagged, probability = predictions.label, predictions.flagged, predictions.probability
    order = np.lexsort((flagged, label, probability))
    return label[order], flagged[order], probability[order]


def _point_ranking(probability: Floats, label: NDArray[np.bool_]) -> dict[str, Floats]:
    if label.all() or not label.any():
        return {"auc": np.array([np.nan]), "average_precision": np.array([np.nan])}
    from sklearn.metrics import average_precision_score, roc_auc_score

    return {
        "auc": np.array([roc_auc_score(label, probability)]),
        "average_precision": np.array([average_precision_score(label, probability)]),
    }


def _at_threshold(label: NDArray[np.bool_], flagged: NDArray[np.bool_], weights: Floats) -> dict[str, Floats]:
    """Each figure `(b,)` for weights `(b, n)`; NaN where it is undefined."""
    positives, negatives = weights @ label, weights @ ~label
    hits, alarms = weights @ (label & flagged), weights @ (~label & flagged)
    both = (positives > 0) & (negatives > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "precision": np.where(both, hits / (hits + alarms), np.nan),
            "recall": hits / positives,
            "f1": np.where(both, 2 * hits / (hits + alarms + positives), np.nan),
            "accuracy": (hits + negatives - alarms) / (positives + negatives),
            "false_positive_rate": alarms / negatives,
        }


def _intervals(
    figures_of: Callable[[Floats], dict[str, Floats]], label: NDArray[np.bool_], bootstrap: int, seed: int
) -> dict[str, list[float] | None]:
    rng = np.random.default_rng(seed)
    blocks = [figures_of(weights) for weights in resamples(label, bootstrap, rng)]
    return {name: _listed(percentile_interval(np.concatenate([block[name] for block in blocks]))) for name in blocks[0]}


def _at_prevalences(label: NDArray[np.bool_], flagged: NDArray[np.bool_], bootstrap: int, seed: int) -> dict[str, Any]:
    """Precision if a smaller share showed damage, from recall and false-positive rate.

    Its intervals come from draws of both rates out of their Jeffreys posteriors, Beta(hits + 1/2,
    misses + 1/2): a bootstrap of no false alarm among 100 pictures would claim that there never is one.
    """
    hits, alarms = int((label & flagged).sum()), int((~label & flagged).sum())
    misses, rejected = int(label.sum()) - hits, int((~label).sum()) - alarms
    points: dict[str, float | None] = dict.fromkeys(PREVALENCES)
    intervals: dict[str, list[float] | None] = dict.fromkeys(PREVALENCES)
    if hits + misses and alarms + rejected and hits + alarms:
        rng = np.random.default_rng(seed)
        recall = rng.beta(hits + 0.5, misses + 0.5, size=bootstrap)
        alarm_rate = rng.beta(alarms + 0.5, rejected + 0.5, size=bootstrap)
        for key in PREVALENCES:
            point = float(precision_at(float(key), hits / (hits + misses), alarms / (alarms + rejected)))
            drawn = percentile_interval(precision_at(float(key), recall, alarm_rate))
            low, high = drawn if drawn is not None else (point, point)
            points[key], intervals[key] = point, [min(low, point), max(high, point)]
    return {"precision_at_prevalence": points, "precision_at_prevalence_ci": intervals}


def _overconfident(predictions: Predictions) -> float | None:
    wrong = predictions.flagged != predictions.label
    if not wrong.any():
        return None
    belief = np.where(predictions.label, 1 - predictions.probability, predictions.probability)
    return float(np.mean(belief[wrong] >= OVERCONFIDENT))


def _sources(predictions: Predictions) -> dict[str, dict[str, Any]]:
    source = np.array(predictions.source)
    rows = {}
    for name in sorted(set(predictions.source)):
        own = source == name
        negatives = int((own & ~predictions.label).sum())
        alarms = int((own & ~predictions.label & predictions.flagged).sum())
        rows[name] = {
            "n": int(own.sum()),
            "negatives": negatives,
            "false_positives": alarms,
            "false_positive_rate": alarms / negatives if negatives else None,
            "false_positive_rate_ci": _listed(wilson(alarms, negatives)) if negatives else None,
        }
    return rows


def _check_decisions(predictions: Predictions, threshold: float) -> None:
    above = predictions.probability >= threshold + _ROUNDING
    below = predictions.probability < threshold - _ROUNDING
    bad = np.flatnonzero(np.where(predictions.flagged, below, above))
    if len(bad):
        first = int(bad[0])
        raise DataError(
            f"the decisions of {len(bad)} pictures do not fit the threshold {threshold:.4f}; the first is "
            f"{predictions.sha256[first]}: {predictions.decision[first]} at probability "
            f"{predictions.probability[first]:.4f}. Score them with the model whose threshold it is"
        )


def _number(value: Floats) -> float | None:
    number = float(value[0])
    return number if np.isfinite(number) else None


def _listed(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else [interval[0], interval[1]]
