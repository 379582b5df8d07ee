"""`quakelens serve`."""

from __future__ import annotations

import click


@click.command("serve")
@click.option("--only", multiple=True, type=click.Choice(["server", "mlflow", "worker"]),
              help="Only this part, for a station over several machines; more than once for several.")  # fmt: skip
@click.option("--queue", "queues", multiple=True, metavar="NAME",
              help="Work queue of the worker, default or home; repeatable.  [QUAKELENS_SERVE_QUEUES; all]")  # fmt: skip
@click.option("--host", help="Address that the pages are bound to.  [QUAKELENS_SERVE_HOST; 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Prefect's; 0 for any.  [QUAKELENS_SERVE_PORT; 4200]")
@click.option("--mlflow-port", type=click.IntRange(0, 65535),
              help="MLflow's; 0 for any.  [QUAKELENS_SERVE_MLFLOW_PORT; 5000]")  # fmt: skip
def command(
    only: tuple[str, ...], queues: tuple[str, ...], host: str | None, port: int | None, mlflow_port: int | None
) -> None:
    """Run a station: Prefect's server with the deployments, a worker, and MLflow's page.

    From then on earthquakes are watched day and night. Ctrl-C or SIGTERM stops all of it; a part that dies is started
    again.
    """
    from functools import partial

    from quakelens.params import read_params
    from quakelens.settings import read_settings, workspace_of
    from quakelens.station.station import serve

    settings = read_settings()
    given = {"serve_host": host, "serve_port": port, "serve_mlflow_port": mlflow_port}
    settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
    workspace = workspace_of(settings)
    if not only or "worker" in only:
        read_params(workspace.params)  # a wrong key is said before anything is started
    if not queues:
        queues = tuple(filter(None, (each.strip() for each in settings.serve_queues.split(","))))
    serve(workspace, settings, only, queues, partial(click.echo, err=True))
