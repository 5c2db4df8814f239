"""What grows in staging without being of use: rows that PostgreSQL keeps dead, and old tombstones.

- Dead rows: a table of which more than a fifth is dead is vacuumed, beside PostgreSQL's own autovacuum.
- Tombstones: rows that are gone from their source stay until whatever reads their table has read it since,
  and for `SOFTCART_KEEP_TOMBSTONES_DAYS` at least.
- The change logs in schema `history` and the quarantine stay: the dimensions can be built from the first, and
  what is in the second is nowhere else. Their sizes are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from softcart_assets.upkeep.run_storage import positive_number
from sync.connections.psycopg import Connection, sql
from sync.spec import Table

DEAD_SHARE, DEAD_ROWS = 0.2, 1000
KEPT_DAYS = 90.0
SCHEMAS = ("raw", "history", "star", "aggregates", "reports", "sales", "quarantine", "sync")
STATISTICS = """
SELECT schemaname, relname, n_live_tup, n_dead_tup, pg_total_relation_size(relid)
FROM pg_stat_user_tables WHERE schemaname = ANY(%s) ORDER BY schemaname, relname
"""
EXISTS = "SELECT to_regclass(format('%%I.%%I', %s::text, %s::text))"


@dataclass(frozen=True)
class TableSize:
    """Rows of a table by PostgreSQL's statistics, and its bytes with all indexes."""

    schema: str
    name: str
    live: int
    dead: int
    size: int

    @property
    def is_bloated(self) -> bool:
        return self.dead >= DEAD_ROWS and self.dead > DEAD_SHARE * (self.live + self.dead)


def sizes(connection: Connection) -> list[TableSize]:
    """All tables of staging."""
    with connection.cursor() as cursor:
        cursor.execute(STATISTICS, (list(SCHEMAS),))
        return [TableSize(*row) for row in cursor.fetchall()]


def vacuum_bloated(connection: Connection) -> list[str]:
    """Vacuum what is bloated; returns the names. `connection` is in autocommit mode."""
    bloated = [table for table in sizes(connection) if table.is_bloated]
    with connection.cursor() as cursor:
        for table in bloated:
            name = sql.Identifier(table.schema, table.name)
            cursor.execute(sql.SQL("VACUUM (ANALYZE) {}").format(name))
    return [f"{table.schema}.{table.name}" for table in bloated]


def remove_tombstones(
    connection: Connection,
    tables: Iterable[Table],
    read_at: Mapping[Table, datetime | None],
    now: datetime | None = None,
) -> dict[str, int]:
    """Remove old tombstones; returns how many, by table.

    `read_at` has when everything that reads a table had last read it; None where something never did.
    Raises `SyncError` for a setting that is no number.
    """
    kept = timedelta(days=positive_number("SOFTCART_KEEP_TOMBSTONES_DAYS", KEPT_DAYS))
    removed: dict[str, int] = {}
    with connection.cursor() as cursor:
        for table in tables:
            seen = read_at.get(table)
            cursor.execute(EXISTS, (table.schema, table.name))
            if seen is None or cursor.fetchone() == (None,):
                continue
            until = min((now or datetime.now(UTC)) - kept, seen)
            cursor.execute(
                sql.SQL("DELETE FROM {} WHERE _deleted AND _changed_at < %s").format(
                    sql.Identifier(table.schema, table.name)
                ),
                (until,),
            )
            if cursor.rowcount:
                removed[table.qualified] = cursor.rowcount
    return removed
