"""`quakelens score`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quakelens.terminal import echo, json_text, visible

if TYPE_CHECKING:
    from quakelens.engine import Engine, Verdict

BATCH = 128  # pictures read at once: the engine decodes some while it looks at others
SOME_UNREADABLE = 3


@click.command("score")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a picture.")
@click.option(
    "--heatmaps",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the flagged pictures with their heat map into this folder.",
)
@click.option("--model", "ref", default="champion", show_default=True, help="champion, starter or a version.")
@click.pass_context
def command(ctx: click.Context, paths: tuple[Path, ...], as_json: bool, heatmaps: Path | None, ref: str) -> None:
    """Score pictures: files, or folders with all that is below them.

    Exit code 0 if every picture could be read, 3 if some could not.
    """
    from quakelens.engine import Engine
    from quakelens.registry.lookup import find
    from quakelens.settings import read_settings, workspace_of
    from quakelens.walking import pictures_below

    settings = read_settings()
    found = find(ref, workspace_of(settings), settings)
    engine = Engine.open(found.folder, version=found.version, backend=settings.backend)
    pictures = pictures_below(paths)
    unreadable = 0
    size = 1  # the first answer at once, then full batches
    while batch := list(islice(pictures, size)):
        for row in _rows(engine, batch, heatmaps):
            unreadable += row["error"] is not None
            click.echo(json_text(row) if as_json else visible(_line(row)))
        size = BATCH
    if unreadable:
        if not as_json:
            echo(f"{unreadable} could not be read", err=True)
        ctx.exit(SOME_UNREADABLE)


def _rows(engine: Engine, batch: list[Path], heatmaps: Path | None) -> Iterator[dict[str, object]]:
    from quakelens.errors import ImageError
    from quakelens.images import read_bytes

    contents: list[bytes | ImageError] = []
    for path in batch:
        try:
            contents.append(read_bytes(path))
        except ImageError as error:
            contents.append(error)
    readable = [content for content in contents if isinstance(content, bytes)]
    verdicts = iter(engine.score(readable, heatmaps=heatmaps is not None))
    for path, content in zip(batch, contents, strict=True):
        row: dict[str, object] = {"path": str(path), "sha256": None, "decision": None, "probability": None,
                                  "model": engine.label, "heatmap": None, "error": None}  # fmt: skip
        if isinstance(content, ImageError):
            yield row | {"error": f"{content.reason}: {content}"}
            continue
        verdict, sha256 = next(verdicts), hashlib.sha256(content).hexdigest()
        drawn = _draw(verdict, content, heatmaps / f"{sha256}.jpg") if heatmaps else None
        yield row | {
            "sha256": sha256,
            "decision": verdict.decision,
            "probability": None if verdict.probability is None else round(verdict.probability, 6),
            "heatmap": drawn,
            "error": verdict.error,
        }


def _draw(verdict: Verdict, content: bytes, path: Path) -> str | None:
    if verdict.heatmap is None or verdict.box is None:
        return None
    from quakelens.engine.overlay import overlay
    from quakelens.files import write_atomically
    from quakelens.images import decode

    with write_atomically(path) as file:
        overlay(decode(content, at_least=720), verdict.heatmap, verdict.box).save(file, "JPEG", quality=85)
    return str(path)


def _line(row: dict[str, object]) -> str:
    if row["error"] is not None:
        return f"{'not read':>11}         {row['path']}: {row['error']}"
    return f"{row['decision']:>11}  {row['probability']:.3f}  {row['path']}"
