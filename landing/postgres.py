"""What landing needs of PostgreSQL: its schema, temporary tables to load beside, and the memory of what was
landed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from landing.csv_reader import Row
from landing.landing_file import Memory
from landing.lines import Line, Reject
from landing.result import LandingResult, Merged
from landing.spec import FileSpec
from sync.connections.psycopg import Connection, Cursor, sql

SCHEMA = "landing"
STAGED = sql.Identifier("landing_rows")
ROWS_AT_ONCE = 5000

_MEMORY = """
CREATE SCHEMA IF NOT EXISTS landing;
CREATE TABLE IF NOT EXISTS landing.files (
    file text PRIMARY KEY, content text NOT NULL, reader text NOT NULL, outcome jsonb NOT NULL,
    landed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE landing.files IS 'The landing files as they were landed last, and what came of it';
COMMENT ON COLUMN landing.files.content IS 'SHA-256 of the file';
COMMENT ON COLUMN landing.files.reader IS 'SHA-256 of the code and the declaration that read it';
"""


def identifiers(names: Iterable[str], table: str = "") -> sql.Composable:
    """A list of quoted column names, each of `table` if one is named."""
    parts = [sql.Identifier(table, name) if table else sql.Identifier(name) for name in names]
    return sql.SQL(", ").join(parts)


def ensure_memory(connection: Connection) -> None:
    """Create landing's schema and its table of files where they are missing."""
    with connection, connection.cursor() as cursor:
        if is_missing(cursor, sql.Identifier(SCHEMA, "files")):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('softcart landing', 0))")
            cursor.execute(_MEMORY)


def is_missing(cursor: Cursor, table: sql.Identifier) -> bool:
    """Whether there is no such table."""
    cursor.execute("SELECT to_regclass(%s) IS NULL", (table.as_string(cursor),))
    return bool(cursor.fetchone() == (True,))


def forget(cursor: Cursor, file: str) -> None:
    """Forget a file whose table was dropped: its rows were not deleted one by one, so it may land again."""
    cursor.execute("DELETE FROM landing.files WHERE file = %s", (file,))


def field_definitions(spec: FileSpec) -> list[sql.Composable]:
    """A column definition for each field."""
    return [
        sql.SQL("{} {} {}").format(
            sql.Identifier(field.name),
            sql.SQL(field.type.postgres),
            sql.SQL("NOT NULL" if field.required else "NULL"),
        )
        for field in spec.fields
    ]


def stage_rows(cursor: Cursor, spec: FileSpec, rows: Iterator[Line[Row]], reject: Reject) -> None:
    """Copy the rows into a temporary table of this session; all but the first row of a key are rejected."""
    copy_rows(cursor, spec, rows)
    if spec.key:
        _reject_repeated_keys(cursor, spec.key, reject)
    cursor.execute(sql.SQL("ANALYZE {}").format(STAGED))


def copy_rows(cursor: Cursor, spec: FileSpec, rows: Iterator[Line[Row]]) -> None:
    """Copy the rows, with number and text, into a temporary table of this session."""
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(STAGED))
    cursor.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} (number bigint NOT NULL, raw text NOT NULL, {})").format(
            STAGED, sql.SQL(", ").join(field_definitions(spec))
        )
    )
    copy = sql.SQL("COPY {} (number, raw, {}) FROM STDIN (FORMAT csv)").format(
        STAGED, identifiers(spec.columns)
    )
    while part := list(islice(rows, ROWS_AT_ONCE)):
        cursor.copy_expert(copy, _csv((number, raw, *row) for number, raw, row in part))


def _csv(rows: Iterable[Sequence[object]]) -> io.StringIO:
    """CSV as COPY reads it: an empty field is NULL. No value of a row is an empty text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    text.seek(0)
    return text


def _reject_repeated_keys(cursor: Cursor, key: Sequence[str], reject: Reject) -> None:
    cursor.execute(
        sql.SQL(
            "DELETE FROM {staged} s USING (SELECT number, min(number) OVER (PARTITION BY {key}) AS first"
            " FROM {staged}) r WHERE r.number = s.number AND r.number <> r.first"
            " RETURNING s.number, s.raw, r.first"
        ).format(staged=STAGED, key=identifiers(key))
    )
    for number, raw, first in sorted(cursor.fetchall()):
        reject(number, raw, f"has the same {', '.join(key)} as line {first}")


def remembered(cursor: Cursor, file: str) -> Memory | None:
    """What the last landing of the file has left."""
    cursor.execute("SELECT content, reader, outcome::text FROM landing.files WHERE file = %s", (file,))
    row = cursor.fetchone()
    return Memory(row[0], row[1], LandingResult.from_json(row[2])) if row else None


def remember(cursor: Cursor, memory: Memory, merged: Merged) -> None:
    """Note the file as landed; call it in the transaction that writes the rows."""
    outcome = memory.outcome.merged(merged)
    cursor.execute(
        "INSERT INTO landing.files (file, content, reader, outcome) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (file) DO UPDATE SET content = excluded.content, reader = excluded.reader,"
        " outcome = excluded.outcome, landed_at = excluded.landed_at",
        (outcome.file, memory.content, memory.reader, outcome.to_json()),
    )
