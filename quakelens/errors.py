"""Every error that quakelens raises on purpose.

    QuakelensError                exit code 1
    ├── UsageError                2   wrong command line, settings or params.yaml
    ├── DataError                 4   a manifest, a label, a split that cannot be used
    ├── ImageError                    one picture that cannot be read; becomes a row with a reason
    ├── FeedError                 5   an earthquake feed that cannot be read
    ├── SourceError               5   a network of posts that cannot be read
    │   ├── SourceUnavailable         passes by itself: retry with a pause
    │   ├── RateLimited               retry not before `reset_time`
    │   ├── SourceRefused             does not pass by itself: a person must act
    │   └── BudgetReached             the next request could cost more than is left
    ├── MediaError                    one picture that could not be fetched; becomes a row with a reason
    ├── ModelError                6   a model that cannot be loaded or used
    ├── RegistryError             6   a model reference that cannot be resolved
    ├── PipelineError             7   a stage or DVC failed
    ├── Busy                      8   another process holds the lock
    └── StorageError              9   the store's or the files' server cannot be reached
        └── DiskFull              9   no space is left

A message says what happened, to which item, and what to do next. It holds no secret of the settings, whatever a
server or a library said: see `quakelens.secrecy`.
"""

from __future__ import annotations

from datetime import datetime

from quakelens.secrecy import hide

ERROR_MARK = "quakelens: error: "
"""How the command line starts an error message; the pipeline finds a stage's message by it."""


class QuakelensError(Exception):
    """Base of every error raised on purpose; `exit_code` is what the command line ends with."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(hide(message))


class UsageError(QuakelensError):
    """The command line, an environment setting or params.yaml is wrong."""

    exit_code = 2


class DataError(QuakelensError):
    """Labelled data cannot be used as it is."""

    exit_code = 4


class ImageError(QuakelensError):
    """One picture cannot be read.

    `reason` is a stable word for tables: `missing`, `empty`, `not_an_image`, `truncated`,
    `too_large`, `unsupported`, `killed` (decoding it ends the process).
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class FeedError(QuakelensError):
    """An earthquake feed cannot be read."""

    exit_code = 5


class SourceError(QuakelensError):
    """A network of posts cannot be read."""

    exit_code = 5


class SourceUnavailable(SourceError):
    """The source failed in a way that passes: 5xx, a timeout, a cut connection.

    `charged` tells whether it may have charged for an answer that did not arrive, as after a cut connection.
    """

    def __init__(self, message: str, *, charged: bool = False) -> None:
        super().__init__(message)
        self.charged = charged


class RateLimited(SourceError):
    """The source's rate limit is spent; `reset_time` (UTC) is when it is renewed, if it said so."""

    def __init__(self, message: str, reset_time: datetime | None = None) -> None:
        super().__init__(message)
        self.reset_time = reset_time


class SourceRefused(SourceError):
    """The source refuses until a person acts: token, credits, access level, query."""


class BudgetReached(SourceError):
    """The budget of the earthquake or of the day does not allow the next request."""


class MediaError(QuakelensError):
    """One picture could not be fetched.

    `reason` is a stable word for tables: `forbidden_address`, `gone`, `too_large`, `timeout`,
    `http_status`, `network`, or one of `ImageError`'s. `final` is False where a later try may succeed.
    """

    def __init__(self, reason: str, message: str, *, final: bool = True) -> None:
        super().__init__(message)
        self.reason = reason
        self.final = final


class ModelError(QuakelensError):
    """A model cannot be loaded or was given input that it cannot take."""

    exit_code = 6


class RegistryError(QuakelensError):
    """A model reference cannot be resolved, or the registry cannot be reached."""

    exit_code = 6


class PipelineError(QuakelensError):
    """A DVC stage failed."""

    exit_code = 7


class StorageError(QuakelensError):
    """The server of the store, or that of the files, cannot be reached or refuses; what was stored stays."""

    exit_code = 9


class DiskFull(StorageError):
    """No space is left for what is to be written; nothing of it stays."""


class Busy(QuakelensError):
    """Another process holds a lock for longer than we are willing to wait."""

    exit_code = 8
