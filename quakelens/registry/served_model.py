"""What MLflow loads for a registered version: a pyfunc from code, with the bundle as its artifact.

MLflow runs this file when it logs and when it loads a version. Nothing is unpickled.
"""

from pathlib import Path

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class ServedModel(PythonModel):
    """From whole picture files to probabilities of damage and decisions, a row each."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the bundle, its hashes checked."""
        from quakelens.engine import Engine

        self.engine = Engine.open(Path(context.artifacts["bundle"]), version="registered")

    # MLflow reads type hints of `predict` as a schema of its own kind; ours is the logged signature.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """From a table with the column `image` (bytes) to one with `probability`, `decision` and `error`."""
        verdicts = self.engine.score(list(model_input["image"]))
        rows = [(verdict.probability, verdict.decision, verdict.error) for verdict in verdicts]
        return pd.DataFrame(rows, columns=["probability", "decision", "error"])


mlflow.models.set_model(ServedModel())
