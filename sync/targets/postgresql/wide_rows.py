"""Staged rows that fill a page of PostgreSQL's so nearly that they do not fit it with our own columns beside
theirs. A row has to fit one page, of which it may have 8160 bytes; a value that is stored elsewhere takes 18
there (https://www.postgresql.org/docs/current/limits.html, https://www.postgresql.org/docs/current/storage-toast.html).
"""

from __future__ import annotations

from collections.abc import Sequence

from sync.connections.psycopg import Cursor, sql
from sync.copytext import Rejected
from sync.spec import Column, Table
from sync.targets.postgresql.long_keys import take_oversized
from sync.targets.postgresql.names import WorkTables

REASON = (
    "it fills a page of PostgreSQL's, 8160 bytes, and the engine's own columns beside it do not fit; exclude"
    " columns, or declare fewer"
)
PAGE_BYTES = 8160
LEAST_COLUMNS = 250  # which take 24 bytes each, padding included, and their table 60 more, fit in any case
# Three columns, the padding that they may cost in another order, and the key of a table that has none.
OURS_BYTES, KEY_BYTES = 64, 192


def take_wide_rows(
    cursor: Cursor, table: Table, columns: Sequence[Column], work: WorkTables, staged: sql.Identifier
) -> list[Rejected]:
    """Remove the rows from `staged` that do not fit, inside a transaction of the caller. An adopted table has
    none of our columns."""
    if table.adopt or len(columns) < LEAST_COLUMNS:
        return []
    ours = OURS_BYTES if table.key else KEY_BYTES
    names = {
        "staged": staged,
        "fitting": work.indexed,
        "oversized": work.oversized,
        # A whole row's size has what is stored elsewhere in it: it is never less than what a page takes.
        "wide": sql.SQL("pg_column_size(s.*) > {}").format(sql.Literal(PAGE_BYTES - ours)),
    }
    cursor.execute(sql.SQL("SELECT FROM {staged} s WHERE {wide} LIMIT 1").format(**names))
    if not cursor.rowcount:
        return []
    fillers = sql.SQL(", ").join([sql.SQL("''::name")] * (ours // 64))
    attempt = sql.SQL(
        "DECLARE place tid; BEGIN FOR place IN SELECT ctid FROM {staged} s WHERE {wide} LOOP"
        " BEGIN INSERT INTO {fitting} SELECT *, {fillers} FROM {staged} WHERE ctid = place;"
        " EXCEPTION WHEN program_limit_exceeded THEN INSERT INTO {oversized} VALUES (place); END;"
        " END LOOP; END"
    ).format(fillers=fillers, **names)
    made = [sql.SQL("ADD {} name").format(sql.Identifier(f"_room_{number}")) for number in range(ours // 64)]
    cursor.execute(
        sql.SQL(
            "CREATE TEMP TABLE {oversized} (place tid) ON COMMIT DROP;"
            " CREATE TEMP TABLE {fitting} ON COMMIT DROP AS SELECT * FROM {staged} LIMIT 0;"
            " ALTER TABLE {fitting} {room}; DO {attempt}; DROP TABLE {fitting}"
        ).format(room=sql.SQL(", ").join(made), attempt=sql.Literal(attempt.as_string(cursor)), **names)
    )
    return take_oversized(cursor, table, columns, work, staged, REASON)
