"""`quakelens metrics`."""

from __future__ import annotations

import click

_HOST = "127.0.0.1"


@click.command("metrics")
@click.option("--serve", metavar="[HOST:]PORT", help="Answer at /metrics until interrupted; on loopback by default.")
def command(serve: str | None) -> None:
    """Print figures for Prometheus, or serve them: posts, pictures, flags, lag, cost, errors, the champion."""
    from quakelens.metrics import text
    from quakelens.settings import read_settings, workspace_of

    settings = read_settings()
    workspace = workspace_of(settings)
    if serve is None:
        click.echo(text(workspace, settings), nl=False)
        return
    host, port = _address(serve)
    from prometheus_client import CollectorRegistry, start_http_server

    from quakelens.errors import UsageError
    from quakelens.metrics import Figures

    registry = CollectorRegistry()
    registry.register(Figures(workspace, settings))
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise UsageError(f"nothing can be served at {host}:{port} ({error}): choose another port") from error
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"http://{shown}:{server.server_port}/metrics")
    try:
        thread.join()
    finally:
        server.shutdown()
        server.server_close()


def _address(value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(f"`{value}` is no [HOST:]PORT, such as 9108 or 0.0.0.0:9108", param_hint="--serve")
    return host.removeprefix("[").removesuffix("]") or _HOST, int(port)
