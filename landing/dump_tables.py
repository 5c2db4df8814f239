"""The tables of a dump in its work database, and how each is merged into the database proper."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pymysql.connections import Connection
from pymysql.cursors import Cursor

from landing.mysql import column_list, quoted
from landing.mysql_memory import landed_rows
from landing.mysql_merge import KeyedMerge
from landing.result import LandingError, Merged

_ENGINE = re.compile(r"^\) ENGINE=\w+", re.MULTILINE)


@dataclass(frozen=True)
class DumpedTable:
    """A table in database `work`: its columns but for those that the server computes, and its primary key."""

    work: str
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    rows: int


def dumped_tables(connection: Connection[Any], work: str, file: str) -> list[DumpedTable]:
    """The tables that the dump made, but for landing's own. Raises `LandingError` if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, table_type FROM information_schema.tables"
            " WHERE table_schema = %s AND NOT table_name LIKE %s ORDER BY table_name",
            (work, r"\_landed\_%"),
        )
        types = {str(name): str(type_) for name, type_ in cursor.fetchall()}
        if others := [name for name, type_ in types.items() if type_ != "BASE TABLE"]:
            raise LandingError(
                f"{file}: {others[0]} is of type {types[others[0]]}; only tables are"
                " restored, dump without it"
            )
        names = list(types)
        if not names:
            raise LandingError(f"{file}: it makes no table; is it a dump?")
        return [_described(cursor, work, name) for name in names]


def _described(cursor: Cursor, work: str, name: str) -> DumpedTable:
    cursor.execute(f"SELECT count(*) FROM {quoted(work, name)}")
    (rows,) = cursor.fetchone() or (0,)
    return DumpedTable(work, name, _columns(cursor, work, name), _primary_key(cursor, work, name), rows)


def _columns(cursor: Cursor, database: str, table: str) -> tuple[str, ...]:
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE (table_schema, table_name) = (%s, %s)"
        " AND coalesce(generation_expression, '') = '' ORDER BY ordinal_position",
        (database, table),
    )
    return tuple(str(row[0]) for row in cursor.fetchall())


def _primary_key(cursor: Cursor, database: str, table: str) -> tuple[str, ...]:
    cursor.execute(
        "SELECT column_name FROM information_schema.key_column_usage"
        " WHERE (table_schema, table_name) = (%s, %s) AND constraint_name = 'PRIMARY'"
        " ORDER BY ordinal_position",
        (database, table),
    )
    return tuple(str(row[0]) for row in cursor.fetchall())


def ensure_restored_table(cursor: Cursor, table: DumpedTable, file: str) -> None:
    """Create the table as the dump has it, and the one that remembers its rows, where they are missing.

    Every table becomes InnoDB, so that rows and memory commit together. Raises `LandingError` if the table is
    there with fewer columns, or was landed with others.
    """
    cursor.execute("SELECT DATABASE()")
    (database,) = cursor.fetchone() or ("",)
    there = _columns(cursor, database, table.name)
    if not there:
        cursor.execute(f"SHOW CREATE TABLE {quoted(table.work, table.name)}")
        (_, definition) = cursor.fetchone() or ("", "")
        cursor.execute(_ENGINE.sub(") ENGINE=InnoDB", definition))
    elif missing := [column for column in table.columns if column not in there]:
        raise LandingError(
            f"{file}: its table {table.name} has column {missing[0]!r}, which {database}.{table.name} lacks."
            " If it is the same table and has a column more, ALTER TABLE that one to have it, too."
            f" {_other_dump(database, table)}"
        )
    if not table.key:
        return
    landed = _columns(cursor, database, landed_rows(table.name))
    if not landed:
        # No secondary keys here: a value that moved from one row to another would be twice in them.
        columns = column_list(table.columns)
        cursor.execute(
            f"CREATE TABLE {quoted(landed_rows(table.name))} (PRIMARY KEY ({column_list(table.key)}))"
            f" ENGINE=InnoDB SELECT {columns} FROM {quoted(table.work, table.name)} LIMIT 0"
        )
    elif set(landed) != set(table.columns):
        raise LandingError(
            f"{file}: its table {table.name} has columns {', '.join(table.columns)}, and had"
            f" {', '.join(landed)} when it was landed last. If it is the same table, drop"
            f" {database}.{landed_rows(table.name)} to have its rows compared anew, whereby"
            f" {database}.{table.name} wins. {_other_dump(database, table)}"
        )


def _other_dump(database: str, table: DumpedTable) -> str:
    """The way out where the rows that are there came from a dump that was landed by mistake."""
    return (
        f"If the rows in {database}.{table.name} came from another dump, DROP TABLE {database}.{table.name}:"
        " then this one is restored whole, and the next sync takes them back"
    )


def merge_table(cursor: Cursor, table: DumpedTable, file: str) -> Merged:
    """Merge one table, inside the transaction of `cursor`.

    Raises `LandingError` for a table that has neither rows to compare by a key nor is empty.
    """
    if table.key:
        return KeyedMerge(
            file=quoted(table.work, table.name),
            landed=quoted(landed_rows(table.name)),
            target=quoted(table.name),
            key=table.key,
            columns=table.columns,
            order=table.key[0],
        ).run(cursor)
    cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {quoted(table.name)})")
    if cursor.fetchone() == (1,):
        raise LandingError(
            f"{file}: its table {table.name} has no primary key, so it cannot be merged into the rows that"
            " are there; give it one in the dump, or DROP TABLE it to have it restored whole"
        )
    columns = column_list(table.columns)
    cursor.execute(
        f"INSERT INTO {quoted(table.name)} ({columns}) SELECT {columns} FROM {quoted(table.work, table.name)}"
    )
    return Merged(inserted=table.rows)
