"""What MLflow loads for a registered version: a pyfunc from code, with the bundle as its artifact.

MLflow runs this file when it logs and when it loads a version. Nothing is unpickled.
"""

from pathlib import Path

import mlflow
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class ServedModel(PythonModel):
    """From `(N, size, size, 3) uint8` pictures to probabilities of damage `(N,) float64`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the bundle, its hashes checked."""
        from quakelens.engine import Engine

        self.engine = Engine.open(Path(context.artifacts["bundle"]), version="registered")

    # MLflow reads type hints of `predict` as a schema of its own kind; ours is the logged signature.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Probabilities of preprocessed pictures; the signature refuses any other shape or dtype."""
        return self.engine.run(model_input)[0]


mlflow.models.set_model(ServedModel())
