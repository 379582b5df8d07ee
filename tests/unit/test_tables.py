"""Predictions survive the way to a file and back."""

from pathlib import Path

import numpy as np
import pytest

from quakelens.errors import DataError
from quakelens.evaluation.predictions import Predictions
from quakelens.evaluation.tables import read_predictions, write_predictions


def predictions(n: int) -> Predictions:
    rng = np.random.default_rng(n)
    return Predictions(
        sha256=[f"{value:064x}" for value in rng.permutation(n)],
        label=rng.random(n) < 0.5,
        probability=rng.random(n).round(6),
        decision=[("damaged", "unsure", "not_damaged")[row % 3] for row in range(n)],
        event=["2015-nepal" if row % 2 else "none" for row in range(n)],
        source=['press, "local"' if row % 2 else "NA" for row in range(n)],
    )


@pytest.mark.parametrize("n", [0, 1, 30])
def test_there_and_back(tmp_path: Path, n: int) -> None:
    told = predictions(n)
    write_predictions(tmp_path / "p.csv", told)
    back = read_predictions(tmp_path / "p.csv")
    order = np.argsort(told.sha256)
    assert back.sha256 == sorted(told.sha256)
    assert back.label.tolist() == told.label[order].tolist()
    assert back.probability.tolist() == told.probability[order].tolist()
    assert back.source == [told.source[row] for row in order]
    write_predictions(tmp_path / "q.csv", told.take(np.random.default_rng(1).permutation(n)))
    assert (tmp_path / "q.csv").read_bytes() == (tmp_path / "p.csv").read_bytes()


def test_another_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="quakelens retrain"):
        read_predictions(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="columns a, b"):
        read_predictions(tmp_path / "other.csv")
