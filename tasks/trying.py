"""When a task that failed is tried again."""

from __future__ import annotations

from typing import Any

from quakelens.errors import BudgetReached, DataError, ModelError, SourceRefused, UsageError

_FINAL = (UsageError, DataError, ModelError, SourceRefused, BudgetReached)


def may_pass(_task: Any, _run: Any, state: Any) -> bool:
    """Whether another try can end otherwise, as after a fault of the network: not where a person must act first."""
    return not isinstance(state.result(raise_on_failure=False), _FINAL)
