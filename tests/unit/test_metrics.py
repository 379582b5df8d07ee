import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, precision_score, roc_auc_score

from quakelens.errors import DataError
from quakelens.evaluation.comparison import HEADER, compare_table, short
from quakelens.evaluation.intervals import percentile_interval, resamples, weighted_ranking, wilson
from quakelens.evaluation.metrics import Predictions, figures
from quakelens.model.bundle import Thresholds
from quakelens.model.decisions import decide

DAMAGED, NOT_DAMAGED = 0.7, 0.3
NAMES = ("auc", "average_precision", "precision", "recall", "f1", "accuracy")


def predictions(rows):
    """From (probability, damaged, event, source) to Predictions with the thresholds above."""
    limits = Thresholds(damaged=DAMAGED, not_damaged=NOT_DAMAGED)
    return Predictions(
        sha256=[f"{number:064x}" for number in range(len(rows))],
        label=np.array([row[1] for row in rows], dtype=bool),
        probability=np.array([row[0] for row in rows], dtype=float),
        decision=[decide(row[0], limits) for row in rows],
        event=[row[2] for row in rows],
        source=[row[3] for row in rows],
    )


def judged(rows, bootstrap=200, seed=1):
    return figures(predictions(rows), DAMAGED, bootstrap=bootstrap, seed=seed)


def drawn(n=300, seed=5, shift=0.25):
    rng = np.random.default_rng(seed)
    label = rng.random(n) < 0.3
    probability = np.round(np.clip(rng.normal(0.4 + shift * label, 0.2), 0, 1), 2)
    events = np.where(label, "2015-nepal", np.where(rng.random(n) < 0.5, "2015-nepal", "none"))
    return list(zip(probability.tolist(), label.tolist(), events.tolist(), rng.choice(["a", "b"], n), strict=True))


# 3 damaged flagged, 1 damaged unsure, 1 damaged missed; 1 other flagged, 1 other unsure, 3 others rejected.
BY_HAND = [
    (0.95, True, "2015-nepal", "press"),
    (0.80, True, "2015-nepal", "press"),
    (0.75, True, "2016-ecuador", "press"),
    (0.50, True, "2015-nepal", "posts"),
    (0.05, True, "2015-nepal", "posts"),
    (0.92, False, "2015-nepal", "posts"),
    (0.40, False, "2015-nepal", "posts"),
    (0.20, False, "none", "pets"),
    (0.10, False, "none", "pets"),
    (0.02, False, "none", "pets"),
]


def test_figures_are_the_counts_worked_out_by_hand():
    told = judged(BY_HAND)
    assert (told["n"], told["positives"], told["flagged"], told["threshold"]) == (10, 5, 4, 0.7)
    assert told["precision"] == pytest.approx(3 / 4)
    assert told["recall"] == pytest.approx(3 / 5)
    assert told["f1"] == pytest.approx(2 * 3 / (4 + 5))
    assert told["accuracy"] == pytest.approx(7 / 10)
    assert told["false_positive_rate"] == pytest.approx(1 / 5)
    # Pairs in the right order: .95 beats 5, .80 and .75 beat 4, .50 beats 4, .05 beats 1.
    assert told["auc"] == pytest.approx((5 + 4 + 4 + 4 + 1) / 25)
    assert told["average_precision"] == pytest.approx((1 / 1 + 2 / 3 + 3 / 4 + 4 / 5 + 5 / 9) / 5)
    assert told["unsure_share"] == pytest.approx(2 / 10)
    # Wrong: flagged .92 (sure), unsure .50 (not sure), missed .05 (sure of what is wrong by .95).
    assert told["overconfident_errors"] == pytest.approx(2 / 3)
    for key, share in (("0.01", 0.01), ("0.05", 0.05), ("0.10", 0.10)):
        expected = 0.6 * share / (0.6 * share + 0.2 * (1 - share))
        assert told["precision_at_prevalence"][key] == pytest.approx(expected)
    # Ten pictures, fifteen bins: each is its own bin.
    assert told["ece"] == pytest.approx(sum(abs(p - damaged) for p, damaged, *_ in BY_HAND) / 10)


