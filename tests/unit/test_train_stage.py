"""The stage `train` on prepared pictures: what only helps is learnt from, told of, and never judged."""

import csv

import numpy as np
import pytest
from drawn import write_csv
from test_prepare import PARAMS

from quakelens.evaluation.tables import read_predictions
from quakelens.stages import train
from quakelens.stages.pictures import TABLE, read_pictures
from quakelens.stages.train import OUT_OF_FOLD, read_decisions

NEVER = {"duplicate_of": "", "group": "", "reason": "", "cluster": "", "cannot_show": ""}


@pytest.fixture
def prepared(tmp_path):
    rows = []
    for fold in ("2015-nepal", "2017-mexico", "sources-1"):
        for number in range(20):
            label = "damaged" if number % 2 and fold != "sources-1" else "not_damaged"
            event = "none" if fold == "sources-1" else fold
            row = {"label": label, "event": event, "source": fold, "split": "train", "fold": fold, "not_for": ""}
            rows.append(row)
    for number in range(8):
        row = {"label": "damaged", "event": "unknown", "source": "web", "split": "train", "fold": ""}
        rows.append(row | {"not_for": "2015-nepal 2017-mexico" if number else ""})
    rows.append(rows[0] | {"split": "left_out", "fold": "", "reason": "group"})
    rows = [NEVER | row | {"sha256": f"{n:064x}", "path": f"x/{n}.jpg"} for n, row in enumerate(rows)]
    write_csv(tmp_path / "prepared" / TABLE, rows)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(len(rows), 6)).astype(np.float32)
    values[:, 0] += [3 * (row["label"] == "damaged") for row in rows]
    (tmp_path / "features").mkdir()
    for look in ("first", "second"):
        np.savez(tmp_path / "features" / f"{look}.npz", sha256=[row["sha256"] for row in rows], values=values)
    return tmp_path


def test_what_a_picture_is_not_for_is_read(prepared):
    pictures = read_pictures(prepared / "prepared")
    assert len(pictures) == 68
    assert [picture.not_for for picture in pictures[60:62]] == [frozenset(), {"2015-nepal", "2017-mexico"}]


def test_pictures_that_help_are_told_of_and_never_judged(prepared):
    train.run(prepared / "prepared", prepared / "features", prepared / "out", PARAMS)
    told = read_decisions(prepared / "out").trained_on
    assert (told.pictures, told.damaged, told.earthquakes) == (68, 28, ("2015-nepal", "2017-mexico"))
    assert "web" in told.sources
    predictions = read_predictions(prepared / "out" / OUT_OF_FOLD)
    assert len(predictions.sha256) == 60 and "unknown" not in predictions.event


def test_out_of_fold_predictions_heed_what_pictures_are_not_for(prepared):
    train.run(prepared / "prepared", prepared / "features", prepared / "out", PARAMS)
    heeded = read_predictions(prepared / "out" / OUT_OF_FOLD).probability
    table = prepared / "prepared" / TABLE
    with table.open(newline="") as file:
        write_csv(table, [row | {"not_for": ""} for row in csv.DictReader(file)])
    train.run(prepared / "prepared", prepared / "features", prepared / "loose", PARAMS)
    assert not np.allclose(heeded, read_predictions(prepared / "loose" / OUT_OF_FOLD).probability)
