"""Predictions as a CSV file, one row a picture."""

from __future__ import annotations

from pathlib import Path

from quakelens.errors import DataError
from quakelens.evaluation.predictions import Predictions
from quakelens.files import write_atomically

COLUMNS = ("sha256", "label", "probability", "decision", "event", "source")


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write predictions, sorted by sha256, probabilities with six decimals."""
    import pandas as pd

    frame = pd.DataFrame({name: getattr(predictions, name) for name in COLUMNS})
    frame["label"] = frame["label"].map({True: "damaged", False: "not_damaged"})
    text = frame.sort_values("sha256").to_csv(index=False, float_format="%.6f", lineterminator="\n")
    with write_atomically(path) as file:
        file.write(text.encode())


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote.

    Raises:
        DataError: The file is missing or has other columns.
    """
    import pandas as pd

    try:
        # Nothing is guessed: a hash of digits only stays text, and a source may be called NA.
        types = dict.fromkeys(COLUMNS, str) | {"probability": float}
        frame = pd.read_csv(path, keep_default_na=False, dtype=types)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}): run `quakelens retrain`") from error
    if tuple(frame.columns) != COLUMNS:
        raise DataError(f"{path} has columns {', '.join(frame.columns)}, not {', '.join(COLUMNS)}")
    return Predictions(
        sha256=frame["sha256"].tolist(),
        label=(frame["label"] == "damaged").to_numpy(),
        probability=frame["probability"].to_numpy(),
        decision=frame["decision"].tolist(),
        event=frame["event"].tolist(),
        source=frame["source"].tolist(),
    )
