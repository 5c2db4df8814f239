"""A table's rows in `quarantine.rejected_rows`: those of its last reading, no others."""

from __future__ import annotations

from sync.connections.psycopg import Cursor, sql
from sync.copytext import SHOWN_CHARACTERS
from sync.objects import ObjectsRead
from sync.spec import Table
from sync.targets.base import Extent, RejectedRow
from sync.targets.postgresql.names import WorkTables, stored_name
from sync.targets.postgresql.staging import rejected_key

_QUARANTINE = sql.Identifier("quarantine", "rejected_rows")


def differs(cursor: Cursor, table: Table, work: WorkTables, extent: Extent) -> bool:
    """Whether this load rejected other rows than the quarantine holds."""
    if extent is Extent.PARTIAL:
        cursor.execute(
            sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE table_name = {}) OR EXISTS (SELECT FROM {})").format(
                _QUARANTINE, sql.Literal(table.qualified), work.rejected
            )
        )
        if cursor.fetchone() == (False,):
            return False
    cursor.execute(
        sql.SQL("SELECT EXISTS {} OR EXISTS {}").format(
            _new_rows(table, work, extent), _old_rows(table, work, extent)
        )
    )
    return cursor.fetchone() == (True,)


def replace(cursor: Cursor, table: Table, work: WorkTables, extent: Extent, batch: int) -> None:
    """Let the quarantine hold what this load rejected; a row rejected as before stays as it is.

    After a partial reading the rows that it did not touch stay too.
    """
    cursor.execute(
        sql.SQL(
            "CREATE TEMP TABLE {newly} ON COMMIT DROP AS {new};"
            " DELETE FROM {quarantine} WHERE table_name = {name} AND (key, reason, raw) IN {gone};"
            " INSERT INTO {quarantine} (table_name, key, reason, raw, batch)"
            " SELECT {name}, key, reason, raw, {batch} FROM {newly}"
        ).format(
            newly=work.newly_rejected,
            quarantine=_QUARANTINE,
            name=sql.Literal(table.qualified),
            batch=sql.Literal(batch),
            gone=_old_rows(table, work, extent),
            new=_new_rows(table, work, extent),
        )
    )


def forget_lines(cursor: Cursor, table: Table, objects: ObjectsRead) -> None:
    """Leave out the broken lines of objects that were read anew; those that are broken still come back."""
    cursor.execute(
        "DELETE FROM quarantine.rejected_rows WHERE table_name = %s"
        " AND regexp_replace(key, ':[0-9]+$', '') = ANY (%s)",
        (table.qualified, [each.name for each in objects.read]),
    )


def count(cursor: Cursor, table: Table) -> int:
    cursor.execute("SELECT count(*) FROM quarantine.rejected_rows WHERE table_name = %s", (table.qualified,))
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def newest(cursor: Cursor, limit: int) -> list[RejectedRow]:
    """The rows of each table that were rejected last."""
    cursor.execute(
        "SELECT table_name, key, reason, raw, rejected_at, total FROM (SELECT table_name, key, reason,"
        " left(coalesce(raw, ''), %(shown)s) AS raw, rejected_at, count(*) OVER (PARTITION BY table_name)"
        " AS total, row_number() OVER (PARTITION BY table_name ORDER BY rejected_at DESC, key) AS number"
        " FROM quarantine.rejected_rows) AS r WHERE number <= %(limit)s ORDER BY table_name, number",
        {"shown": SHOWN_CHARACTERS, "limit": limit},
    )
    return [RejectedRow(*row) for row in cursor]


def _new_rows(table: Table, work: WorkTables, extent: Extent) -> sql.Composed:
    return sql.SQL("({} EXCEPT {})").format(_rejected(table, work), _held(table, work, extent))


def _old_rows(table: Table, work: WorkTables, extent: Extent) -> sql.Composed:
    return sql.SQL("({} EXCEPT {})").format(_held(table, work, extent), _rejected(table, work))


def _rejected(table: Table, work: WorkTables) -> sql.Composed:
    """What this load rejected. A key that the target's types can hold is shown as they print it, so that it
    is found again among loaded rows."""
    keys = rejected_key(table)
    loadable = sql.SQL("CASE WHEN {} IS NULL THEN key ELSE {} END")
    text = loadable.format(keys[0], _key_text(keys)) if keys else sql.SQL("key")
    return sql.SQL("SELECT {} AS key, reason, raw FROM {}").format(text, work.rejected)


def _held(table: Table, work: WorkTables, extent: Extent) -> sql.Composed:
    """What the quarantine holds of the rows that this load read."""
    held = sql.SQL("SELECT key, reason, raw FROM {} WHERE table_name = {}").format(
        _QUARANTINE, sql.Literal(table.qualified)
    )
    if extent is Extent.COMPLETE:
        return held
    keys = [sql.Identifier(stored_name(part)) for part in table.key]
    return held + sql.SQL(
        " AND key IN (SELECT {text} FROM {staged} UNION ALL SELECT {text} FROM {touched}"
        " UNION ALL SELECT key FROM ({rejected}) AS r)"
    ).format(text=_key_text(keys), staged=work.staged, touched=work.touched, rejected=_rejected(table, work))


def _key_text(keys: list[sql.Identifier]) -> sql.Composed:
    """A key as text: the value itself, or a JSON array of a composite key's values."""
    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(key) for key in keys)
    return texts if len(keys) == 1 else sql.SQL("to_json(ARRAY[{}])::text").format(texts)
