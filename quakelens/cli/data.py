"""`quakelens data`: labelled pictures."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quakelens.dataset.manifest import place
from quakelens.terminal import cell, echo, json_text

if TYPE_CHECKING:
    from quakelens.dataset.add_report import AddReport, Conflict, Count, NearDuplicate, OtherEvent, Unreadable
    from quakelens.dataset.forms.read import Form

SHOWN = 10
MOST = 30


@click.group("data")
def command() -> None:
    """Labelled pictures: one folder an earthquake, versioned by DVC."""


@command.command("add")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["manifest", "crisismmd", "asonam17", "folders"]),
    help="What PATH is; it is recognised by what it holds.",
)
@click.option(
    "--event", default="", help="What pictures in PATH/damaged and PATH/not_damaged show, such as 2015-nepal."
)
@click.option("--source", default="", help="Where pictures sorted into folders come from; else the name of PATH.")
@click.option("--relabel", is_flag=True, help="Replace the labels of pictures that are there already.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def add_command(path: Path, form: Form | None, event: str, source: str, relabel: bool, as_json: bool) -> None:
    """Add the labelled pictures of PATH, track and push them with DVC.

    PATH is a CSV with image,label,event,source, or the folder of CrisisMMD v2, of ASONAM17, or of pictures sorted
    into EARTHQUAKE/damaged and EARTHQUAKE/not_damaged.
    """
    from quakelens.dataset.collect import collect
    from quakelens.dataset.forms.read import Options
    from quakelens.params import read_params
    from quakelens.progress import progress
    from quakelens.settings import read_settings, workspace_of
    from quakelens.versioning import initialise

    settings = read_settings()
    workspace = workspace_of(settings)
    initialise(workspace, settings)
    params = read_params(workspace.params)
    options = Options(form=form, event=event, source=source)
    with progress("adding") as report:
        added = collect(workspace, params, path, options=options, relabel=relabel, on_progress=report)
    if as_json:
        click.echo(json_text(added.as_json()))
    else:
        _show(added)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def list_command(as_json: bool) -> None:
    """Count the labelled pictures by earthquake."""
    from quakelens.dataset.check import summary
    from quakelens.settings import read_settings, workspace_of

    rows = summary(workspace_of(read_settings()).labelled)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("earthquake", "damaged", "not damaged", "out of figures", "sources")
    for row in rows:
        table.add_row(cell(row.event), str(row.damaged), str(row.not_damaged), str(row.grouped), str(row.sources))
    Console().print(table if rows else "no labelled pictures yet: `quakelens data add PATH`")


@command.command("check")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def check_command(ctx: click.Context, as_json: bool) -> None:
    """Read every labelled picture again and name what is missing, changed or unreadable. Exit code 4 if any."""
    from quakelens.dataset.check import check
    from quakelens.params import read_params
    from quakelens.progress import progress
    from quakelens.settings import read_settings, workspace_of

    workspace = workspace_of(read_settings())
    params = read_params(workspace.params)
    with progress("checking") as report:
        found = check(workspace.labelled, max_pixels=params.media.max_pixels, on_progress=report)
    if as_json:
        click.echo(json_text(asdict(found)))
    else:
        for fault in found.faults:
            echo(f"{fault.path}: {fault.what}")
        echo(f"{found.pictures} pictures, {len(found.faults)} faults")
    ctx.exit(4 if found.faults else 0)


def _show(added: AddReport) -> None:
    _table("earthquake", [(count.event, count) for count in added.counts])
    _table("source", [(count.source, count) for count in added.counts])
    echo(f"{added.added} added, {added.already} were there, {added.replaced} relabelled")
    if added.unlabelled:
        echo(f"{added.unlabelled} rows say nothing about damage and were left out")
    _list("rows cannot be used", [str(problem) for problem in added.bad_rows])
    _list("pictures cannot be read", [f"{_at(bad)}{bad.image}: {bad.message}" for bad in added.unreadable])
    _list(
        "pictures have two labels; the first stays (--relabel replaces it)",
        [f"{_at(other)}{other.image}: {other.kept} stays, {other.given} was given" for other in added.conflicts],
    )
    _list(
        "pictures are under another earthquake already, where they stay",
        [f"{_at(other)}{other.image}: {other.kept} stays, {other.given} was given" for other in added.other_events],
    )
    pairs = added.near_duplicates
    across = [pair for pair in pairs if pair.across]
    if pairs:
        click.echo(
            f"{len(pairs)} pairs of near-duplicates, kept together by `prepare`: {len(pairs) - len(across)} within an "
            f"earthquake, {len(across)} across"
        )
    _list("near-duplicates across earthquakes: one of each pair may be misattributed", [_pair(pair) for pair in across])
    _list(
        "near-duplicates with different labels: `prepare` leaves both out until one label is corrected",
        [_pair(pair) for pair in pairs if pair.conflicting],
    )


def _at(row: Unreadable | Conflict | OtherEvent) -> str:
    where = place(row.file, row.line)
    return f"{where}: " if where else ""


def _pair(pair: NearDuplicate) -> str:
    other = f"{pair.other_sha256[:16]} ({pair.other_event}, {pair.other_label})"
    return f"{pair.image} ({pair.event}, {pair.label}) looks like {other}"


def _table(by: str, counts: list[tuple[str, Count]]) -> None:
    from rich.console import Console
    from rich.table import Table

    totals: dict[str, Counter[str]] = defaultdict(Counter)
    for name, count in counts:
        totals[name]["kept apart" if count.group else count.label] += count.pictures
    table = Table(by, "damaged", "not damaged", "kept apart")
    shown = sorted(totals, key=lambda name: (-totals[name].total(), name))[:MOST]
    for name in shown:
        table.add_row(cell(name), *(str(totals[name][kind]) for kind in ("damaged", "not_damaged", "kept apart")))
    Console().print(table)
    if len(totals) > len(shown):
        echo(f"and {len(totals) - len(shown)} more (--json lists all)")


def _list(what: str, lines: list[str]) -> None:
    if not lines:
        return
    echo(f"{len(lines)} {what}:")
    for line in lines[:SHOWN]:
        echo(f"  {line}")
    if len(lines) > SHOWN:
        echo(f"  and {len(lines) - SHOWN} more (--json lists all)")
