"""The edge of every flow: what its lines are about, and where they go."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar, get_type_hints

from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run

from quakelens.errors import QuakelensError
from quakelens.logs import ROOT, PlainLines, about, speak
from quakelens.secrecy import hide

P = ParamSpec("P")
R = TypeVar("R")


def told(work: Callable[P, R]) -> Callable[P, R]:
    """What quakelens logs while a flow runs is shown on the run's page and names the run and its earthquake.

    An error that is not of quakelens and whose message holds a secret is raised as one that does not: Prefect keeps
    the message of what ended a run.
    """
    parameters = signature(work)

    @wraps(work)
    def edge(*args: P.args, **kwargs: P.kwargs) -> R:
        _reach_the_page()
        given = parameters.bind(*args, **kwargs).arguments.get("earthquake")
        with about(earthquake=given and str(given), run=flow_run.id):
            try:
                return work(*args, **kwargs)
            except QuakelensError:
                raise
            except Exception as error:
                if hide(str(error)) == str(error):
                    raise
                raise QuakelensError(f"{type(error).__name__}: {error}") from None

    # Prefect looks up the names of types in the module of what it is given, which is this one.
    edge.__signature__ = signature(work, eval_str=True)  # type: ignore[attr-defined]
    edge.__annotations__ = get_type_hints(work)
    return edge


def _reach_the_page() -> None:
    if "PREFECT__FLOW_RUN_ID" in os.environ:  # a process of its own that a worker started: nobody else lets it speak
        speak()
    logger = logging.getLogger(ROOT)
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    # PREFECT_LOGGING_EXTRA_LOGGERS may have put one there.
    if not any(isinstance(handler, APILogHandler) for handler in logger.handlers):
        handler = APILogHandler()
        handler.addFilter(lambda _: bool(FlowRunContext.get() or TaskRunContext.get()))
        handler.setFormatter(PlainLines())
        logger.addHandler(handler)
