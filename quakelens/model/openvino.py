"""OpenVINO, without what it tells its makers of its use."""

from __future__ import annotations

import sys
from typing import Any, cast


def load_openvino() -> Any:
    """The module `openvino`: import it by this only.

    By itself it sends an event to a web service at each import and conversion, with an identifier that it keeps in
    `~/intel`, and has no setting against that. The package that sends is optional to it: without, it sends nothing.
    """
    sys.modules.setdefault("openvino_telemetry", cast(Any, None))  # `import` fails for what is None there
    import openvino

    return openvino
