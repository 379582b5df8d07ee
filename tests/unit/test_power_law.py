"""The fit behind learning curves."""

import numpy as np
import pytest

from quakelens.errors import DataError
from quakelens.evaluation.power_law import PowerLaw, fit_power_law


def test_a_power_law_is_found_again_and_inverted() -> None:
    counts = np.array([7, 14, 28, 56])
    found = fit_power_law(counts, 0.9 * counts**-0.4)
    assert (found.factor, found.exponent) == (pytest.approx(0.9), pytest.approx(0.4))
    assert found.error(100) == pytest.approx(0.9 * 100**-0.4)
    assert found.count_for(found.error(300)) == pytest.approx(300)


def test_noise_moves_it_little() -> None:
    rng = np.random.default_rng(0)
    counts = np.repeat([10, 20, 40, 80, 160], 20)
    found = fit_power_law(counts, 2 * counts**-0.5 * np.exp(rng.normal(0, 0.1, len(counts))))
    assert found.exponent == pytest.approx(0.5, abs=0.05)
    assert found.count_for(2 * 1000**-0.5) == pytest.approx(1000, rel=0.3)


def test_where_pictures_do_not_help_no_number_is_enough() -> None:
    assert fit_power_law([10, 20, 40], [0.2, 0.21, 0.22]).count_for(0.1) == float("inf")
    assert PowerLaw(0.3, 0.0).count_for(0.1) == float("inf")
    assert PowerLaw(0.3, 1e-6).count_for(0.1) == float("inf")  # too many to be told from it


@pytest.mark.parametrize(
    ("counts", "errors", "told"),
    [
        ([10, 10], [0.2, 0.1], "two numbers of pictures"),
        ([10], [0.2], "two numbers of pictures"),
        ([10, 20], [0.2, 0.0], "above 0"),
        ([0, 20], [0.2, 0.1], "above 0"),
    ],
)
def test_what_cannot_be_fitted_is_refused(counts: list[int], errors: list[float], told: str) -> None:
    with pytest.raises(DataError, match=told):
        fit_power_law(counts, errors)
