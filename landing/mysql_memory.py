"""What landing remembers in a MySQL database, beside the rows that it landed there."""

from __future__ import annotations

from typing import Any

from pymysql.connections import Connection
from pymysql.cursors import Cursor

from landing.landing_file import Memory
from landing.mysql import column_list, field_definitions, present_tables, quoted, run_script
from landing.result import LandingResult, Merged
from landing.spec import FileSpec

TABLES = {"_landed_files", "_landed_lines"}
_ROWS = "_landed_rows_"


def landed_rows(table: str) -> str:
    """The name of the table that keeps a keyed table's rows as they were landed last."""
    return f"{_ROWS}{table}"


def ensure_memory(cursor: Cursor) -> None:
    """Create the tables that remember files and lines where they are missing."""
    if not present_tables(cursor) >= TABLES:
        run_script(cursor, "landing.sql")


def ensure_landed_rows(cursor: Cursor, spec: FileSpec) -> None:
    """Create the table that remembers a keyed file's rows where it is missing."""
    if landed_rows(spec.table) not in present_tables(cursor):
        cursor.execute(
            f"CREATE TABLE IF NOT EXISTS {quoted(landed_rows(spec.table))}"
            f" ({', '.join(field_definitions(spec))}, PRIMARY KEY ({column_list(spec.key)}))"
            " ENGINE = InnoDB DEFAULT CHARSET = utf8mb4"
        )


def dropped_tables(cursor: Cursor) -> list[str]:
    """The tables whose rows are remembered and that are gone."""
    present = present_tables(cursor)
    remembered_tables = {name.removeprefix(_ROWS) for name in present if name.startswith(_ROWS)}
    return sorted(remembered_tables - present)


def forget(cursor: Cursor, file: str, table: str) -> None:
    """Forget a file whose table was dropped: its rows were not deleted one by one, so it may land again."""
    cursor.execute("DELETE FROM _landed_files WHERE file = %s", (file,))
    cursor.execute("DELETE FROM _landed_lines WHERE file = %s", (file,))
    cursor.execute(f"DROP TABLE IF EXISTS {quoted(landed_rows(table))}")


def remembered(connection: Connection[Any], file: str) -> Memory | None:
    """What the last landing of the file has left, even if that has ended while this one waited."""
    connection.commit()
    with connection.cursor() as cursor:
        cursor.execute("SELECT content, reader, outcome FROM _landed_files WHERE file = %s", (file,))
        row = cursor.fetchone()
    return Memory(row[0], row[1], LandingResult.from_json(row[2])) if row else None


def remember(cursor: Cursor, memory: Memory, merged: Merged) -> None:
    """Note the file as landed; call it in the transaction that writes the rows."""
    outcome = memory.outcome.merged(merged)
    cursor.execute(
        "REPLACE INTO _landed_files (file, content, reader, outcome) VALUES (%s, %s, %s, %s)",
        (outcome.file, memory.content, memory.reader, outcome.to_json()),
    )
