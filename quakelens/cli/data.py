"""`quakelens data`: labelled pictures."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from quakelens.dataset.add_report import AddReport

SHOWN = 10


@click.group("data")
def command() -> None:
    """Labelled pictures: one folder an earthquake, versioned by DVC."""


@command.command("add")
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--relabel", is_flag=True, help="Replace the labels of pictures that are there already.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def add_command(manifest: Path, relabel: bool, as_json: bool) -> None:
    """Add the pictures of MANIFEST (a CSV with image,label,event,source), track and push them with DVC."""
    from quakelens.dataset.collect import collect
    from quakelens.params import read_params
    from quakelens.progress import progress
    from quakelens.settings import read_settings, workspace_of
    from quakelens.versioning import initialise

    settings = read_settings()
    workspace = workspace_of(settings)
    initialise(workspace, settings)
    params = read_params(workspace.params)
    with progress("adding") as report:
        added = collect(workspace, params, manifest, relabel=relabel, on_progress=report)
    if as_json:
        click.echo(json.dumps(asdict(added), ensure_ascii=False))
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
        table.add_row(row.event, str(row.damaged), str(row.not_damaged), str(row.grouped), str(row.sources))
    Console().print(table if rows else "no labelled pictures yet: `quakelens data add MANIFEST`")


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
        click.echo(json.dumps(asdict(found), ensure_ascii=False))
    else:
        for fault in found.faults:
            click.echo(f"{fault.path}: {fault.what}")
        click.echo(f"{found.pictures} pictures, {len(found.faults)} faults")
    ctx.exit(4 if found.faults else 0)


def _show(added: AddReport) -> None:
    from rich.console import Console
    from rich.table import Table

    counts: Counter[tuple[str, str]] = Counter()
    for count in added.counts:
        counts[count.event, count.label] += count.pictures
    table = Table("earthquake", "damaged", "not damaged")
    for event in sorted({event for event, _ in counts}):
        table.add_row(event, str(counts[event, "damaged"]), str(counts[event, "not_damaged"]))
    Console().print(table)
    click.echo(f"{added.added} added, {added.already} were there, {added.replaced} relabelled")
    _list("rows cannot be used", [str(problem) for problem in added.bad_rows])
    _list("pictures cannot be read", [f"{bad.image}: {bad.message}" for bad in added.unreadable])
    _list(
        "pictures have two labels; the first stays (--relabel replaces it)",
        [f"{other.image}: {other.kept} stays, {other.given} was given" for other in added.conflicts],
    )
    _list(
        "pictures are under another earthquake already, where they stay",
        [f"{other.image}: {other.kept}" for other in added.other_events],
    )
    across = [pair for pair in added.near_duplicates if pair.across]
    if added.near_duplicates:
        click.echo(f"{len(added.near_duplicates)} near-duplicates, kept together by `prepare`")
    _list(
        "near-duplicates across earthquakes: one of each pair may be misattributed",
        [f"{pair.image} ({pair.event}) looks like {pair.other_sha256[:16]} ({pair.other_event})" for pair in across],
    )


def _list(what: str, lines: list[str]) -> None:
    if not lines:
        return
    click.echo(f"{len(lines)} {what}:")
    for line in lines[:SHOWN]:
        click.echo(f"  {line}")
    if len(lines) > SHOWN:
        click.echo(f"  and {len(lines) - SHOWN} more (--json lists all)")
