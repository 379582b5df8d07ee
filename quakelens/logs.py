"""What quakelens says of its work: lines for people, or one JSON object a line for machines (QUAKELENS_LOG=json).

Which earthquake and which run a line is about is kept in context variables. They are set at a flow's edge and go with
a copied context into threads; `context` and `about` take them into another process.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from quakelens.secrecy import hide
from quakelens.terminal import visible

ROOT = "quakelens"
FORMS = ("text", "json")

_earthquake: ContextVar[str | None] = ContextVar("quakelens_earthquake", default=None)
_run: ContextVar[str | None] = ContextVar("quakelens_run", default=None)


def context() -> dict[str, str | None]:
    """What the lines of this context are about: `earthquake` and `run`, each None outside of one."""
    return {"earthquake": _earthquake.get(), "run": _run.get()}


@contextmanager
def about(earthquake: str | None = None, run: str | None = None) -> Iterator[None]:
    """Lines of this block are about an earthquake and a run; None leaves what is around it."""
    tokens = (_earthquake.set(earthquake or _earthquake.get()), _run.set(run or _run.get()))
    try:
        yield
    finally:
        _earthquake.reset(tokens[0])
        _run.reset(tokens[1])


def now_about(earthquake: str) -> None:
    """As `about`, from here to the end of the block of `about` around it: once an earthquake's own id is known."""
    _earthquake.set(earthquake)


class JsonLines(logging.Formatter):
    """One object a line: `time` (UTC), `level`, `logger`, `message`, `earthquake`, `run`, `error`, `traceback`.

    `error` is the type of the exception that the line tells of, and null elsewhere.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, in ASCII: nothing in it can end it."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": hide(record.getMessage().strip()),
            "earthquake": getattr(record, "earthquake", None) or _earthquake.get(),
            "run": getattr(record, "run", None) or _run.get(),
            "error": _error_of(record),
        }
        if record.exc_info:
            told["traceback"] = hide("".join(traceback.format_exception(*record.exc_info)))
        return json.dumps(told)


class PlainLines(logging.Formatter):
    """The message alone, for people; further lines of it are indented, control characters written out."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, or several of one message."""
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return visible(hide(text))


def formatter() -> logging.Formatter:
    """The one that the environment asks for."""
    return JsonLines() if os.environ.get("QUAKELENS_LOG", "").strip().lower() == "json" else PlainLines()


def speak() -> None:
    """Show what quakelens says of its work on standard error."""
    logger = logging.getLogger(ROOT)
    if not any(isinstance(handler, _Spoken) for handler in logger.handlers):
        logger.addHandler(_Spoken())
    logger.propagate = False  # the root's handler, such as Prefect's, would say everything a second time
    logger.setLevel(logging.INFO)


def say(
    text: str, level: int = logging.INFO, *, error: BaseException | None = None, trace: bool = False, name: str = ROOT
) -> None:
    """Show one line on standard error, also where `speak` was not called; with the error's traceback if asked."""
    shown = (type(error), error, error.__traceback__) if error is not None and trace else None
    record = logging.LogRecord(name, level, "", 0, text, None, shown)
    if error is not None:
        record.error = type(error).__name__
    _Spoken().handle(record)


def relay(lines: str) -> str:
    """Log again what another process wrote as `JsonLines`; whatever else it wrote is returned."""
    rest = []
    for line in lines.splitlines():
        told = _read(line)
        if told is None:
            rest.append(line)
            continue
        level = logging.getLevelNamesMapping().get(str(told["level"]).upper(), logging.INFO)
        logger = logging.getLogger(str(told["logger"]))
        if logger.isEnabledFor(level):
            text = "\n".join(str(told[key]) for key in ("message", "traceback") if told.get(key))
            more = {"earthquake": told.get("earthquake"), "run": told.get("run"), "error": told.get("error")}
            logger.log(level, "%s", text, extra=more)
    return "\n".join(rest)


class _Spoken(logging.StreamHandler[Any]):
    """To the standard error of now: a test, or a caller, may have put another one in its place."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        self.setFormatter(formatter())
        self.stream = sys.stderr
        super().emit(record)


def _error_of(record: logging.LogRecord) -> str | None:
    named = getattr(record, "error", None)
    if named:
        return str(named)
    if record.exc_info and record.exc_info[0] is not None:
        return record.exc_info[0].__name__
    values = record.args if isinstance(record.args, tuple) else ()
    return next((type(value).__name__ for value in values if isinstance(value, BaseException)), None)


def _read(line: str) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) and {"level", "logger", "message"} <= told.keys() else None
