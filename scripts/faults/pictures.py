"""Pictures that end the process which decodes them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from check_kills import make_posts
from PIL import Image

from faults.world import ROOT, World, end, environment_of, expect, run_states
from quakelens.demo.servers import XApi
from quakelens.settings import Workspace
from quakelens.store import open_store
from quakelens.store.tables import metadata


def poisoned_picture(world: World) -> dict[str, Any]:
    """A picture in fifty crashes its decoder, and a harvest with it."""
    place = Workspace(Path(tempfile.mkdtemp(dir=world.folder)))
    names = sorted(path.name for path in world.pictures.glob("*.jpg"))
    poison = place.root / "pictures"
    poison.mkdir()
    for name in names:
        data = (world.pictures / name).read_bytes()
        (poison / name).write_bytes(data)
    with Image.open(world.pictures / names[3]) as image:
        image.save(poison / names[3], comment=b"deadly")
    environment = {"PYTHONPATH": f"{ROOT / 'tests' / 'deadly'}:{environment_of(place)['PYTHONPATH']}"}
    ends: list[int] = []
    posts = make_posts(600, world.now, names)
    with XApi(posts, token="kills", now=world.now, images_root=poison, rate_limit=10**6) as x:
        while not ends or ends[-1] != 0:
            expect(len(ends) < 4, f"it died again and again: {ends}")
            process = world.start(place, x, environment=environment)  # type: ignore[arg-type]
            try:
                _, said = process.communicate(timeout=300)
            finally:
                end([process])
            ends.append(process.returncode)
    expect(ends == [-6, 0], f"it ended as {ends}")
    store = open_store(f"sqlite:///{place.store}")
    with store.read() as connection:
        media = list(connection.execute(metadata.tables["media"].select()))
    store.close()
    failed = [row for row in media if row.status != "fetched"]
    expect({row.reason for row in failed} == {"killed"}, f"failures: {[(row.reason, row.message) for row in failed]}")
    told = next(line for line in said.splitlines() if "not decoded any more" in line)
    return {
        "ends": ends, "media": len(media), "killed": len(failed), "runs": run_states(place), "message": told,
    }  # fmt: skip
