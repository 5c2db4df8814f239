"""``python -m stack``: the local servers from the command line."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from stack.audit import audit as audit_files
from stack.audit import audit_dependencies
from stack.cluster import Cluster
from stack.home import Home, StackError
from stack.notebook import notebook_command
from stack.ui import serve


class Group(click.Group):
    """Shows what the user can mend as one calm message, without a traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except StackError as error:
            raise click.ClickException(str(error)) from error


def say(line: str) -> None:
    click.echo(line, err=True)


@click.group(cls=Group)
@click.pass_context
def main(context: click.Context) -> None:
    """Real servers on this machine for development and tests, without Docker and without root."""
    context.obj = Cluster(Home.from_environment(), os.environ)


@main.command()
@click.pass_obj
def up(cluster: Cluster) -> None:
    """Start the servers that don't run."""
    cluster.up(say)
    say(f"up: {', '.join(server.title for server in cluster.servers)} (more: make status, make env)")


@main.command()
@click.pass_obj
def down(cluster: Cluster) -> None:
    """Stop the servers."""
    cluster.down(say)


@main.command()
@click.pass_obj
def status(cluster: Cluster) -> None:
    """Show each server's state, port, process, version, size and log."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("server", "state", "port", "pid", "version", "data"):
        table.add_column(heading, overflow="fold")
    rows = cluster.status()
    for row in rows:
        port, pid, size = str(row.port or ""), str(row.pid or ""), decimal(row.data_bytes)
        table.add_row(row.title, row.state, port, pid, row.version.partition("-")[0], size)
    Console().print(table)
    click.echo()
    for row in rows:  # below the table, which would cut a path to the terminal's width
        log = row.log.relative_to(Path.cwd()) if row.log.is_relative_to(Path.cwd()) else row.log
        click.echo(f"log of {row.title:<11} {log}")


@main.command()
@click.pass_obj
def env(cluster: Cluster) -> None:
    """Print lines for eval that export the servers' URLs, DAGSTER_HOME and PATH."""
    cluster.home.prepare()
    for name in cluster.left_out():
        click.echo(f"unset {name}")
    for name, value in cluster.variables().items():
        click.echo(f"export {name}={shlex.quote(value)}")
    if missing := cluster.not_running():
        say(f"not running: {', '.join(missing)} (start: make up)")


@main.command()
@click.pass_obj
def run(cluster: Cluster) -> None:
    """Start the servers, land files, materialize the whole graph, say what is where."""
    _execute(cluster, "refresh")


@main.command()
@click.pass_obj
def sync(cluster: Cluster) -> None:
    """One pass of what changed, from the shop's databases to production."""
    _execute(cluster, "sync")


@main.command()
@click.pass_obj
def verify(cluster: Cluster) -> None:
    """Compare every row from the sources to production now; nothing is written."""
    _execute(cluster, "verify")


def _enter(cluster: Cluster) -> None:
    """Start the servers and make this process one that works with them."""
    cluster.up(say)
    variables, left_out = cluster.variables(), cluster.left_out()
    for name in left_out:
        del os.environ[name]
    os.environ.update(variables)
    if cluster.stores_runs:
        from stack.runs import forget_dead_runs  # noqa: PLC0415  (Dagster takes seconds to import)

        forget_dead_runs(say)


def _execute(cluster: Cluster, job: str) -> None:
    _enter(cluster)
    from stack.run import demo_landing, run_job  # noqa: PLC0415  (likewise)

    if cluster.lands_demo:
        os.environ["SOFTCART_LANDING"] = str(demo_landing(cluster.home.demo))
    if not run_job(job, Console(), cluster.stand_in):
        sys.exit(1)


@main.command()
@click.pass_context
def ui(context: click.Context) -> None:
    """Serve Dagster's UI and daemon until Ctrl-C."""
    _enter(context.obj)
    from stack.reachable import STORAGE, broken  # noqa: PLC0415  (likewise)

    if cause := broken({STORAGE}, say).get(STORAGE):
        raise StackError(cause)
    context.exit(serve(context.obj, say))


@main.command()
@click.pass_obj
def notebook(cluster: Cluster) -> None:
    """Serve JupyterLab on the notebooks until Ctrl-C."""
    _enter(cluster)
    command, environment = notebook_command(cluster.home)
    token = environment["JUPYTER_TOKEN"]
    port = next(word for word in command if word.startswith("--port=")).removeprefix("--port=")
    say(f"JupyterLab is at http://127.0.0.1:{port}/lab?token={token} in a moment; Ctrl-C ends it")
    os.execve(command[0], command, environment)


@main.command()
@click.option("--dependencies", is_flag=True, help="The pinned packages, which needs PyPI.")
@click.pass_obj
def audit(cluster: Cluster, dependencies: bool) -> None:
    """Look for secrets, and for what is careless in the image and the workflows."""
    look = audit_dependencies if dependencies else audit_files
    if not look(cluster.home, say):
        sys.exit(1)


@main.command()
@click.pass_obj
def backup(cluster: Cluster) -> None:
    """Save the databases into a folder of SOFTCART_BACKUPS."""
    from stack.backups.backup import back_up  # noqa: PLC0415

    cluster.up(say)
    say(f"saved in {back_up(cluster, say)}")


@main.command()
@click.argument("name", required=False)
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def restore(cluster: Cluster, name: str | None, yes: bool) -> None:
    """Replace what the databases hold by the backup NAME, or the newest one."""
    from stack.backups.restore import find_backup, restore  # noqa: PLC0415

    found = find_backup(cluster, name)
    cluster.up(say)
    if not yes:
        click.confirm(f"Replace what the databases hold by what they held at {found.name}?", abort=True)
    restore(cluster, found, say)


@main.command()
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def clean(cluster: Cluster, yes: bool) -> None:
    """Stop the servers and throw their data, the downloads and the environment away."""
    home = cluster.home
    if not home.root.exists():
        say(f"{home.root}: nothing there")
        return
    if not home.is_home:
        raise StackError(f"{home.root} is not a folder that SoftCart made, so it stays: check SOFTCART_HOME")
    if not yes:
        click.confirm(f"Throw away {home.root} with all data of the local servers?", abort=True)
    cluster.down(say)
    for inner in home.inner_homes():
        Cluster(inner, {}).down(say)
    shutil.rmtree(home.root)
    say(f"{home.root} is gone")


if __name__ == "__main__":
    sys.exit(main())
