"""Reading labelled data of any form that is known, recognised by what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from quakelens.dataset.forms import asonam17, crisismmd, folders
from quakelens.dataset.labelled import TABLE
from quakelens.dataset.manifest import Manifest, read_manifest
from quakelens.errors import DataError

Form = Literal["manifest", "crisismmd", "asonam17", "folders"]
FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True, slots=True)
class Options:
    """What is said of labelled data beside its path.

    Attributes:
        form: One of `FORMS`; None to look.
        event: What pictures in folders by class show; empty where the folders say so.
        source: Where pictures in folders come from; empty for the name of the folder.
    """

    form: Form | None = None
    event: str = ""
    source: str = ""


def read_labels(path: Path, options: Options = Options()) -> Manifest:
    """Read a manifest, CrisisMMD v2, ASONAM17, or folders by class.

    Raises:
        DataError: The path does not exist, is of none of the forms, or its form cannot be read; or `event` or
            `source` are given for a form that says them itself.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist: give a labelled manifest (CSV) or the folder of a data set")
    form = options.form or form_of(path)
    if form != "folders" and (options.event or options.source):
        raise DataError(f"{path} is of the form {form}, which says event and source itself: leave both options out")
    match form:
        case "crisismmd":
            return crisismmd.read(path)
        case "asonam17":
            return asonam17.read(path)
        case "folders":
            return folders.read(path, options.event, options.source)
    return read_manifest(path / TABLE if path.is_dir() else path)


def form_of(path: Path) -> Form:
    """Which form a file or folder is of, by what it holds.

    Raises:
        DataError: A folder is of none.
    """
    if path.is_dir() and (path / TABLE).is_file():
        return "manifest"
    if crisismmd.lists_in(path):
        return "crisismmd"
    if asonam17.lists_in(path):
        return "asonam17"
    if folders.is_form(path):
        return "folders"
    if path.is_dir():
        raise DataError(
            f"{path} holds no {TABLE}, no lists of CrisisMMD v2 or ASONAM17, and no folders damaged and not_damaged: "
            "give the folder that does, or say what it is with --format"
        )
    return "manifest"
