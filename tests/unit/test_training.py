"""The head: it learns, weighs sources fairly, and judges each fold without having seen it."""

import numpy as np
import pytest

from quakelens.errors import DataError
from quakelens.model.training import fit_centred, fit_head, out_of_fold, weights_of
from quakelens.params import Training

TRAINING = Training(l2=1.0, balance_classes=True, max_source_share=0.5, batch_size=8, seed=0)


def blobs(n: int = 120, channels: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    damaged = rng.random(n) < 0.3
    features = rng.normal(size=(n, channels)).astype(np.float32) * 5 + 3
    features[:, 2] += 8 * damaged
    return features, damaged


def test_the_head_separates_and_its_standardisation_is_folded_in() -> None:
    features, damaged = blobs()
    head = fit_head(features, damaged, ["a"] * len(damaged), TRAINING)
    logits = head.logits(features)
    assert logits[damaged].mean() > 0 > logits[~damaged].mean()
    assert head.weight.dtype == np.float32
    assert np.argmax(np.abs(head.weight)) == 2


def test_a_result_does_not_depend_on_row_order() -> None:
    features, damaged = blobs()
    sources = [f"s{row % 3}" for row in range(len(damaged))]
    order = np.random.default_rng(1).permutation(len(damaged))
    one = fit_head(features, damaged, sources, TRAINING)
    other = fit_head(features[order], damaged[order], [sources[row] for row in order], TRAINING)
    assert np.allclose(one.weight, other.weight, atol=1e-4)


def test_l2_means_the_same_for_any_number_of_pictures() -> None:
    features, damaged = blobs()
    twice = fit_head(np.tile(features, (2, 1)), np.tile(damaged, 2), ["a"] * 240, TRAINING)
    assert np.allclose(twice.weight, fit_head(features, damaged, ["a"] * 120, TRAINING).weight, atol=1e-4)


def test_classes_and_sources_weigh_as_stated() -> None:
    damaged = np.array([True] * 4 + [False] * 16)
    sources = ["p"] * 2 + ["q"] * 2 + ["big"] * 13 + ["x", "y", "z"]
    weights = weights_of(damaged, sources, TRAINING)
    assert weights.mean() == pytest.approx(1)
    assert weights[damaged].sum() == pytest.approx(weights[~damaged].sum())
    big = np.array(sources) == "big"
    assert weights[big].sum() / weights[~damaged].sum() == pytest.approx(0.5)


def test_one_source_alone_keeps_all_of_its_class() -> None:
    weights = weights_of(np.array([True, True, False, False]), ["a", "a", "b", "b"], TRAINING)
    assert weights.tolist() == pytest.approx([1, 1, 1, 1])


def test_unbalanced_classes_keep_their_counts() -> None:
    training = TRAINING.model_copy(update={"balance_classes": False})
    weights = weights_of(np.array([True, False, False, False]), ["a", "b", "c", "d"], training)
    assert weights.tolist() == pytest.approx([1, 1, 1, 1])


def test_a_fold_is_judged_by_a_head_that_has_not_seen_it() -> None:
    # Each fold has a feature of its own that gives its labels away; a head that had seen the fold would use it.
    rng = np.random.default_rng(0)
    damaged = np.tile([True, False], 40)
    folds = ["a"] * 40 + ["b"] * 40
    features = rng.normal(size=(80, 4)).astype(np.float32)
    features[:40, 0] = np.where(damaged[:40], 9, -9)
    features[40:, 1] = np.where(damaged[40:], 9, -9)
    logits = out_of_fold(features, damaged, ["s"] * 80, folds, TRAINING)
    agreement = np.mean((logits > 0) == damaged)
    assert 0.2 < agreement < 0.8


def test_a_picture_that_helps_is_not_learnt_from_for_the_folds_that_it_names() -> None:
    # Feature 0 gives the labels of fold `a` away, and of a helper only, which may not help with `a`.
    rng = np.random.default_rng(0)
    damaged = np.tile([True, False], 60)
    folds = ["a"] * 40 + ["b"] * 40 + [""] * 40
    features = rng.normal(size=(120, 4)).astype(np.float32)
    for rows in (slice(0, 40), slice(80, 120)):
        features[rows, 0] = np.where(damaged[rows], 9, -9)
    barred = [frozenset[str]()] * 80 + [frozenset({"a"})] * 40
    seen = out_of_fold(features, damaged, ["s"] * 120, folds, TRAINING)
    unseen = out_of_fold(features, damaged, ["s"] * 120, folds, TRAINING, barred)
    assert np.isnan(unseen[80:]).all() and np.isfinite(unseen[:80]).all()
    assert np.array_equal(seen[:40] > 0, damaged[:40])
    assert not np.allclose(unseen[:40], seen[:40], atol=0.1)
    assert np.allclose(
        unseen[:40],
        out_of_fold(features[:80], damaged[:80], ["s"] * 80, folds[:80], TRAINING)[:40],
    )


def test_the_bias_is_centred_without_what_a_fold_must_not_learn_from() -> None:
    features, damaged = blobs(120)
    folds = ["a"] * 50 + ["b"] * 50 + [""] * 20
    barred = [frozenset[str]()] * 100 + [frozenset({"a", "b"})] * 20
    features[100:] += 40  # as far away as a picture can be
    with_it = fit_centred(features, damaged, ["s"] * 120, folds, TRAINING)
    without = fit_centred(features, damaged, ["s"] * 120, folds, TRAINING, barred)
    assert np.array_equal(with_it.weight, without.weight)
    assert abs(with_it.bias - without.bias) > 1e-3


def test_folds_that_cannot_be_judged_are_nan() -> None:
    features, _ = blobs(8)
    damaged = np.array([True, True, False, False, False, False, False, False])
    folds = ["only", "only", "rest", "rest", "rest", "rest", "rest", ""]
    logits = out_of_fold(features, damaged, ["s"] * 8, folds, TRAINING)
    assert np.isnan(logits[[0, 1, 7]]).all()


def test_one_class_says_what_to_do() -> None:
    features, _ = blobs(6)
    for value, name in ((True, "damaged"), (False, "not damaged")):
        with pytest.raises(DataError, match=f"all 6 training pictures are {name}: add"):
            fit_head(features, np.full(6, value), ["s"] * 6, TRAINING)
