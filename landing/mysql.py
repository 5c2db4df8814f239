"""What landing needs of MySQL: its tables, one transaction, temporary tables to load beside, and the memory
of what was landed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from pymysql.connections import Connection
from pymysql.cursors import Cursor

from landing.landing_file import Memory
from landing.result import LandingResult, Merged
from landing.spec import FileSpec

SCRIPTS = Path(__file__).parents[1] / "sql" / "mysql"
MEMORY_TABLES = ("_landed_files", "_landed_lines")
ROWS_AT_ONCE = 5000


def quoted(*parts: str) -> str:
    """An identifier, qualified if it has several parts."""
    return ".".join(f"`{part.replace('`', '``')}`" for part in parts)


def column_list(names: Iterable[str], table: str = "") -> str:
    return ", ".join(quoted(table, name) if table else quoted(name) for name in names)


def ensure_tables(connection: Connection[Any], script: str, tables: Sequence[str]) -> None:
    """Run a script of `sql/mysql` if one of its tables is missing.

    Asks first: even a CREATE TABLE IF NOT EXISTS that does nothing is written to the binlog.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
        present = {name for (name,) in cursor}
        if not present.issuperset(tables):
            for statement in (SCRIPTS / script).read_text().split(";\n"):
                if statement.strip():
                    cursor.execute(statement)


def landed_rows(table: str) -> str:
    """The name of the table that keeps a keyed table's rows as they were landed last."""
    return f"_landed_rows_{table}"


def ensure_landed_rows(connection: Connection[Any], spec: FileSpec) -> None:
    """Create the table that keeps a keyed file's rows as they were landed last, where it is missing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM information_schema.tables WHERE (table_schema, table_name) = (DATABASE(), %s)",
            (landed_rows(spec.table),),
        )
        if cursor.fetchone() is None:
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {quoted(landed_rows(spec.table))}"
                f" ({', '.join(field_definitions(spec))}, PRIMARY KEY ({column_list(spec.key)}))"
                " ENGINE = InnoDB DEFAULT CHARSET = utf8mb4"
            )


def field_definitions(spec: FileSpec) -> list[str]:
    """A column definition for each field; text compares as it does in the shop's tables."""
    return [
        f"{quoted(field.name)} {field.type.mysql} {'NOT NULL' if field.required else 'NULL'}"
        for field in spec.fields
    ]


@contextmanager
def transaction(connection: Connection[Any]) -> Iterator[Cursor]:
    """One transaction that refuses what does not fit a column instead of cutting it.

    READ COMMITTED: after it has waited for another landing's lock, it sees what that one has written.
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


def remembered(connection: Connection[Any], file: str) -> Memory | None:
    """What the last landing of the file that committed has left."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT content, reader, outcome FROM _landed_files WHERE file = %s AND content IS NOT NULL",
            (file,),
        )
        row = cursor.fetchone()
    return Memory(row[0], row[1], LandingResult.from_json(row[2])) if row else None


def lock_file(cursor: Cursor, file: str) -> None:
    """Wait for another landing of the same file, and keep others waiting to the transaction's end."""
    cursor.execute(
        "INSERT INTO _landed_files (file) VALUES (%s) ON DUPLICATE KEY UPDATE file = _landed_files.file",
        (file,),
    )


def remember(cursor: Cursor, memory: Memory, merged: Merged) -> None:
    """Note the file as landed; call it in the transaction that writes the rows."""
    outcome = replace(memory, outcome=memory.outcome.merged(merged)).outcome
    cursor.execute(
        "UPDATE _landed_files SET content = %s, reader = %s, outcome = %s WHERE file = %s",
        (memory.content, memory.reader, outcome.to_json(), outcome.file),
    )
