"""Up to where production has followed staging, one position a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from psycopg2 import sql

from sync.connections import postgresql_errors
from sync.mirror.form import TableName
from sync.state import is_prepared

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

STRATEGY = "batch"


class Position(NamedTuple):
    """A batch number and what it counts: one file of one staging database.

    `staging` is the database's identity, `file` PostgreSQL's file node of the table. A table that was dropped
    and built again, or restored, has another one, and its batch numbers say nothing about what was deleted.
    """

    staging: str
    file: int
    batch: int

    def __str__(self) -> str:
        return f"{self.staging}/{self.file}/{self.batch}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read what `str()` wrote."""
        staging, file, batch = text.split("/")
        return cls(staging, int(file), int(batch))

    def leads_to(self, later: Position) -> bool:
        """Whether the rows above this batch number are all that changed up to `later`."""
        return self[:2] == later[:2] and self.batch <= later.batch


class Standing(NamedTuple):
    """The position that a table was mirrored to, and its rows then."""

    position: Position
    rows: int


def read_staging(cursor: Cursor, tables: Sequence[TableName]) -> dict[TableName, Position]:
    """The positions of staging's tables at this moment, in one round trip."""
    selects = [
        sql.SQL(
            "SELECT {}, i.id::text, pg_relation_filenode({}), coalesce((SELECT max(_batch) FROM {}), 0)"
            " FROM sync.identity i"
        ).format(
            sql.Literal(number),
            sql.Literal(name.identifier.as_string(cursor)),
            name.identifier,
        )
        for number, name in enumerate(tables)
    ]
    cursor.execute(sql.SQL(" UNION ALL ").join(selects))
    return {
        tables[number]: Position(identity, file, batch) for number, identity, file, batch in cursor.fetchall()
    }


def read_production(cursor: Cursor) -> dict[TableName, Standing]:
    """Where the mirrored tables stand, in one round trip."""
    cursor.execute(
        "SELECT table_schema, table_name, position, rows FROM sync.tables WHERE strategy = %s", [STRATEGY]
    )
    return {
        TableName(schema, name): Standing(Position.parse(position), count)
        for schema, name, position, count in cursor.fetchall()
    }


def behind_staging(
    staging: Connection, production: Connection, tables: Sequence[TableName]
) -> list[TableName]:
    """Those of staging's tables that have moved since production took them in, or that it never had."""
    if not tables:
        return []
    with postgresql_errors("staging"), staging.cursor() as cursor:
        wanted = read_staging(cursor, tables)
    with postgresql_errors("production"), production.cursor() as cursor:
        present = read_production(cursor) if is_prepared(cursor) else {}
    return [name for name in tables if name not in present or present[name].position != wanted[name]]
