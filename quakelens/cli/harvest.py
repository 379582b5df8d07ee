"""`quakelens harvest`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from quakelens.terminal import echo, json_text

if TYPE_CHECKING:
    from quakelens.harvest.plan import Plan
    from quakelens.params import Params
    from quakelens.settings import Settings, Workspace


@click.command("harvest")
@click.argument("earthquake")
@click.option(
    "--source", "sources", multiple=True, metavar="NAME", help="x, bluesky, mastodon or archive:PATH; more than once "
    "for several. Default: QUAKELENS_SOURCES, else all that the settings give access to."
)  # fmt: skip
@click.option("--model", "ref", default="champion", show_default=True, help="champion, starter or a version.")
@click.option("--dry-run", is_flag=True, help="Print the queries, and what they are expected to cost; harvest nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
def command(earthquake: str, sources: tuple[str, ...], ref: str, dry_run: bool, as_json: bool) -> None:
    """Harvest and score the posts of EARTHQUAKE: an id of the USGS or the EMSC, or a GeoJSON file with one feature."""
    from quakelens.orchestration import load_flow, speak
    from quakelens.params import read_params
    from quakelens.settings import read_settings, workspace_of
    from quakelens.sources.available import chosen, open_source

    settings = read_settings()
    workspace = workspace_of(settings)
    params = read_params(workspace.params)  # a wrong key is said before anything is asked
    names = sources or chosen(settings)
    if dry_run:
        _show_plans(_plans(earthquake, names, settings, workspace, params), as_json=as_json)
        return
    for name in names:
        open_source(name, settings, params.harvest)  # what is missing is said before a server is started
    speak()
    summary = load_flow("harvest_and_score", workspace)(earthquake, sources=names, model=ref)
    if as_json:
        click.echo(json.dumps(summary.as_dict()))
        return
    for key, value in summary.as_dict().items():
        echo(f"{key:>16}  {value}")


def _plans(
    earthquake: str, names: tuple[str, ...], settings: Settings, workspace: Workspace, params: Params
) -> tuple[str, list[Plan]]:
    from datetime import UTC, datetime

    from quakelens.earthquakes.about import fetch_details, needs_detail, subject
    from quakelens.earthquakes.resolve import resolve
    from quakelens.errors import SourceError
    from quakelens.harvest.asking import Stopped
    from quakelens.harvest.plan import plan
    from quakelens.settings import store_url_of
    from quakelens.sources.available import open_source
    from quakelens.store import earthquakes, open_store
    from quakelens.store.charges import Budget

    now = datetime.now(UTC)
    store = open_store(store_url_of(settings, workspace))
    found = resolve(earthquake, store, settings)
    earthquakes.save(store, found, now)
    if needs_detail(store, found, now):
        for problem in fetch_details(store, [found], settings, now).problems:
            echo(problem, err=True)
    topic = subject(store, found, params.harvest)
    budget = Budget(settings.budget_earthquake_usd, settings.budget_day_usd)
    plans = []
    for name in names:
        source = open_source(name, settings, params.harvest)
        try:
            plans.append(
                plan(store, source, found, source.queries(topic), params.harvest, budget, now)
            )  # fmt: skip
        except Stopped as stop:
            raise SourceError(str(stop)) from stop
    return found.title, plans


def _show_plans(planned: tuple[str, list[Plan]], *, as_json: bool) -> None:
    title, plans = planned
    if as_json:
        value: dict[str, Any] = {
            "earthquake": title,
            "sources": [
                {
                    "source": each.source,
                    "queries": [{"query": one.query, "posts": one.posts, "usd": one.usd} for one in each.queries],
                    "expected_posts": each.posts, "expected_usd": each.usd, "max_usd": each.max_usd,
                }
                for each in plans
            ],
        }  # fmt: skip
        click.echo(json_text(value))
        return
    echo(title)
    for each in plans:
        echo(f"{each.source}: {len(each.queries)} queries")
        for one in each.queries:
            told = "" if one.posts is None else f"{one.posts:>8,} posts  {one.usd:>8.2f} USD  "
            echo(f"  {told}{one.query}")
        expected = "" if each.usd is None else f"about {each.posts:,} posts for {each.usd:.2f} US dollars, "
        echo(f"  {expected}never more than {each.max_usd:.2f} US dollars")
