"""What stands on the command line: URLs, names of tables, and the options that commands share."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import quote

import click

from sync.cli.secrets import remember
from sync.connections.urls import parse
from sync.errors import SyncError

FROM_ENVIRONMENT = "env:"
OWN_SCHEMAS = {"sync", "quarantine"}
QUOTES = '`"'
_QUOTED = """`(?:[^`]|``)+`|"(?:[^"]|"")+\""""
_NAME = re.compile(rf"""(?P<database>{_QUOTED}|[^`".][^.]*)\.(?P<table>{_QUOTED}|[^`"].*)""", re.DOTALL)


@dataclass(frozen=True)
class TableName:
    """A table or collection of a source; in PostgreSQL `database` is its schema."""

    database: str
    table: str

    def __str__(self) -> str:
        return f"{self.database}.{self.table}"


def read_name(text: str) -> TableName:
    """`database.table`. The database ends at the first dot; what follows may hold anything.

    A part that begins with a backtick or a double quote ends with the same, and has it twice for once. Raises
    `ValueError` for anything else.
    """
    match = _NAME.fullmatch(text)
    if match is None or "://" in match["database"]:
        raise ValueError(text)
    return TableName(_unquoted(match["database"]), _unquoted(match["table"]))


def _unquoted(part: str) -> str:
    mark = part[0]
    return part[1:-1].replace(mark * 2, mark) if mark in QUOTES else part


def _schema(context: click.Context, option: click.Parameter, value: str) -> str:
    if not value:
        raise click.BadParameter("a schema has a name", context, option)
    if value in OWN_SCHEMAS:
        raise click.BadParameter(
            f"{value!r} is where the engine keeps its own tables; name another schema", context, option
        )
    return value


class UrlType(click.ParamType[str]):
    """A database URL, or `env:NAME` for one in the environment. An error never shows the URL."""

    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        url = value
        if value.startswith(FROM_ENVIRONMENT):
            name = value.removeprefix(FROM_ENVIRONMENT)
            url = os.environ.get(name, "")
            if not url:
                self.fail(f"the environment variable {name} is not set", param, ctx)
        try:
            parsed = parse(url)
        except SyncError as error:
            self.fail(str(error), param, ctx)
        remember(parsed.password, quote(parsed.password, safe=""))
        return url


class TableNameType(click.ParamType[TableName]):
    name = "table"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> TableName:
        try:
            return read_name(value)
        except ValueError:
            shown = "a URL" if "://" in value else repr(value)
            self.fail(
                f"{shown} is no database.table (or database.collection); a database with a dot in its name"
                " goes into backticks or double quotes, which the shell wants in single quotes",
                param,
                ctx,
            )


class KeyType(click.ParamType[tuple[str, ...]]):
    name = "a,b"

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        parts = tuple(part.strip() for part in value.split(","))
        if not all(parts):
            self.fail("columns are given as a,b", param, ctx)
        return parts


source_argument = click.argument("source_url", type=UrlType())
tables_argument = click.argument("tables", metavar="TABLE...", type=TableNameType(), nargs=-1, required=True)
target_option = click.option(
    "--to", "target_url", metavar="TARGET_URL", type=UrlType(), required=True, help="The database to copy to."
)
schema_option = click.option(
    "--schema",
    default="raw",
    show_default=True,
    callback=_schema,
    help="The schema of the tables in the target.",
)
json_option = click.option("--json", "in_json", is_flag=True, help="Print one line of JSON a table.")
