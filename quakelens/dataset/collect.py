"""Adding labelled pictures and versioning them: what `quakelens data add` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quakelens import versioning
from quakelens.dataset.add import add
from quakelens.dataset.add_report import AddReport
from quakelens.dataset.forms.read import Options
from quakelens.dataset.labelled import events
from quakelens.params import Params
from quakelens.settings import Workspace


def collect(
    workspace: Workspace,
    params: Params,
    path: Path,
    *,
    options: Options = Options(),  # noqa: B008
    relabel: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> AddReport:
    """Add labelled pictures, put every earthquake's folder under DVC, and push it to the remote.

    Killed halfway and run again, it completes.

    Raises:
        DataError: Nothing of it can be used.
        Busy: Another process changes the data for too long.
        PipelineError: DVC failed.
    """
    report = add(
        path,
        workspace.labelled,
        max_pixels=params.media.max_pixels,
        duplicates=params.duplicates,
        options=options,
        relabel=relabel,
        on_progress=on_progress,
    )
    versioning.track(workspace, [workspace.labelled / event for event in events(workspace.labelled)])
    versioning.push(workspace)
    return report
