import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from quakelens.errors import DataError
from quakelens.evaluation.gate import compare
from quakelens.evaluation.predictions import Predictions
from quakelens.params import Gate

GATE = Gate(min_gain=0.0, max_loss=0.05, first_min_auc=0.6)
OPTIONS = {"bootstrap": 400, "seed": 7}


def labelled(seed=0):
    """300 pictures: 40 damaged of each of two earthquakes, 10 others each, 200 of no earthquake."""
    event = np.repeat(["2015-nepal", "2016-ecuador", "none"], [50, 50, 200])
    label = np.concatenate([np.arange(50) < 40, np.arange(50) < 40, np.zeros(200, dtype=bool)])
    noise = np.random.default_rng(seed).normal(size=300)
    return event, label, noise


def scored(strength, noise_seed=0, rows=None):
    """A model whose damaged pictures lie `strength` above the others; one value, or one an earthquake."""
    event, label, noise = labelled(noise_seed)
    by_event = strength if isinstance(strength, dict) else dict.fromkeys(set(event), strength)
    lift = np.array([by_event.get(str(name), 0.0) for name in event])
    probability = 1 / (1 + np.exp(-(noise + lift * label)))
    whole = Predictions(
        sha256=[f"{number:064x}" for number in range(300)],
        label=label,
        probability=probability,
        decision=["damaged" if value >= 0.5 else "not_damaged" for value in probability],
        event=[str(name) for name in event],
        source=["corpus"] * 300,
    )
    return whole if rows is None else whole.take(np.asarray(rows))


def test_a_better_challenger_is_promoted_and_told_why():
    champion, challenger = scored(1.0), scored(2.5)
    decided = compare(champion, challenger, GATE, **OPTIONS)
    assert decided.promote
    gain = decided.figures["average_precision"]
    assert gain["champion"] == pytest.approx(average_precision_score(champion.label, champion.probability))
    assert gain["challenger"] == pytest.approx(average_precision_score(challenger.label, challenger.probability))
    assert gain["gain"] == pytest.approx(gain["challenger"] - gain["champion"])
    assert 0 < gain["gain_ci"][0] < gain["gain"] < gain["gain_ci"][1]
    assert decided.reason.startswith(f"Promoted: average precision {gain['champion']:.3f}".replace("0.", "."))
    assert "on 300 pictures of 2 held-out earthquakes" in decided.reason
    assert decided.reason.endswith("no earthquake lost more than .05")
    nepal = decided.figures["earthquakes"]["2015-nepal"]
    assert (nepal["n"], nepal["positives"]) == (250, 40)  # its own 50 and the 200 of no earthquake
    assert json.loads(json.dumps(decided.as_dict(), allow_nan=False)) == decided.as_dict()


def test_a_worse_challenger_is_not_promoted():
    decided = compare(scored(2.5), scored(1.0), GATE, **OPTIONS)
    assert not decided.promote
    assert decided.figures["average_precision"]["gain_ci"][1] < 0
    assert "no gain beyond noise" in decided.reason
    assert "(gain -." in decided.reason


@pytest.mark.parametrize("min_gain", [0.0, -0.5])
def test_an_equal_challenger_is_not_promoted_whatever_the_gate_allows(min_gain):
    gate = Gate(min_gain=min_gain, max_loss=0.05, first_min_auc=0.6)
    decided = compare(scored(2.0), scored(2.0), gate, **OPTIONS)
    assert not decided.promote
    assert "equal, no gain beyond noise" in decided.reason


def test_a_gain_within_the_noise_is_not_promoted():
    champion, challenger = scored(1.5, 0), scored(1.6, 1)
    decided = compare(champion, challenger, GATE, **OPTIONS)
    low, high = decided.figures["average_precision"]["gain_ci"]
    assert low <= 0 < high
    assert not decided.promote


def test_better_on_average_but_worse_on_one_earthquake_is_not_promoted():
    champion = scored({"2015-nepal": 1.0, "2016-ecuador": 2.5})
    challenger = scored({"2015-nepal": 5.0, "2016-ecuador": 1.8})
    decided = compare(champion, challenger, GATE, **OPTIONS)
    assert decided.figures["average_precision"]["gain_ci"][0] > 0
    assert decided.figures["earthquakes"]["2016-ecuador"]["gain"] < -0.05
    assert not decided.promote
    assert "2016-ecuador fell from" in decided.reason
    assert "more than .05 allowed" in decided.reason
    lenient = Gate(min_gain=0.0, max_loss=0.5, first_min_auc=0.6)
    assert compare(champion, challenger, lenient, **OPTIONS).promote


def test_a_gain_below_the_wanted_one_is_not_promoted():
    gate = Gate(min_gain=0.9, max_loss=0.05, first_min_auc=0.6)
    decided = compare(scored(1.0), scored(2.5), gate, **OPTIONS)
    assert not decided.promote
    assert "not above .900" in decided.reason


