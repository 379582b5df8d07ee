"""`quakelens status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from quakelens.terminal import cell, json_text, visible

if TYPE_CHECKING:
    from rich.text import Text

    from quakelens.status import EarthquakeStatus, Status


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(as_json: bool) -> None:
    """How things stand: earthquakes, last polls, what waits, cost of today, the champion, problems.

    A store or a registry that cannot be reached is told as a problem, and the exit code is that of its error.
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    from quakelens.settings import read_settings, workspace_of
    from quakelens.status import look_up

    settings = read_settings()
    found, code = look_up(workspace_of(settings), settings, datetime.now(UTC))
    if as_json:
        click.echo(json_text(asdict(found), default=datetime.isoformat))
    else:
        _show(found)
    if code:
        raise SystemExit(code)


def _show(found: Status) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if found.earthquakes:
        names = ("earthquake", "last run", "posts", "pictures", "waiting", "flagged", "USD", "next poll")
        table = Table(*names, title="Earthquakes of the last days that are due")
        for own in found.earthquakes:
            table.add_row(*_row(own))
        console.print(table)
    else:
        console.print("no earthquake of the last days is due")
    console.print(
        f"{found.not_due} others not due; {found.usd_today:.2f} of {found.usd_a_day:g} USD spent today; "
        f"model: {found.model}"
    )
    for problem in found.problems:
        console.print(f"problem: {visible(problem)}", style="red", markup=False, highlight=False)
    if not found.problems:
        console.print("no problems")


def _row(own: EarthquakeStatus) -> tuple[str | Text, ...]:
    coming = [poll.next_at for poll in own.polls if poll.next_at is not None]
    run = "never" if own.run is None or own.run_at is None else f"{own.run} {own.run_at:%d %b %H:%M}"
    return (
        cell(f"{own.title} ({own.id})"),
        run,
        f"{own.posts:,}",
        f"{own.pictures:,}",
        f"{own.to_fetch:,} + {own.to_score:,}",
        f"{own.flagged:,}",
        f"{own.usd:.2f}",
        f"{min(coming):%d %b %H:%M}" if coming else "none",
    )
