"""The demo: the whole loop once, in a workspace of its own, against stand-ins on this machine.

1. labelled pictures of past earthquakes go into DVC;
2. `retrain` makes a model, judges it on earthquakes that it has not seen, and the gate lets it go live;
3. an earthquake appears in the feed; `watch` starts its harvest through the X client;
4. its pictures are scored by the champion, and the report is written;
5. the announcement is revised: nothing is started twice.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from quakelens.cli.tables import show_figures
from quakelens.dataset.collect import collect
from quakelens.demo.corpus import corpus_replay
from quakelens.demo.environment import only_these_settings
from quakelens.demo.material import Material, drawn_sample
from quakelens.demo.servers import FeedServer, XApi, demo_faults, read_products
from quakelens.demo.truth import agreement
from quakelens.depot import Filed
from quakelens.files import write_atomically
from quakelens.orchestration import load_flow
from quakelens.params import read_params
from quakelens.progress import progress
from quakelens.report.write import files_in
from quakelens.settings import Settings, Workspace, store_url_of
from quakelens.store import earthquakes, open_store
from quakelens.versioning import initialise


@dataclass(frozen=True, slots=True)
class Shown:
    """What the demo ended with; `report` is the page to open."""

    report: Filed
    version: str
    seconds: float


def run_demo(workspace: Workspace, corpus: Path | None, console: Console) -> Shown:
    """Run the whole loop; run again it finds its work done and is quick.

    Args:
        workspace: Of the demo, apart from any other.
        corpus: Folder of real photographs with a replay beside it; None: the drawn sample.
        console: For people.

    Raises:
        QuakelensError: Whatever a step raises.
    """
    with only_these_settings({"QUAKELENS_WORKSPACE": str(workspace.root)}):
        return _run(workspace, corpus, console)


def _run(workspace: Workspace, corpus: Path | None, console: Console) -> Shown:
    started = time.monotonic()
    step = _steps(console, started)
    step("Set up a workspace of its own", str(workspace.root))
    initialise(workspace, Settings())
    if corpus is None:
        step("Draw the sample", "pictures and posts are drawn by a program; none of it is real")
        with progress("drawing") as report:
            material = drawn_sample(workspace.root / "sample", report)
    else:
        step("Read the corpus", str(corpus))
        material = corpus_replay(corpus, workspace.root / "replay")
    _hold_out(workspace, material.held_out)

    step("Add the labelled pictures", "one folder an earthquake, versioned by DVC")
    with progress("adding") as report:
        added = collect(workspace, read_params(workspace.params), material.manifest, on_progress=report)
    console.print(f"  {added.added} added, {added.already} were there")

    step("Retrain", "prepare, features, train, evaluate, export; then MLflow and the gate")
    outcome = load_flow("retrain", workspace)()
    show_figures(workspace, console)
    console.print(f"  version {outcome.version}: {outcome.reason}")

    step("An earthquake appears in the feed", "watch decides, harvests and scores")
    _harvest(workspace, material, console)
    page = _report_of(workspace, material)
    step("Done", f"the report: {page}")
    console.print(f"  [bold]{material.notice}[/bold]")
    return Shown(page, outcome.version, time.monotonic() - started)


def _harvest(workspace: Workspace, material: Material, console: Console) -> None:
    token = secrets.token_urlsafe(24)
    with (
        _feed_server(material) as feed,
        XApi(material.posts, token=token, now=material.now, images_root=material.images, faults=demo_faults()) as x,
        only_these_settings(
            {
                "QUAKELENS_WORKSPACE": str(workspace.root),
                "QUAKELENS_USGS_FEED_URL": f"{feed.url}/feed.geojson",
                "QUAKELENS_USGS_EVENT_URL": f"{feed.url}/fdsnws/event/1/query",
                "QUAKELENS_EMSC_FEED_URL": f"{feed.url}/emsc/query",
                "QUAKELENS_SOURCES": "x",
                "QUAKELENS_X_BASE_URL": x.url,
                "QUAKELENS_X_BEARER_TOKEN": token,
                "QUAKELENS_MEDIA_ALLOW": x.address,
            }
        ),
    ):
        watch = load_flow("watch", workspace)
        summaries = watch(now=material.now, notice=material.notice)
        if not summaries and not _report_of(workspace, material).exists():
            # An earlier demo failed here; a person would start the harvest by hand.
            harvest = load_flow("harvest_and_score", workspace)
            summaries = [harvest(_live_id(material), now=material.now, notice=material.notice)]
        for summary in summaries:
            _show(summary.as_dict(), console)
        if not summaries:
            console.print("  harvested before: nothing is started twice")
        if material.feed_revised is not None:
            feed.set(_fresh(material.feed_revised, material))
            again = watch(now=material.now, notice=material.notice)
            console.print(f"  the announcement is revised: {len(again)} harvests started for it")
        console.print(f"  the X stand-in answered {len(x.searches)} searches and sold {len(x.billed)} posts")
    console.print(f"  {agreement(workspace, material, _key_of(workspace, material))}")


def _feed_server(material: Material) -> FeedServer:
    feed = _fresh(material.feed, material)
    saved = json.loads(material.products.read_bytes()) if material.products else {}
    if material.emsc is None:
        return FeedServer(feed, products=read_products(saved))
    return FeedServer(feed, products=read_products(saved), emsc=material.emsc)


def _fresh(feed: Path, material: Material) -> bytes:
    """The feed as if it had been made at the time of the demo."""
    document = json.loads(feed.read_text(encoding="utf-8"))
    document["metadata"]["generated"] = int(material.now.timestamp() * 1000)
    return json.dumps(document).encode()


def _steps(console: Console, started: float) -> Callable[[str, str], None]:
    def step(title: str, what: str) -> None:
        console.print(f"[bold]{time.monotonic() - started:5.0f} s  {title}[/bold]  {what}", highlight=False)

    return step


def _hold_out(workspace: Workspace, held_out: tuple[str, ...]) -> None:
    if not held_out:
        return
    text = workspace.params.read_text(encoding="utf-8")
    changed = re.sub(r"^(  held_out: )\[[^\]]*\]", rf"\g<1>[{', '.join(held_out)}]", text, count=1, flags=re.M)
    if changed != text:
        with write_atomically(workspace.params) as file:
            file.write(changed.encode())


def _show(summary: Mapping[str, Any], console: Console) -> None:
    shown = "  ".join(f"{key} {value}" for key, value in summary.items() if key not in ("earthquake", "report"))
    console.print(f"  {summary['earthquake']}: {shown}", highlight=False)


def _live_id(material: Material) -> str:
    features = json.loads(material.feed.read_text(encoding="utf-8"))["features"]
    largest = max(features, key=lambda feature: feature["properties"]["mag"] or 0)
    return str(largest["id"])


def _key_of(workspace: Workspace, material: Material) -> str:
    store = open_store(store_url_of(Settings(), workspace))
    try:
        known = earthquakes.find(store, _live_id(material))
    finally:
        store.close()
    return known.key if known else _live_id(material)


def _report_of(workspace: Workspace, material: Material) -> Filed:
    return files_in(workspace.reports, _key_of(workspace, material)).html
