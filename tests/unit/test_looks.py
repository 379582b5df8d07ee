"""Two looks: which pictures get the second, and what both say together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quakelens.evaluation.choosing import choose
from quakelens.model.bundle import Thresholds
from quakelens.model.decisions import decide
from quakelens.model.heads import read_heads, save_heads
from quakelens.model.looks import choose_second_look_from, combine
from quakelens.model.training import Head
from quakelens.params import Decision

DECISION = Decision(second_look_miss_rate=0.02, precision=0.9, prevalence=0.1, miss_rate=0.05)


def test_the_second_look_counts_where_the_first_says_it_may_be_damage() -> None:
    first, second = np.array([-3.0, -1.0, 0.0, 2.0]), np.array([9.0, 1.0, -4.0, np.nan])
    assert combine(first, second, -1.0).tolist() == [-3.0, 0.0, -2.0, 2.0]
    assert combine(first, None, None).tolist() == first.tolist()


@given(
    st.lists(st.tuples(st.floats(-9, 9), st.booleans()), min_size=2).filter(lambda rows: any(row[1] for row in rows)),
    st.floats(0, 0.5),
)
def test_no_more_damaged_pictures_than_allowed_get_no_second_look(rows: list[tuple[float, bool]], rate: float) -> None:
    first, damaged = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    limit = choose_second_look_from(first, damaged, rate)
    assert np.sum(first[damaged] < limit) <= rate * damaged.sum() + 1e-6
    higher = first[damaged][first[damaged] > limit]
    if higher.size:  # the limit could not be any higher
        assert np.sum(first[damaged] < higher.min()) > rate * damaged.sum() - 1e-6


def test_a_second_look_that_errs_elsewhere_helps() -> None:
    rng = np.random.default_rng(0)
    damaged = np.arange(2000) < 200
    first, second = (rng.normal(np.where(damaged, 3, -3), 2) for _ in range(2))
    alone, both = (
        choose(logits, damaged, DECISION) for logits in ({"first": first}, {"first": first, "second": second})
    )
    assert alone.second_look_from is None
    assert both.second_look_from is not None
    assert 0.1 < np.mean(first >= both.second_look_from) < 0.9
    assert both.expected["recall"] > alone.expected["recall"] + 0.1
    probability = both.probability({"first": first, "second": second})
    thresholds = Thresholds(**both.thresholds.model_dump())
    flagged = np.array([decide(float(p), thresholds) == "damaged" for p in probability])
    assert flagged[damaged].mean() == pytest.approx(both.expected["recall"])


def test_heads_are_kept_to_the_bit(tmp_path) -> None:  # type: ignore[no-untyped-def]
    heads = {
        name: Head(np.random.default_rng(i).normal(size=5).astype(np.float32), 0.1 + i) for i, name in enumerate("ab")
    }
    save_heads(tmp_path / "heads", heads)
    for name, head in read_heads(tmp_path / "heads").items():
        assert np.array_equal(head.weight, heads[name].weight)
        assert head.bias == heads[name].bias
