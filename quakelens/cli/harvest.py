"""`quakelens harvest`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from quakelens.params import Harvest
    from quakelens.settings import Settings, Workspace


@click.command("harvest")
@click.argument("earthquake")
@click.option("--source", "sources", multiple=True, help="A network; more than once for several. Default: x.")
@click.option("--model", "ref", default="champion", show_default=True, help="champion, starter or a version.")
@click.option("--dry-run", is_flag=True, help="Print the queries and what they can cost at most; ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
def command(earthquake: str, sources: tuple[str, ...], ref: str, dry_run: bool, as_json: bool) -> None:
    """Harvest and score the posts of EARTHQUAKE: an id of the USGS, or a GeoJSON file with one feature."""
    from quakelens.orchestration import load_flow, speak
    from quakelens.params import read_params
    from quakelens.settings import read_settings, workspace_of
    from quakelens.sources.available import NAMES, open_source

    settings = read_settings()
    workspace = workspace_of(settings)
    params = read_params(workspace.params)  # a wrong key is said before anything is asked
    names = sources or NAMES
    if dry_run:
        _plan(earthquake, names, settings, workspace, params.harvest, as_json=as_json)
        return
    for name in names:
        open_source(name, settings)  # what is missing is said before a server is started
    speak()
    summary = load_flow("harvest_and_score", workspace)(earthquake, sources=names, model=ref)
    if as_json:
        click.echo(json.dumps(summary.as_dict()))
        return
    for key, value in summary.as_dict().items():
        click.echo(f"{key:>16}  {value}")


def _plan(
    earthquake: str,
    names: tuple[str, ...],
    settings: Settings,
    workspace: Workspace,
    harvest: Harvest,
    *,
    as_json: bool,
) -> None:
    from quakelens.earthquakes.resolve import resolve
    from quakelens.harvest.cost import cost_usd
    from quakelens.settings import store_url_of
    from quakelens.sources.queries import make_queries
    from quakelens.store import open_store

    store = open_store(store_url_of(settings, workspace))
    found = resolve(earthquake, store, settings.usgs_event_url)
    queries = make_queries(harvest.words, place=found.place, max_chars=harvest.max_query_chars)
    most = {name: cost_usd(name, posts=harvest.max_posts, authors=harvest.max_posts) for name in names}
    if as_json:
        click.echo(json.dumps({"earthquake": found.id, "queries": queries, "max_cost_usd": most}, ensure_ascii=False))
        return
    click.echo(f"{found.title}: {len(queries)} queries")
    for query in queries:
        click.echo(f"  {query}")
    for name, dollars in most.items():
        click.echo(f"{name}: at most {dollars:.2f} US dollars for {harvest.max_posts} posts and their authors")
