"""Models that change, and disks that fill, while a harvest or a retraining is at work."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

from faults.doubles import LIVE, prefect_home, sample_of, station
from faults.storage import disk
from faults.world import World, end, expect, last_json, message, program, wait_in
from quakelens.dataset.collect import collect
from quakelens.demo.servers import Fault, Faults
from quakelens.model.bundle import check_files, read_manifest
from quakelens.params import read_params
from quakelens.registry.lookup import find
from quakelens.settings import Settings, Workspace
from quakelens.versioning import initialise


def labelled(world: World) -> Workspace:
    """A workspace with labelled pictures and no model yet."""
    place = Workspace(world.folder / "labelled")
    if not place.params.is_file():
        sample = sample_of(world)
        initialise(place, Settings())
        collect(place, read_params(place.params), sample.manifest)
    return place


def trained(world: World) -> Workspace:
    """A copy of a workspace whose first model is the champion."""
    kept = Workspace(world.folder / "trained")
    if not kept.params.is_file():
        made = _copy(labelled(world), world.folder / "trained")
        done = program(made, "retrain", "--json")
        out, said = done.communicate(timeout=600)
        expect(done.returncode == 0 and last_json(out)["version"] == "1", f"the first retraining failed: {said[-500:]}")
    return _copy(kept, Path(tempfile.mkdtemp(dir=world.folder)) / "workspace")


def _copy(place: Workspace, to: Path) -> Workspace:
    shutil.copytree(place.root, to, symlinks=True, dirs_exist_ok=True)
    made = Workspace(to)
    initialise(made, Settings())
    return made


def change(place: Workspace) -> None:
    """Have the next retraining make another model."""
    text = place.params.read_text(encoding="utf-8")
    place.params.write_text(re.sub(r"^  l2: .*$", "  l2: 1.0", text, count=1, flags=re.M), encoding="utf-8")


def disk_full_model(world: World) -> dict[str, Any]:
    """The disk is full while a model is written: by the pipeline, and when it is registered."""
    told = []
    place = Workspace(world.folder / "small-disk")
    with disk(place.root, megabytes=400) as small:
        _copy(labelled(world), place.root)
        for there in (place.trained, place.exported, place.mlruns / "artifacts"):
            process = program(place, "retrain")
            try:
                wait_in(process, lambda there=there: there.is_dir() and any(there.rglob("*.*")), 300)  # type: ignore[misc]
                small.fill()
                _, said = process.communicate(timeout=300)
            finally:
                end([process])
            expect(process.returncode != 0, f"it did not notice the full disk at {there.name}")
            words = f"{there.name}: exit code {process.returncode}, {message(said)}"
            expect("space" in words or "disk" in words, f"the message names no disk: {words}")
            told.append(words)
            small.free()
        done = program(place, "retrain", "--json")
        out, said = done.communicate(timeout=600)
        expect(done.returncode == 0, f"the run after the fault failed: {said[-500:]}")
        outcome = last_json(out)
        found = find("champion", place, Settings())
        check_files(found.folder, read_manifest(found.folder))
        expect(found.version == outcome["version"], f"champion {found.version}, retrained {outcome['version']}")
        odd = [path.name for path in place.root.glob("data/.*-*")]
        expect(not odd, f"half-written files {odd}")
        return {"version": found.version, "message": "\n        ".join(told)}


def change_during_harvest(world: World) -> dict[str, Any]:
    """A retraining ends and its model is promoted while a harvest is at work."""
    place = trained(world)
    change(place)
    with station(world, place, faults=Faults({2: Fault("slow", 5.0)})) as here:
        retraining = program(place, "retrain", "--json", environment=prefect_home(place.root / "prefect-2"))
        harvest = program(place, "harvest", LIVE, "--json", environment=here.environment)
        processes = [retraining, harvest]
        try:
            wait_in(harvest, lambda: place.store.is_file() and here.table("scores"))
            expect(retraining.poll() is None, "the retraining was over before the harvest was at work")
            os.kill(harvest.pid, signal.SIGSTOP)  # it must not be done before the promotion
            out, said = retraining.communicate(timeout=600)
            expect(retraining.returncode == 0, f"the retraining failed: {said[-500:]}")
            version = last_json(out)["version"]
            promoting = program(place, "promote", version)
            processes.append(promoting)
            _, said = promoting.communicate(timeout=120)
            expect(promoting.returncode == 0, f"the promotion failed: {said[-300:]}")
            expect(harvest.poll() is None, "the harvest was over before the promotion")
            before = len(here.table("scores"))
            os.kill(harvest.pid, signal.SIGCONT)
            out, said = harvest.communicate(timeout=600)
        finally:
            end(processes)
        expect(harvest.returncode == 0, f"the harvest failed: {said[-500:]}")
        first = here.table("scores")
        expect(len(first) > before, "all was scored before the promotion")
        expect({row.model for row in first} == {"1"}, f"rows of versions { ({row.model for row in first}) }")
        again = program(place, "harvest", LIVE, "--json", environment=here.environment)
        out, said = again.communicate(timeout=600)
        expect(again.returncode == 0, f"the next harvest failed: {said[-500:]}")
        second = here.table("scores")
        new = [row for row in second if row.model == version]
        expect(len(second) == len(first) + len(new), "rows of the old version were changed")
        expect({row.sha256 for row in new} == {row.sha256 for row in first}, "the next run scored other pictures")
        figures = here.check_once()
        page = (place.reports.path / LIVE / "index.html").read_text(encoding="utf-8")
        expect(f"quakelens v{version}" in page, "the next report is not by the new version")
        return {"first": f"{len(first)} by v1", "next": f"{len(new)} by v{version}", **figures}