def test_sources_tell_their_false_alarms():
    sources = judged(BY_HAND)["sources"]
    assert list(sources) == ["pets", "posts", "press"]
    assert (sources["posts"]["n"], sources["posts"]["negatives"]) == (4, 2)
    assert sources["posts"]["false_positives"] == 1
    assert sources["posts"]["false_positive_rate"] == 0.5
    assert sources["pets"]["false_positive_rate"] == 0
    assert sources["pets"]["false_positive_rate_ci"][1] > 0.3  # 0 of 3 proves little
    assert sources["press"]["false_positive_rate"] is None


def test_earthquakes_are_judged_on_their_own_pictures_and_with_those_of_no_earthquake():
    earthquakes = judged(BY_HAND)["earthquakes"]
    assert list(earthquakes) == ["2015-nepal", "2016-ecuador"]
    nepal, ecuador = earthquakes["2015-nepal"], earthquakes["2016-ecuador"]
    assert (nepal["n"], nepal["positives"]) == (6, 4)
    assert nepal["auc"] == pytest.approx((2 + 1 + 1 + 0) / 8)
    assert nepal["auc_with_others"] == pytest.approx((5 + 4 + 4 + 1) / 20)
    assert nepal["precision"] == pytest.approx(2 / 3)
    assert (ecuador["n"], ecuador["positives"], ecuador["recall"]) == (1, 1, 1.0)
    assert ecuador["auc"] is None
    assert ecuador["precision"] is None
    assert ecuador["false_positive_rate"] is None
    assert ecuador["auc_with_others"] == 1.0


def test_damaged_pictures_of_no_earthquake_are_not_taken_for_others():
    plain = judged(BY_HAND)["earthquakes"]["2015-nepal"]["auc_with_others"]
    more = judged([*BY_HAND, (0.99, True, "none", "press")])["earthquakes"]["2015-nepal"]
    assert more["auc_with_others"] == plain


def test_figures_agree_with_scikit_learn():
    rows = drawn()
    told = judged(rows)
    probability = np.array([row[0] for row in rows])
    label = np.array([row[1] for row in rows])
    flagged = probability >= DAMAGED
    assert told["auc"] == pytest.approx(roc_auc_score(label, probability))
    assert told["average_precision"] == pytest.approx(average_precision_score(label, probability))
    assert told["precision"] == pytest.approx(precision_score(label, flagged))
    assert told["f1"] == pytest.approx(f1_score(label, flagged))
    for name in NAMES:
        low, high = told[f"{name}_ci"]
        assert low < told[name] < high


