"""Predictions as a CSV file, one row a picture."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from quakelens.errors import DataError
from quakelens.evaluation.predictions import Predictions
from quakelens.files import write_atomically

COLUMNS = ("sha256", "label", "probability", "decision", "event", "source")


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write predictions, sorted by sha256, probabilities with six decimals."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in np.argsort(np.array(predictions.sha256, dtype=np.str_)):
        writer.writerow(
            (
                predictions.sha256[row],
                "damaged" if predictions.label[row] else "not_damaged",
                f"{predictions.probability[row]:.6f}",
                predictions.decision[row],
                predictions.event[row],
                predictions.source[row],
            )
        )
    with write_atomically(path) as file:
        file.write(table.getvalue().encode())


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote.

    Raises:
        DataError: The file is missing or has other columns.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise DataError(f"{path} is missing: run `quakelens retrain`") from None
    if rows and set(rows[0]) != set(COLUMNS):
        raise DataError(f"{path} has columns {', '.join(rows[0])}, not {', '.join(COLUMNS)}")
    return Predictions(
        sha256=[row["sha256"] for row in rows],
        label=np.array([row["label"] == "damaged" for row in rows], dtype=np.bool_),
        probability=np.array([float(row["probability"]) for row in rows]),
        decision=[row["decision"] for row in rows],
        event=[row["event"] for row in rows],
        source=[row["source"] for row in rows],
    )
