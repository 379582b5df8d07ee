"""Fitting the head: logistic regression on frozen features, and the same with whole folds left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from quakelens import params as sections
from quakelens.errors import DataError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A linear head: logit = features @ weight + bias.

    Attributes:
        weight: `(channels,) float32`.
        bias: Of the logit.
    """

    weight: NDArray[np.float32]
    bias: float

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """From `(N, channels) float32` to `(N,) float64`."""
        return features.astype(np.float64) @ self.weight.astype(np.float64) + self.bias


def weights_of(damaged: NDArray[np.bool_], sources: Sequence[str], training: sections.Training) -> NDArray[np.float64]:
    """The weight of each picture, mean 1: classes balanced, no source above its share of a class.

    Positives and negatives mostly come from different sources; without the cap a large source would
    teach the model to recognise the source.
    """
    weights = np.ones(len(damaged))
    names = np.array(sources)
    for label in (False, True):
        of_class = damaged == label
        shares = _capped_shares(names[of_class], training.max_source_share)
        of_source = {name: int(np.sum(names[of_class] == name)) for name in shares}
        weights[of_class] = [shares[name] / of_source[name] for name in names[of_class]]
        if not training.balance_classes:
            weights[of_class] *= of_class.sum()
    scaled: NDArray[np.float64] = weights * len(weights) / weights.sum()
    return scaled


def _capped_shares(names: NDArray[np.str_], cap: float) -> dict[str, float]:
    """Share of each source: its share of the pictures, the excess over `cap` spread over the others."""
    found, counts = np.unique(names, return_counts=True)
    shares = counts / counts.sum()
    if len(found) * cap <= 1:  # the cap cannot be kept by so few sources: all the same
        return {str(name): 1 / len(found) for name in found}
    capped = np.zeros(len(found), dtype=bool)
    while np.any(over := ~capped & (shares > cap)):
        capped |= over
        free = counts[~capped]
        shares[capped] = cap
        shares[~capped] = (1 - cap * capped.sum()) * free / free.sum()
    return {str(name): float(share) for name, share in zip(found, shares, strict=True)}


def fit_head(
    features: NDArray[np.float32],
    damaged: NDArray[np.bool_],
    sources: Sequence[str],
    training: sections.Training,
) -> Head:
    """Fit a head on features `(N, channels)`.

    The loss is the weighted mean of the logistic loss plus l2/2 times the squared norm of the weights on
    standardised features, so that `l2` means the same for any number of pictures.

    Raises:
        DataError: Only one class is there.
    """
    from sklearn.linear_model import LogisticRegression

    if damaged.all() or not damaged.any():
        only = "damaged" if damaged.any() else "not damaged"
        raise DataError(
            f"all {len(damaged)} training pictures are {only}: add pictures of the other class with "
            "`quakelens data add`, or hold out other earthquakes (split.held_out in params.yaml)"
        )
    weights = weights_of(damaged, sources, training)
    mean = np.average(features, axis=0, weights=weights)
    std = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weights)) + 1e-6
    model = LogisticRegression(C=1 / (training.l2 * len(damaged)), max_iter=5000, random_state=training.seed)
    model.fit((features - mean) / std, damaged, sample_weight=weights)
    # The standardisation is folded into the head, so that inference needs none.
    weight = model.coef_[0] / std
    bias = float(model.intercept_[0] - mean @ weight)
    return Head(weight.astype(np.float32), bias)


def fit_centred(
    features: NDArray[np.float32],
    damaged: NDArray[np.bool_],
    sources: Sequence[str],
    folds: Sequence[str],
    training: sections.Training,
    not_for: Sequence[frozenset[str]] | None = None,
) -> Head:
    """Fit a head, and move its bias to where its logits of pictures that it has not seen are balanced.

    A head is more certain of the pictures that it was fitted on than of others, and the fewer it has seen, the
    further off is its bias. So each of the `folds` (names, one a picture) is left out in turn, and the bias is
    moved by what Platt scaling of these logits says, both classes weighing the same. Logits of heads that were
    fitted on other pictures can then be compared. A picture is not fitted on for the folds that its `not_for` names.

    Raises:
        DataError: Only one class is there.
    """

    def plain(rows: NDArray[np.bool_]) -> Head:
        return fit_head(features[rows], damaged[rows], _chosen(sources, rows), training)

    head = plain(np.ones(len(damaged), dtype=np.bool_))
    logits = _left_out(features, damaged, folds, not_for or [frozenset()] * len(folds), plain)
    return replace(head, bias=head.bias + _offset(logits, damaged))


def out_of_fold(
    features: NDArray[np.float32],
    damaged: NDArray[np.bool_],
    sources: Sequence[str],
    folds: Sequence[str],
    training: sections.Training,
    not_for: Sequence[frozenset[str]] | None = None,
) -> NDArray[np.float64]:
    """Logits `(N,)` of each picture by a head of `fit_centred` that was fitted without the picture's fold.

    NaN where the fold's absence leaves one class only, and for pictures without a fold (an empty name),
    which only help: every head is fitted on them but those of the folds that their `not_for` names.
    """
    barred = not_for or [frozenset()] * len(folds)

    def centred(rows: NDArray[np.bool_]) -> Head:
        names, other = _chosen(folds, rows), _chosen(barred, rows)
        return fit_centred(features[rows], damaged[rows], _chosen(sources, rows), names, training, other)

    return _left_out(features, damaged, folds, barred, centred)


def _left_out(
    features: NDArray[np.float32],
    damaged: NDArray[np.bool_],
    folds: Sequence[str],
    not_for: Sequence[frozenset[str]],
    fit: Callable[[NDArray[np.bool_]], Head],
) -> NDArray[np.float64]:
    names = np.array(folds)
    logits = np.full(len(damaged), np.nan)
    for fold in sorted(set(folds) - {""}):
        judged = names == fold
        rest = ~judged & np.array([fold not in barred for barred in not_for])
        if 0 < damaged[rest].sum() < rest.sum():
            logits[judged] = fit(rest).logits(features[judged])
    return logits


def _chosen(values: Sequence[T], rows: NDArray[np.bool_]) -> list[T]:
    return [value for value, inside in zip(values, rows, strict=True) if inside]


def _offset(logits: NDArray[np.float64], damaged: NDArray[np.bool_]) -> float:
    """By how much logits must be moved so that 0 means even odds; 0 if that cannot be told."""
    from quakelens.evaluation.calibration import fit_platt, weights_at

    known = np.isfinite(logits)
    if damaged[known].all() or not damaged[known].any():
        return 0.0
    try:
        platt = fit_platt(logits[known], damaged[known], weights_at(0.5, damaged[known]))
    except DataError:  # no better than chance on what was left out
        return 0.0
    return platt.b / platt.a
