"""Entry point: finds the command, and turns errors into messages and exit codes.

Exit codes: 0 done; 1 unexpected; 2 wrong usage, settings or params.yaml; 3 `score` could not read some
pictures; 4 labelled data; 5 a feed or a network of posts; 6 a model or the registry; 7 the pipeline;
8 another process is at work; 9 the store's or the files' server cannot be reached, or no space is left on a disk;
130 interrupted.
"""

from __future__ import annotations

import importlib
import sys
import warnings

import click

from quakelens import __version__
from quakelens.errors import ERROR_MARK, DiskFull, QuakelensError

COMMANDS = {
    "data": ("quakelens.cli.data", "Labelled pictures in and out of the versioned data."),
    "demo": ("quakelens.cli.demo", "The whole loop once, with nothing to set up or start."),
    "deploy": ("quakelens.cli.deploy", "Make the deployments on a Prefect server."),
    "evaluate": ("quakelens.cli.evaluate", "Figures of a model on a labelled manifest."),
    "export": ("quakelens.cli.export", "The ids of an earthquake's posts, for passing on."),
    "harvest": ("quakelens.cli.harvest", "Harvest and score the posts of one earthquake."),
    "init": ("quakelens.cli.init", "Make the workspace: params.yaml, dvc.yaml, DVC."),
    "metrics": ("quakelens.cli.metrics", "Figures for Prometheus, printed or served."),
    "models": ("quakelens.cli.models", "List the registered models and how the champion changed."),
    "promote": ("quakelens.cli.promote", "Make a registered version the champion."),
    "purge": ("quakelens.cli.purge", "Remove posts that were deleted, or whose author asks for it, everywhere."),
    "report": ("quakelens.cli.report", "Write the report of one earthquake again."),
    "retrain": ("quakelens.cli.retrain", "Run the pipeline, compare, let the better model go live."),
    "rollback": ("quakelens.cli.rollback", "Go back to the champion before the present one."),
    "score": ("quakelens.cli.score", "Score pictures; starts in seconds, needs no server."),
    "score-archive": ("quakelens.cli.score_archive", "Score any number of pictures, over many machines, with resume."),
    "serve": ("quakelens.cli.serve", "Run a station: Prefect's server, a worker, MLflow's page."),
    "stage": ("quakelens.cli.stage", "Run one stage of the pipeline, as DVC does."),
    "status": ("quakelens.cli.status", "How things stand: earthquakes, polls, backlog, cost, champion, problems."),
    "watch": ("quakelens.cli.watch", "Read the earthquake feeds and start what is due."),
}
"""Command: the module that holds it as `command`, and its line in the help."""


class LazyGroup(click.Group):
    """Imports a command's module when the command is called, so that `--help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(COMMANDS.items())])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="quakelens")
def program() -> None:
    """Find, after an earthquake, the posts whose photographs show damaged buildings.

    State lives in the workspace: the folder that QUAKELENS_WORKSPACE names, by default the project folder.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the program and exit."""
    # Pillow remarks on odd files of strangers, MLflow on ways to log a model that are not ours.
    warnings.filterwarnings("ignore", module=r"(PIL|mlflow)\.")
    try:
        code = program.main(args=arguments, prog_name="quakelens", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _say("quakelens: interrupted; run the same command again to go on")
        sys.exit(130)
    except QuakelensError as error:
        _say(f"{ERROR_MARK}{error}", error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away; nothing is left to say
        sys.exit(0)
    except Exception as error:  # noqa: BLE001  # a full disk, or a bug
        full = _full_disk(error)
        if full is not None:
            _say(f"{ERROR_MARK}{full}", full)
            sys.exit(full.exit_code)
        # A bug is told as Python would, but without secrets and in the form asked for.
        _say(f"{ERROR_MARK}unexpected {type(error).__name__}", error, trace=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _full_disk(error: Exception) -> DiskFull | None:
    from quakelens.files import no_space_behind
    from quakelens.settings import read_settings, workspace_of

    try:
        return no_space_behind(error, workspace_of(read_settings()).root)
    except QuakelensError:  # the settings themselves are wrong
        return None


def _say(text: str, error: BaseException | None = None, *, trace: bool = False) -> None:
    import logging

    from quakelens.logs import say

    say(text, logging.ERROR, error=error, trace=trace)