@given(st.randoms(use_true_random=False), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_figures_do_not_depend_on_row_order(random, n):
    rows = drawn(n, seed=n)
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert judged(rows, bootstrap=100) == judged(shuffled, bootstrap=100)


@pytest.mark.parametrize("n", [1, 2, 3, 14, 16, 33])
@pytest.mark.parametrize("classes", ["both", "damaged", "others"])
def test_any_size_and_mix_gives_json_without_nan(n, classes):
    fixed = {"damaged": True, "others": False}
    rows = [(number / max(n, 2), fixed.get(classes, number % 2 == 0), "2015-nepal", "a") for number in range(n)]
    told = judged(rows)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    if classes != "both" or n == 1:
        assert told["auc"] is None
        assert told["auc_ci"] is None
        assert told["precision"] is None
    assert 0 <= told["accuracy"] <= 1


def test_nothing_flagged_leaves_precision_undefined():
    told = judged([(0.1, True, "2015-nepal", "a"), (0.2, False, "none", "a")])
    assert told["precision"] is None
    assert told["precision_ci"] is None
    assert told["precision_at_prevalence"] == {"0.01": None, "0.05": None, "0.10": None}
    assert (told["recall"], told["f1"]) == (0.0, 0.0)


def test_no_false_alarm_among_few_is_not_told_as_certain():
    rows = [(0.9, True, "2015-nepal", "a")] * 20 + [(0.1, False, "none", "a")] * 20
    told = judged(rows)
    assert told["precision_at_prevalence"]["0.01"] == 1
    low, high = told["precision_at_prevalence_ci"]["0.01"]
    assert low < 0.5
    assert high == 1


def test_same_seed_gives_same_intervals_and_another_seed_others():
    rows = drawn(60)
    assert judged(rows, seed=1) == judged(rows, seed=1)
    assert judged(rows, seed=1)["auc_ci"] != judged(rows, seed=2)["auc_ci"]


def test_no_picture_is_an_error_that_says_what_to_do():
    with pytest.raises(DataError, match="check the manifest"):
        judged([])


def test_decisions_of_another_threshold_are_refused():
    with pytest.raises(DataError, match=r"do not fit the threshold 0\.9000"):
        figures(predictions(BY_HAND), 0.9, bootstrap=100, seed=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probability": np.array([0.1, np.nan])}, "not in 0 to 1"),
        ({"probability": np.array([0.1, 1.2])}, "not in 0 to 1"),
        ({"probability": np.array(["a", "b"])}, "must be numbers"),
        ({"probability": np.array([0.1])}, "probability 1"),
        ({"probability": np.array([[0.1], [0.2]])}, "shape"),
        ({"label": np.array([0, 1])}, "must be bool"),
        ({"decision": ["damaged", "maybe"]}, "`maybe`"),
        ({"event": ["none", ""]}, "`event` of row 2 is empty"),
    ],
)
def test_predictions_that_cannot_be_are_refused(change, message):
    fields = {
        "sha256": ["a", "b"],
        "label": np.array([True, False]),
        "probability": np.array([0.8, 0.1]),
        "decision": ["damaged", "not_damaged"],
        "event": ["2015-nepal", "none"],
        "source": ["press", "pets"],
    }
    assert len(Predictions(**fields)) == 2
    with pytest.raises(DataError, match=message):
        Predictions(**(fields | change))


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 3)), min_size=2, max_size=40))
@settings(max_examples=100, deadline=None)
def test_weighted_ranking_is_scikit_learns(rows):
    probability = np.array([row[0] / 6 for row in rows])
    label = np.array([row[1] for row in rows])
    weights = np.array([[row[2] for row in rows], [1] * len(rows)], dtype=float)
    auc, average_precision = weighted_ranking(probability, label, weights)
    for row, weight in enumerate(weights):
        if weight[label].sum() == 0 or weight[~label].sum() == 0:
            assert np.isnan(auc[row])
            assert np.isnan(average_precision[row])
            continue
        options = {"sample_weight": weight}
        assert auc[row] == pytest.approx(roc_auc_score(label, probability, **options))
        assert average_precision[row] == pytest.approx(average_precision_score(label, probability, **options))


def test_resamples_keep_the_number_of_each_class_and_the_pictures_apart():
    label = np.array([True] * 7 + [False] * 13)
    weights = np.concatenate(list(resamples(label, 500, np.random.default_rng(0))))
    assert weights.shape == (500, 20)
    assert (weights[:, label].sum(axis=1) == 7).all()
    assert (weights[:, ~label].sum(axis=1) == 13).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(20), abs=0.2)
    assert weights.var(axis=0)[~label] == pytest.approx(np.full(13, 12 / 13), abs=0.35)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        label = np.arange(120) < 60
        scores = rng.normal(size=120) + label * 1.0
        samples = np.concatenate([
            weighted_ranking(scores, label, weights)[0] for weights in resamples(label, 200, rng)
        ])  # fmt: skip
        low, high = percentile_interval(samples)
        covered += low <= 0.7602 <= high  # P(N(1, 2) > 0)
    assert 0.88 <= covered / 200 <= 0.99


def test_undefined_samples_are_left_out_of_an_interval():
    assert percentile_interval(np.array([np.nan, 1.0, np.nan])) == (1.0, 1.0)
    assert percentile_interval(np.array([np.nan])) is None


def test_wilson_interval_of_the_textbook():
    low, high = wilson(8, 10)
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_table_has_a_row_an_earthquake_and_one_for_all():
    told = judged(BY_HAND)
    rows = compare_table(told)
    assert [row[0] for row in rows] == ["2015-nepal", "2016-ecuador", "all"]
    assert all(len(row) == len(HEADER) for row in rows)
    assert rows[1][1:] == ("1", "1", "-", "-", "-", "1.000")
    assert rows[2][3].startswith(".720 (")
    assert rows[2][5:] == (".750", ".600")
    beside = compare_table(told, champion=told)
    assert beside[2][5] == ".750 -> .750"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8761, ".876"), (-0.0123, "-.012"), (1.0, "1.000"), (-0.0001, ".000"), (0.9999, "1.000"), (None, "-")],
)
def test_short_figures(value, text):
    assert short(value) == text
