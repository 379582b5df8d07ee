"""What MLflow loads for a registered version: a pyfunc from code, with the bundle as its artifact.

MLflow runs this file when it logs and when it loads a version. Nothing is unpickled.
"""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.pyfunc import PythonModel, PythonModelContext
from numpy.typing import NDArray


class ServedModel(PythonModel):  # type: ignore[misc]
    """From `(N, size, size, 3) uint8` pictures to probabilities of damage `(N,) float64`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the bundle, its hashes checked."""
        from quakelens.engine import Engine

        self.engine = Engine.open(Path(context.artifacts["bundle"]), version="registered")

    def predict(
        self, context: PythonModelContext, model_input: NDArray[np.uint8], params: dict[str, Any] | None = None
    ) -> NDArray[np.float64]:
        """Probabilities of preprocessed pictures; the signature refuses any other shape or dtype."""
        return self.engine.run(model_input)[0]


mlflow.models.set_model(ServedModel())
