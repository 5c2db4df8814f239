"""What landing needs of MySQL: tables made from a script, a transaction, temporary tables to load beside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from pymysql.connections import Connection
from pymysql.cursors import Cursor

from landing.spec import FileSpec

SCRIPTS = Path(__file__).parents[1] / "sql" / "mysql"
ROWS_AT_ONCE = 5000


def quoted(*parts: str) -> str:
    """An identifier, qualified if it has several parts."""
    return ".".join(f"`{part.replace('`', '``')}`" for part in parts)


def column_list(names: Iterable[str], table: str = "") -> str:
    return ", ".join(quoted(table, name) if table else quoted(name) for name in names)


def present_tables(cursor: Cursor) -> set[str]:
    """The names of the tables in the connection's database."""
    cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
    return {str(name) for (name,) in cursor.fetchall()}


def run_script(cursor: Cursor, script: str) -> None:
    """Run a script of `sql/mysql`. Ask first what is there: even a CREATE TABLE IF NOT EXISTS that does
    nothing is written to the binlog."""
    for statement in (SCRIPTS / script).read_text().split(";\n"):
        if statement.strip():
            cursor.execute(statement)


def field_definitions(spec: FileSpec) -> list[str]:
    """A column definition for each field; text compares as it does in the shop's tables."""
    return [
        f"{quoted(field.name)} {field.type.mysql} {'NOT NULL' if field.required else 'NULL'}"
        for field in spec.fields
    ]


@contextmanager
def transaction(connection: Connection[Any]) -> Iterator[Cursor]:
    """One transaction that refuses what does not fit a column instead of cutting it.

    READ COMMITTED: it locks the shop's rows that it reads to change them, and not the gaps between them.
    """
    connection.commit()
    with connection.cursor() as cursor:
        cursor.execute(
            "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO')"
        )
        cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        connection.begin()
        try:
            yield cursor
        except BaseException:
            if connection.open:
                connection.rollback()
            raise
        connection.commit()


def fill(cursor: Cursor, table: str, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    """Insert rows in parts, so that memory does not grow with their number."""
    iterator = iter(rows)
    places = ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO {quoted(table)} ({column_list(columns)}) VALUES ({places})"
    while part := list(islice(iterator, ROWS_AT_ONCE)):
        cursor.executemany(statement, part)


def recreate_temporary(cursor: Cursor, table: str, definitions: Iterable[str]) -> None:
    cursor.execute(f"DROP TEMPORARY TABLE IF EXISTS {quoted(table)}")
    cursor.execute(
        f"CREATE TEMPORARY TABLE {quoted(table)} ({', '.join(definitions)}) DEFAULT CHARSET = utf8mb4"
    )
