"""The commands' common ground: how they end when something fails."""

from __future__ import annotations

import importlib
import logging
import traceback
from typing import Any

import click

from sync.cli.rendering import say
from sync.cli.secrets import hide
from sync.errors import SyncError, UnexpectedError

logging.getLogger("sync").addHandler(logging.NullHandler())  # here --debug shows the tracebacks

COMMANDS = ("copy", "verify", "status", "quarantine", "upkeep")


class Commands(click.Group):
    """Imports a command's module when it is asked for: `status` need not wait for what `copy` imports."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"sync.cli.{name}"), name)
        return command


class Command(click.Command):
    """A command that ends with one line and exit code 1 where something has to change first."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        debug = click.Option(
            ["--debug"],
            is_flag=True,
            help="Show where an error came from.",
            callback=_debug,
            expose_value=False,
        )
        self.params.append(debug)

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            report(error)
            context.exit(1)


def _debug(context: click.Context, option: click.Parameter, value: bool) -> None:
    context.meta["debug"] = value


def report(error: Exception) -> str:
    """Say on stderr what went wrong, without a password and in one line unless --debug asks for all of it.

    Returns the line.
    """
    said = one_line(error)
    if click.get_current_context().meta["debug"]:
        click.echo(hide("".join(traceback.format_exception(error))), err=True, nl=False)
    else:
        say(said, err=True)
    return said


def one_line(error: Exception) -> str:
    said = " ".join(str(error).split())
    if not isinstance(error, SyncError):
        said = f"{type(error).__name__}: {said}"
    if isinstance(error, UnexpectedError) or not isinstance(error, SyncError):
        said += " (unexpected; --debug shows where)"
    return hide(said)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Copy tables of MySQL, MariaDB, MongoDB and PostgreSQL into PostgreSQL, and keep them equal.

    A URL may be given as env:NAME, which is read from the environment variable NAME: what stands on a command
    line is seen by everybody who may list the machine's processes.
    """
