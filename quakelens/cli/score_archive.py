"""`quakelens score-archive`."""

from __future__ import annotations

import json

import click


@click.command("score-archive")
@click.argument("paths", nargs=-1)
@click.option("--output", required=True, type=click.Path(file_okay=False), help="Folder of the run.")
@click.option("--list", "lists", multiple=True, metavar="FILE", help="A path a line, `-` for standard input; more "
              "than once for several.")  # fmt: skip
@click.option("--model", "ref", help="champion, starter or a version. Default: the champion when the run starts.")
@click.option("--chunk-size", type=click.IntRange(1, 100_000), help="Pictures a chunk. Default: 1000.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
def command(
    paths: tuple[str, ...], output: str, lists: tuple[str, ...], ref: str | None, chunk_size: int | None, as_json: bool
) -> None:
    """Score any number of pictures, files or folders, into --output; over many machines with QUAKELENS_DASK_ADDRESS.

    The rows are in results.jsonl.gz, in the order of the paths. Killed and started again with the same arguments it
    goes on where it was; pictures that come into the folders meanwhile are left to another run.
    """
    from quakelens.errors import UsageError
    from quakelens.orchestration import load_flow, speak
    from quakelens.settings import read_settings, workspace_of

    if not paths and not lists:
        raise UsageError("name folders or files to score, or a --list of them")
    workspace = workspace_of(read_settings())
    speak()
    summary = load_flow("score_archive", workspace)(
        paths=paths, output=output, lists=lists, model=ref, chunk_size=chunk_size
    )
    if as_json:
        click.echo(json.dumps(summary.as_dict(), ensure_ascii=False))
        return
    for key, value in summary.as_dict().items():
        click.echo(f"{key:>16}  {value}")
