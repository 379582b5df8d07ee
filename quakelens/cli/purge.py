"""`quakelens purge`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from quakelens.terminal import echo, json_text

if TYPE_CHECKING:
    from quakelens.purge.recheck import Planned
    from quakelens.settings import Settings, Workspace


@click.command("purge")
@click.option("--source", "sources", multiple=True, metavar="NAME", help="x, bluesky or mastodon; more than once for "
              "several. Default: all of which posts are stored.")  # fmt: skip
@click.option("--older-than", "older_than_h", type=click.FloatRange(min=0), default=20.0, show_default=True,
              metavar="HOURS", help="Ask about posts that were not harvested or checked since.")  # fmt: skip
@click.option("--author", metavar="HANDLE_OR_ID", help="Remove an author who asks for it, now and for ever.")
@click.option("--post", "posts", multiple=True, metavar="ID", help="Remove a post, now and for ever; more than once.")
@click.option("--dry-run", is_flag=True, help="Say how many posts would be asked about, and at what cost at most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
def command(
    sources: tuple[str, ...], older_than_h: float, author: str | None, posts: tuple[str, ...], dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Remove the posts that were deleted on their networks, and everything that was made of them.

    With --author or --post it asks nobody whether they were deleted, and removes them at once.
    """
    from quakelens.errors import UsageError
    from quakelens.orchestration import load_flow, speak
    from quakelens.purge.summary import lines
    from quakelens.settings import read_settings, workspace_of

    settings = read_settings()
    workspace = workspace_of(settings)
    speak()
    if author is not None or posts:
        if len(sources) != 1 or dry_run:
            raise UsageError("--author and --post need one --source, the network that they are on, and no --dry-run")
        _remove(settings, workspace, sources[0], author, posts, as_json=as_json)
        return
    if dry_run:
        _show(_plans(settings, workspace, sources, older_than_h), as_json=as_json)
        return
    summary = load_flow("purge", workspace)(sources or None, older_than_h)
    if as_json:
        click.echo(json_text(summary.as_dict()))
        return
    for line in lines(summary):
        echo(line)


def _remove(
    settings: Settings, workspace: Workspace, source: str, author: str | None, posts: tuple[str, ...], *, as_json: bool
) -> None:
    from datetime import UTC, datetime

    from quakelens.errors import QuakelensError
    from quakelens.params import read_params
    from quakelens.purge.authors import author_gone
    from quakelens.purge.remove import remove
    from quakelens.purge.summary import PurgeSummary, lines
    from quakelens.settings import store_url_of
    from quakelens.sources.post import Gone
    from quakelens.store import open_store

    params = read_params(workspace.params)  # a wrong key is said before anything is asked
    store = open_store(store_url_of(settings, workspace))
    now = datetime.now(UTC)
    gone = Gone() if author is None else author_gone(store, settings, source, author, now)
    gone = Gone(gone.posts | frozenset(posts), gone.authors)
    removed, files = remove(store, workspace, settings, params, source, gone, now, asked=True)
    if as_json:
        value = {"source": source, "removed_posts": removed.posts, "earthquakes": removed.earthquakes, **asdict(files)}
        click.echo(json_text(value))
    else:
        echo(f"{source}: {removed.posts} posts removed; nothing of them, or of their author, is harvested again")
        for line in lines(PurgeSummary((), files)):
            echo(line)
    if files.problems:
        raise QuakelensError("not everything could be removed; correct what is said above, then run `quakelens purge`")


def _plans(
    settings: Settings, workspace: Workspace, sources: tuple[str, ...], older_than_h: float
) -> tuple[list[Planned], int]:
    from datetime import UTC, datetime, timedelta

    from quakelens.purge.recheck import plan
    from quakelens.settings import store_url_of
    from quakelens.sources.presences import askable, open_presence
    from quakelens.store import checks, open_store, todo

    store = open_store(store_url_of(settings, workspace))
    networks = sources or [name for name in checks.networks(store) if askable(name)]
    now, older_than = datetime.now(UTC), timedelta(hours=older_than_h)
    return [plan(store, open_presence(name, settings), now, older_than) for name in networks], len(todo.pending(store))


def _show(found: tuple[list[Planned], int], *, as_json: bool) -> None:
    plans, left = found
    if as_json:
        click.echo(json.dumps({"networks": [asdict(each) for each in plans], "left_to_remove": left}))
        return
    for each in plans:
        echo(f"{each.source}: {each.due} posts are due, for {each.max_usd:.2f} US dollars at most")
    if left:
        echo(f"{left} things of earlier removals are still to be done")
    if not plans:
        click.echo("no posts of a network that can be asked are stored")