def test_an_earthquake_with_few_pictures_is_not_judged_alone():
    kept = np.array([position for position in range(300) if not 54 <= position < 90])  # 4 damaged of Ecuador
    champion = scored({"2015-nepal": 1.0, "2016-ecuador": 3.0}, rows=kept)
    challenger = scored({"2015-nepal": 4.0, "2016-ecuador": 0.0}, rows=kept)
    decided = compare(champion, challenger, GATE, **OPTIONS)
    assert list(decided.figures["earthquakes"]) == ["2015-nepal"]
    assert decided.promote


def test_the_interval_is_paired():
    # Two models that err on the same pictures: alone, each figure is uncertain; their difference is not.
    champion = scored(1.0)
    better = champion.probability + 0.02 * champion.label * (1 - champion.probability)
    challenger = Predictions(
        champion.sha256, champion.label, better, champion.decision, champion.event, champion.source
    )
    low, high = compare(champion, challenger, GATE, **OPTIONS).figures["average_precision"]["gain_ci"]
    assert 0 < low < high < 0.05


def test_the_order_of_rows_does_not_matter():
    order = np.random.default_rng(1).permutation(300)
    plain = compare(scored(1.0), scored(2.0), GATE, **OPTIONS)
    shuffled = compare(scored(1.0), scored(2.0).take(order), GATE, **OPTIONS)
    assert plain == shuffled
    assert compare(scored(1.0).take(order), scored(2.0), GATE, **OPTIONS) == plain


def test_only_unseen_earthquakes_count():
    champion = scored({"2015-nepal": 6.0, "2016-ecuador": 1.0})  # it was trained on Nepal
    challenger = scored({"2015-nepal": 1.0, "2016-ecuador": 3.0})
    assert not compare(champion, challenger, GATE, **OPTIONS).promote
    decided = compare(champion, challenger, GATE, unseen_events=["2016-ecuador"], **OPTIONS)
    assert decided.promote
    assert decided.figures["n"] == 250
    assert list(decided.figures["earthquakes"]) == ["2016-ecuador"]
    assert "of 1 held-out earthquake;" in decided.reason


def test_nothing_unseen_is_a_reason_not_to_promote():
    for unseen in ([], ["1999-izmit"]):
        decided = compare(scored(1.0), scored(3.0), GATE, unseen_events=unseen, **OPTIONS)
        assert not decided.promote
        assert "nothing to compare on, 0 damaged and 200 other unseen pictures" in decided.reason
    empty = scored(1.0, rows=np.array([], dtype=int))
    assert not compare(empty, empty, GATE, **OPTIONS).promote
    assert not compare(None, empty, GATE, **OPTIONS).promote


def test_a_first_champion_needs_only_a_fair_auc():
    decided = compare(None, scored(2.0), GATE, **OPTIONS)
    assert decided.promote
    assert decided.figures["auc"] > 0.6
    assert "the first champion" in decided.reason
    assert "at least .600 needed" in decided.reason
    chance = compare(None, scored(0.0), GATE, **OPTIONS)
    assert not chance.promote
    assert "is below .600" in chance.reason


def test_a_first_champion_is_judged_on_unseen_earthquakes_only():
    challenger = scored({"2015-nepal": 6.0, "2016-ecuador": 0.0})
    assert compare(None, challenger, GATE, **OPTIONS).promote
    assert not compare(None, challenger, GATE, unseen_events=["2016-ecuador"], **OPTIONS).promote


def test_different_pictures_are_an_error_that_names_one():
    with pytest.raises(DataError, match=f"in only one, such as {0:064x}"):
        compare(scored(1.0), scored(2.0, rows=np.arange(1, 300)), GATE, **OPTIONS)
    with pytest.raises(DataError, match="different pictures"):
        compare(scored(1.0, rows=np.arange(0)), scored(2.0), GATE, **OPTIONS)


def test_different_labels_of_one_picture_are_an_error_that_names_it():
    challenger = scored(2.0)
    label = challenger.label.copy()
    label[3] = not label[3]
    other = Predictions(
        challenger.sha256, label, challenger.probability, challenger.decision, challenger.event,
        challenger.source,
    )  # fmt: skip
    with pytest.raises(DataError, match=f"{3:064x} has another label"):
        compare(scored(1.0), other, GATE, **OPTIONS)


def test_a_picture_that_is_listed_twice_is_compared_twice():
    rows = np.append(np.arange(300), [0, 0])
    decided = compare(scored(1.0, rows=rows), scored(2.5, rows=rows[::-1].copy()), GATE, **OPTIONS)
    assert decided.figures["n"] == 302


def test_chance_alone_rarely_promotes():
    promoted = sum(
        compare(scored(1.0, 2 * trial), scored(1.0, 2 * trial + 1), GATE, bootstrap=200, seed=trial).promote
        for trial in range(40)
    )
    assert promoted <= 4  # about 2.5 % are expected by the interval alone
