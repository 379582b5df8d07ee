import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quakelens.errors import DataError
from quakelens.evaluation.thresholds import choose_thresholds, decide, precision_at
from quakelens.params import Decision

WANTED = Decision(second_look_miss_rate=0.02, precision=0.8, prevalence=0.05, miss_rate=0.05)


def drawn(n=3000, shift=0.35, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.random(n) < 0.3
    return np.clip(rng.normal(0.3 + shift * label, 0.13), 0, 1), label


def expected_precision(probability, label, threshold, wanted):
    flagged = probability >= threshold
    alarm_rate = (flagged[~label].sum() + 1) / ((~label).sum() + 2)
    return float(precision_at(wanted.prevalence, flagged[label].mean(), alarm_rate))


def test_both_thresholds_by_hand():
    # 98 others at .1, one at .5, one at .7; damaged at .3, .5, .6, .8 and .9 (twice each).
    damaged = np.repeat([0.3, 0.5, 0.6, 0.8, 0.9], 2)
    probability = np.concatenate([np.full(98, 0.1), [0.5, 0.7], damaged])
    label = np.arange(len(probability)) >= 100
    wanted = Decision(second_look_miss_rate=0.02, precision=0.75, prevalence=0.1, miss_rate=0.2)
    chosen = choose_thresholds(probability, label, wanted)
    # At .6: recall .6, alarms (1 + 1) / 102, precision .06 / (.06 + .0176) = .773. At .5: .8 against 3 / 102
    # gives .751. At .3: 1 against 3 / 102 gives .791. At .1 everything is flagged.
    assert chosen.damaged == pytest.approx((0.3 + 0.1) / 2)
    assert chosen.not_damaged == chosen.damaged  # two of ten may be missed, but nothing is left unsure
    assert chosen.expected["precision"] == pytest.approx(0.1 / (0.1 + 0.9 * 3 / 102))
    assert chosen.expected["reached"] is True

    stricter = choose_thresholds(
        probability, label, Decision(second_look_miss_rate=0.02, precision=0.85, prevalence=0.1, miss_rate=0.2)
    )
    # Only at .8, recall .4 against 1 / 102: .819, is the best there is.
    assert stricter.expected["reached"] is False
    assert stricter.damaged == pytest.approx((0.7 + 0.8) / 2)
    # Two of ten damaged, those at .3, may fall below: the threshold is at most .5, halfway down to .3.
    assert stricter.not_damaged == pytest.approx(0.4)
    assert stricter.expected["miss_rate"] == pytest.approx(0.2)
    assert stricter.expected["unsure_share"] == pytest.approx((1 + 1 + 2 + 2) / 110)


@given(st.integers(0, 10_000), st.floats(0.1, 0.5), st.floats(0, 0.5), st.floats(0.02, 0.5))
@settings(max_examples=60, deadline=None)
def test_thresholds_keep_their_promises(seed, shift, miss_rate, prevalence):
    probability, label = drawn(400, shift, seed)
    wanted = Decision(second_look_miss_rate=0.02, precision=0.7, prevalence=prevalence, miss_rate=miss_rate)
    chosen = choose_thresholds(probability, label, wanted)
    assert 0 <= chosen.not_damaged <= chosen.damaged <= 1
    assert np.mean(probability[label] < chosen.not_damaged) <= miss_rate + 1e-9
    reached = expected_precision(probability, label, chosen.damaged, wanted)
    assert reached == pytest.approx(chosen.expected["precision"])
    lower = np.unique(probability[probability < chosen.damaged])
    every = np.array([expected_precision(probability, label, value, wanted) for value in lower])
    if chosen.expected["reached"]:
        assert reached >= 0.7
        assert not (every >= 0.7).any()  # no smaller threshold would do
    else:
        assert reached < 0.7
        assert not (every > reached).any()
    if chosen.not_damaged < chosen.damaged:
        above = probability[label & (probability >= chosen.not_damaged)].min()
        assert np.mean(probability[label] <= above) > miss_rate  # no larger threshold would do


def test_few_pictures_without_a_false_alarm_do_not_count_as_proof():
    few = choose_thresholds(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]), WANTED)
    assert few.expected["reached"] is False
    assert few.damaged == pytest.approx(0.5)
    many = choose_thresholds(
        np.concatenate([np.linspace(0, 0.2, 500), np.linspace(0.8, 1, 500)]), np.arange(1000) >= 500, WANTED
    )
    assert many.expected["reached"] is True
    assert many.expected["recall"] == 1


