import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from quakelens.errors import DataError
from quakelens.evaluation.calibration import Platt, equal_mass_bins, expected_calibration_error, fit_platt, weights_at


def drawn(n=4000, a=0.7, b=-1.2, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, n)
    return logits, rng.random(n) < expit(a * logits + b)


def test_the_parameters_that_made_the_labels_are_found():
    platt = fit_platt(*drawn())
    assert platt.a == pytest.approx(0.7, abs=0.06)
    assert platt.b == pytest.approx(-1.2, abs=0.12)


def test_fit_minimises_the_loss_on_smoothed_targets():
    logits, label = drawn(200)
    platt = fit_platt(logits, label)
    positives = label.sum()
    target = np.where(label, (positives + 1) / (positives + 2), 1 / (len(label) - positives + 2))
    # At the minimum the gradient of the cross-entropy is 0 in both parameters.
    residual = platt.apply(logits) - target
    assert residual.sum() == pytest.approx(0, abs=1e-4)
    assert (residual * logits).sum() == pytest.approx(0, abs=1e-3)


def test_calibration_brings_overconfident_logits_down():
    logits, label = drawn(a=0.3, b=0)
    before, after = expit(logits), fit_platt(logits, label).apply(logits)
    assert expected_calibration_error(after, label) < 0.3 * expected_calibration_error(before, label)


def test_perfect_separation_is_not_certainty():
    logits = np.array([-3.0, -2, -1, 1, 2, 3])
    probability = fit_platt(logits, logits > 0).apply(logits)
    assert (np.diff(probability) > 0).all()
    assert 0.02 < probability[0] < 0.35
    assert 0.65 < probability[-1] < 0.98


def test_a_weight_of_two_is_a_picture_twice_up_to_the_smoothing():
    logits, label = drawn(600)
    doubled = fit_platt(np.append(logits, logits[label]), np.append(label, label[label]))
    weighted = fit_platt(logits, label, np.where(label, 2.0, 1.0))
    assert (weighted.a, weighted.b) == pytest.approx((doubled.a, doubled.b), abs=0.02)
    scaled = fit_platt(logits, label, np.where(label, 200.0, 100.0))
    assert (scaled.a, scaled.b) == pytest.approx((weighted.a, weighted.b), rel=1e-5)


def test_a_picture_of_weight_zero_does_not_count():
    logits, label = drawn(300)
    more = fit_platt(np.append(logits, [50.0, 60.0]), np.append(label, [False, False]), np.append(np.ones(300), [0, 0]))
    plain = fit_platt(logits, label)
    assert (more.a, more.b) == pytest.approx((plain.a, plain.b), rel=1e-4)


@given(st.integers(0, 10_000), st.sampled_from([1e-3, 1.0, 1e3]))
@settings(max_examples=20, deadline=None)
def test_row_order_and_scale_of_logits_do_not_matter(seed, scale):
    logits, label = drawn(80, a=1.0, b=0.0, seed=seed)
    order = np.random.default_rng(seed).permutation(80)
    plain = fit_platt(logits, label).apply(logits)
    other = fit_platt(scale * logits[order], label[order]).apply(scale * logits)
    assert other == pytest.approx(plain, abs=1e-4)


@pytest.mark.parametrize(
    ("logits", "label", "weights", "message"),
    [
        ([1.0, 2.0, 3.0], [True, False], None, "do not fit together"),
        ([1.0, np.inf], [True, False], None, "finite"),
        ([1.0, 2.0], [True, True], None, "none is not_damaged"),
        ([1.0, 2.0], [False, True], [1.0, 0.0], "none is damaged"),
        ([1.0, 2.0], [False, True], [1.0, -1.0], "not negative"),
        ([], [], None, "none is damaged"),
        ([1.0, 1.0], [False, True], None, "all logits are equal"),
        ([3.0, 2.0, 1.0, 0.0], [False, False, True, True], None, "no better than chance"),
    ],
)
def test_data_that_cannot_calibrate_is_refused(logits, label, weights, message):
    with pytest.raises(DataError, match=message):
        fit_platt(np.array(logits), np.array(label, dtype=bool), None if weights is None else np.array(weights))


def test_labels_must_be_bool():
    with pytest.raises(DataError, match="bool"):
        fit_platt(np.array([1.0, 2.0]), np.array([0, 1]))


def test_apply_is_the_logistic_function_without_overflow():
    logits = np.array([[-1e4, -1.0], [0.0, 1e4]])
    assert Platt(2.0, 0.5).apply(logits) == pytest.approx(expit(2 * logits + 0.5))


def test_calibration_error_by_hand():
    probability = np.array([0.1, 0.3, 0.6, 0.8])
    label = np.array([False, True, True, True])
    # Two bins: mean .2 against share .5, mean .7 against share 1.
    assert expected_calibration_error(probability, label, bins=2) == pytest.approx((0.3 + 0.3) / 2)
    with pytest.raises(DataError):
        expected_calibration_error(np.array([]), np.array([], dtype=bool))


@given(st.lists(st.integers(0, 20), min_size=1, max_size=80), st.integers(1, 15))
def test_bins_are_ordered_and_keep_equal_values_together(values, bins):
    probability = np.array(values) / 20
    numbers = equal_mass_bins(probability, bins)
    assert ((numbers >= 0) & (numbers < bins)).all()
    assert (np.diff(numbers[np.argsort(probability, kind="stable")]) >= 0).all()
    for value in set(values):
        assert len(set(numbers[probability == value / 20])) == 1


def test_bins_of_different_values_hold_equal_numbers():
    numbers = equal_mass_bins(np.random.default_rng(0).random(300), 15)
    assert np.bincount(numbers).tolist() == [20] * 15


def test_probabilities_mean_the_stated_mix_whatever_the_mix_at_hand() -> None:
    rng = np.random.default_rng(0)

    def pictures(n: int, damaged_share: float) -> tuple[np.ndarray, np.ndarray]:
        label = np.arange(n) < n * damaged_share
        return rng.normal(size=n) + 2 * label, label

    fitted = []
    for share in (0.03, 0.5):
        logits, label = pictures(40_000, share)
        fitted.append(fit_platt(logits, label, weights_at(0.1, label)))
    logits, label = pictures(40_000, 0.1)
    for platt in fitted:
        assert platt.apply(logits).mean() == pytest.approx(0.1, abs=0.01)
    with pytest.raises(DataError, match="both classes"):
        weights_at(0.1, np.ones(3, dtype=np.bool_))
