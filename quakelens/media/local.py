"""Pictures of an imported archive: files of this machine, within the same limits as those of a network."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from quakelens import images
from quakelens.depot import Depot, as_depot
from quakelens.errors import MediaError
from quakelens.media.download import Limits
from quakelens.media.fetch import Fetched, FetchFailure, FetchJob
from quakelens.media.keep import keep


def read_all(jobs: Iterable[FetchJob], place: Path | Depot, limits: Limits) -> Iterator[Fetched | FetchFailure]:
    """Copy files to where pictures are kept, one result a job, in their order.

    Args:
        jobs: With an absolute path as `url`. A path that leads over a symbolic link is refused: whoever made the
            archive could have it point anywhere.
        place: Where; of a path the folder.
        limits: Of bytes and pixels.

    Raises:
        OSError: A picture cannot be written.
    """
    depot = as_depot(place)
    for job in jobs:
        try:
            data = _read(job.url, limits.max_bytes)
            kept = keep(data, job.url, depot, max_pixels=limits.max_pixels, formats=images.FORMATS)
        except MediaError as error:
            yield FetchFailure(job.key, error.reason, str(error), error.final, datetime.now(UTC))
        else:
            yield Fetched(
                job.key, kept.sha256, kept.path, kept.bytes, kept.width, kept.height, kept.format,
                datetime.now(UTC),
            )  # fmt: skip


def _read(path: str, limit: int) -> bytes:
    """A file's content.

    Raises:
        MediaError: `gone`, `forbidden_address`, `unsupported`, `empty` or `too_large`.
    """
    try:
        if not Path(path).is_absolute() or os.path.realpath(path) != path:
            raise MediaError("forbidden_address", f"{path} leads over a symbolic link or upwards, and is not read")
        # Not blocking: a pipe in place of a file would wait for its other end.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise MediaError("unsupported", f"{path} is no file")
            data = file.read(limit + 1)
    except FileNotFoundError:
        # It may be put there yet.
        raise MediaError("gone", f"{path} is not there", final=False) from None
    except (OSError, ValueError) as error:
        raise MediaError("unsupported", f"{path} cannot be read: {error}", final=False) from None
    if not data:
        raise MediaError("empty", f"{path} is empty")
    if len(data) > limit:
        raise MediaError("too_large", f"{path} is larger than {limit:,} bytes")
    return data
