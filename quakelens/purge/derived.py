"""Taking pictures out of what was derived from the labelled data: tables, features, sheets of pictures.

The next retraining makes all of it anew, as the data has changed; until then nothing of a removed picture is left.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from quakelens.errors import QuakelensError
from quakelens.files import write_atomically
from quakelens.settings import Workspace

SHEET = "worst_mistakes.png"
"""Shows pictures; all other plots show curves and counts."""

NAMED_BY = 16
"""Digits of its sha256 by which a labelled picture's file is named."""


def remove_derived(workspace: Workspace, artifacts: Sequence[Path], sha256s: Collection[str]) -> int:
    """Remove rows, features and sheets of some pictures from the pipeline's outputs and MLflow's artifacts.

    Args:
        workspace: Of the pipeline.
        artifacts: Folders of MLflow's artifacts.
        sha256s: Of the pictures.

    Returns:
        How many files changed or went.
    """
    folders = (workspace.prepared, workspace.features, workspace.trained, workspace.evaluated, *artifacts)
    changed = 0
    for table in _found(folders, "*.csv"):
        text = _without_rows(table.read_text(encoding="utf-8", errors="replace"), sha256s)
        if text is None:
            continue
        for sheet in table.parent.rglob(SHEET):  # first: only the table tells whose pictures it shows
            sheet.unlink()
            changed += 1
        _write(table, text.encode())
        changed += 1
    for summary in _found(folders, "prepare.json"):
        changed += _without_warnings(summary, sha256s)
    for features in (*_found(folders, "*.npz"), *(workspace.cache / "features").glob("*.npz")):
        changed += _without_features(features, sha256s)
    return changed


def mentions(name: str, content: bytes, sha256s: Collection[str]) -> bool:
    """Whether a file of the pipeline, by name and content, holds something of one of some pictures."""
    if name.endswith(".npz"):
        known = _sha256s_of(io.BytesIO(content))
        return not known.isdisjoint(sha256s)
    if name.endswith((".csv", ".json")):
        return any(each.encode() in content or each[:NAMED_BY].encode() in content for each in sha256s)
    return False


def _found(folders: Sequence[Path], pattern: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.rglob(pattern) if path.is_file())


def _without_rows(text: str, sha256s: Collection[str]) -> str | None:
    """A table without the rows of some pictures, and without their names in other rows; None if it has none."""
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if rows.fieldnames is None or "sha256" not in rows.fieldnames:
        return None
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, rows.fieldnames, lineterminator="\n")
    writer.writeheader()
    changed = False
    for row in rows:
        if row["sha256"] in sha256s:
            changed = True
            continue
        kept = {name: "" if value in sha256s else value for name, value in row.items() if name is not None}
        changed = changed or kept != row
        writer.writerow(kept)
    return out.getvalue() if changed else None


def _without_warnings(summary: Path, sha256s: Collection[str]) -> bool:
    content = summary.read_bytes()
    if not mentions(summary.name, content, sha256s):
        return False
    value = json.loads(content)
    names = [each[:NAMED_BY] for each in sha256s]
    value["warnings"] = [each for each in value["warnings"] if not any(name in each for name in names)]
    _write(summary, (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())
    return True


def _without_features(path: Path, sha256s: Collection[str]) -> bool:
    import numpy as np

    if _sha256s_of(path).isdisjoint(sha256s):
        return False
    with np.load(path, allow_pickle=False) as saved:
        kept = np.array([str(each) not in sha256s for each in saved["sha256"]])
        names, values = saved["sha256"][kept], saved["values"][kept]
    with write_atomically(path) as file:
        np.savez(file, sha256=names, values=values)
    return True


def _sha256s_of(file: Path | io.BytesIO) -> set[str]:
    import numpy as np

    try:
        with np.load(file, allow_pickle=False) as saved:
            return {str(each) for each in saved["sha256"]} if "sha256" in saved else set()
    except (OSError, ValueError) as error:
        raise QuakelensError(f"features cannot be read ({error}): delete {file} and run `quakelens retrain`") from error


def _write(path: Path, content: bytes) -> None:
    with write_atomically(path) as file:
        file.write(content)