def test_precision_holds_on_new_pictures_about_as_promised():
    seen = drawn(5000, 0.45, seed=1)
    chosen = choose_thresholds(*seen, WANTED)
    assert chosen.expected["reached"]
    probability, label = drawn(200_000, 0.45, seed=2)
    flagged = probability >= chosen.damaged
    precision = precision_at(WANTED.prevalence, flagged[label].mean(), flagged[~label].mean())
    assert precision == pytest.approx(0.8, abs=0.08)


def test_a_stricter_wish_never_lowers_the_threshold():
    probability, label = drawn()
    chosen = [
        choose_thresholds(
            probability, label, Decision(second_look_miss_rate=0.02, precision=wish, prevalence=0.05, miss_rate=0.05)
        ).damaged
        for wish in (0.2, 0.4, 0.6, 0.8)
    ]
    assert chosen == sorted(chosen)
    assert chosen[0] < chosen[-1]


def test_a_model_that_says_one_thing_gets_thresholds_that_promise_nothing():
    chosen = choose_thresholds(np.full(40, 0.3), np.arange(40) < 10, WANTED)
    assert chosen.damaged == chosen.not_damaged == 0.3
    assert chosen.expected["reached"] is False
    assert chosen.expected["precision"] < 0.1


def test_neighbouring_floats_stay_apart():
    low = 0.5
    high = float(np.nextafter(low, 1))
    chosen = choose_thresholds(np.concatenate([np.full(500, low), np.full(500, high)]), np.arange(1000) >= 500, WANTED)
    assert decide(low, chosen) == "not_damaged"
    assert decide(high, chosen) == "damaged"


def test_decisions_at_and_beside_the_thresholds():
    probability, label = drawn(400, 0.2)
    chosen = choose_thresholds(probability, label, WANTED)
    assert chosen.not_damaged < chosen.damaged
    assert decide(chosen.damaged, chosen) == "damaged"
    assert decide(float(np.nextafter(chosen.damaged, 0)), chosen) == "unsure"
    assert decide(chosen.not_damaged, chosen) == "unsure"
    assert decide(float(np.nextafter(chosen.not_damaged, 0)), chosen) == "not_damaged"


@pytest.mark.parametrize(
    ("probability", "label", "message"),
    [
        ([], [], "none is damaged"),
        ([0.1, 0.2], [True, True], "none is not_damaged"),
        ([0.1, 0.2], [True], "do not fit together"),
        ([0.1, np.nan], [True, False], "0 to 1"),
        ([0.1, 1.5], [True, False], "0 to 1"),
    ],
)
def test_data_that_cannot_choose_is_refused(probability, label, message):
    with pytest.raises(DataError, match=message):
        choose_thresholds(np.array(probability), np.array(label, dtype=bool), WANTED)


def test_precision_at_the_studys_prevalences():
    # The reference study at 0.5: recall .876, 57 false alarms of 717; .37 at 5 % damage, .55 at 10 %.
    assert precision_at(0.05, 467 / 533, 57 / 717) == pytest.approx(0.37, abs=0.005)
    assert precision_at(0.10, 467 / 533, 57 / 717) == pytest.approx(0.55, abs=0.005)
    assert np.isnan(precision_at(0.05, 0.0, 0.0))
