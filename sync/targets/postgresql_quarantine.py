"""A table's rows in `quarantine.rejected_rows`: those of its last load, no others."""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from sync.spec import Table
from sync.targets.postgresql_staging import REJECTED

_NAMES = sql.SQL("key, reason, raw")
_MISSING = sql.SQL(
    "(SELECT {names} FROM {left} WHERE {which} EXCEPT SELECT {names} FROM {right} WHERE {other})"
)
_QUARANTINE = sql.Identifier("quarantine", "rejected_rows")


def differs(cursor: Cursor, table: Table) -> bool:
    """Whether this load rejected other rows than the quarantine holds."""
    cursor.execute(sql.SQL("SELECT EXISTS {} OR EXISTS {}").format(_new_rows(table), _old_rows(table)))
    row = cursor.fetchone()
    return bool(row and row[0])


def replace(cursor: Cursor, table: Table, batch: int) -> None:
    """Let the quarantine hold what this load rejected; a row rejected as before stays as it is."""
    cursor.execute(
        sql.SQL(
            "DELETE FROM {quarantine} WHERE table_name = {name} AND (key, reason, raw) IN {gone};"
            " INSERT INTO {quarantine} (table_name, key, reason, raw, batch)"
            " SELECT {name}, key, reason, raw, {batch} FROM {rejected} WHERE (key, reason, raw) IN {new}"
        ).format(
            quarantine=_QUARANTINE,
            rejected=REJECTED,
            name=sql.Literal(table.qualified),
            batch=sql.Literal(batch),
            gone=_old_rows(table),
            new=_new_rows(table),
        )
    )


def count(cursor: Cursor, table: Table) -> int:
    cursor.execute("SELECT count(*) FROM quarantine.rejected_rows WHERE table_name = %s", (table.qualified,))
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def _new_rows(table: Table) -> sql.Composed:
    return _missing(REJECTED, sql.SQL("true"), _QUARANTINE, _of(table))


def _old_rows(table: Table) -> sql.Composed:
    return _missing(_QUARANTINE, _of(table), REJECTED, sql.SQL("true"))


def _of(table: Table) -> sql.Composed:
    return sql.SQL("table_name = {}").format(sql.Literal(table.qualified))


def _missing(
    left: sql.Composable, which: sql.Composable, right: sql.Composable, other: sql.Composable
) -> sql.Composed:
    return _MISSING.format(names=_NAMES, left=left, which=which, right=right, other=other)
