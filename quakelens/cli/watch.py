"""`quakelens watch`."""

from __future__ import annotations

import json
import logging
import time

import click

EVERY_S = 60.0
"""The USGS makes its feeds anew each minute."""

AT_LEAST_S = 10.0
"""Between two readings, also when the EMSC announces several earthquakes at once."""


@click.command("watch")
@click.option("--once", is_flag=True, help="Read the feeds once and end when the harvests that it started end.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a harvest.")
def command(once: bool, as_json: bool) -> None:
    """Read the earthquake feeds, once or every minute, and harvest what can have damaged buildings.

    The EMSC's websocket wakes it before the minute is over.
    """
    from quakelens.earthquakes.emsc_stream import Alarm
    from quakelens.errors import QuakelensError, UsageError
    from quakelens.logs import say
    from quakelens.orchestration import load_flow, speak
    from quakelens.params import read_params
    from quakelens.settings import read_settings, workspace_of

    settings = read_settings()
    workspace = workspace_of(settings)
    read_params(workspace.params)  # a wrong key is said before a server is started
    speak()
    watch = load_flow("watch", workspace)
    with Alarm("" if once else settings.emsc_stream_url) as alarm:
        while True:
            started = time.monotonic()
            try:
                for summary in watch():
                    told = json.dumps(summary.as_dict()) if as_json else f"report: {summary.report}"
                    click.echo(told)
            except UsageError:
                raise  # no later reading would do better
            except Exception as error:  # a full disk, a database that is started again, a bug: the watch goes on
                if once:
                    raise
                told = str(error) if isinstance(error, QuakelensError) else f"{type(error).__name__}: {error}"
                say(f"{told} (the feeds are read again in a minute)", logging.ERROR, error=error)
            if once:
                return
            time.sleep(max(0.0, AT_LEAST_S - (time.monotonic() - started)))
            alarm.wait(EVERY_S - (time.monotonic() - started))
