"""What PostgreSQL's catalog says about a table, view, partitioned or foreign table."""

from __future__ import annotations

from dataclasses import dataclass

from sync.connections.psycopg import Connection, Cursor, sql
from sync.errors import SyncError, UnknownTableError
from sync.sources.base import unknown_exclusion
from sync.spec import Table

# A column's type below its domains; `dimensions` counts the arrays that were taken off, so that an array of a
# domain is seen through too. `modifier` goes with the innermost type.
_COLUMNS = """
    WITH RECURSIVE step AS (
        SELECT a.attnum, a.atttypid AS type, a.atttypmod AS modifier, 0 AS dimensions, 0 AS depth
        FROM pg_attribute a
        WHERE a.attrelid = %(table)s AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT s.attnum,
            CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END,
            CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE s.modifier END,
            s.dimensions + (t.typtype <> 'd')::int, s.depth + 1
        FROM step s JOIN pg_type t ON t.oid = s.type
        WHERE t.typtype = 'd' OR EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
    ), innermost AS (SELECT DISTINCT ON (attnum) * FROM step ORDER BY attnum, depth DESC)
    SELECT a.attname, format_type(a.atttypid, a.atttypmod),
        CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN format_type(i.type, i.modifier)
            WHEN t.typtype = 'e' THEN 'text' END,
        i.dimensions, coalesce(col_description(a.attrelid, a.attnum), '')
    FROM innermost i JOIN pg_attribute a ON (a.attrelid, a.attnum) = (%(table)s, i.attnum)
        JOIN pg_type t ON t.oid = i.type
    WHERE has_column_privilege(a.attrelid, a.attnum, 'SELECT')
    ORDER BY a.attnum
"""


@dataclass(frozen=True)
class SourceColumn:
    """A column. `declared` is its type as its table names it; `builtin` the type below domains and arrays
    where that is one of PostgreSQL's own (text for an enumeration), else None."""

    name: str
    declared: str
    builtin: str | None
    dimensions: int
    comment: str

    @property
    def quoted(self) -> sql.Identifier:
        return sql.Identifier(self.name)

    @property
    def may_be_infinite(self) -> bool:
        """Whether its numbers may be NaN or infinite."""
        return self.builtin is not None and not self.dimensions and self.builtin.startswith("numeric")


@dataclass(frozen=True)
class SourceTable:
    """A relation that can be read; `oid` is its number in the catalog."""

    oid: int
    schema: str
    name: str
    columns: dict[str, SourceColumn]

    @property
    def quoted(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


def read_table(connection: Connection, table: Table) -> SourceTable:
    """The table's columns, in their order, that this user may read.

    Raises `UnknownTableError` when there is no such table, or none that this user may read.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
            " AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')",
            (table.database, table.source_name),
        )
        found = cursor.fetchone()
        if found is None:
            raise UnknownTableError(
                f"{table.qualified}: PostgreSQL has no table {table.database}.{table.source_name} that this"
                f" user may read. Correct database (the schema) or source_table in the declaration, or GRANT"
                f" USAGE on the schema and SELECT on the table"
            )
        cursor.execute(_COLUMNS, {"table": found[0]})
        columns = {row[0]: SourceColumn(*row) for row in cursor}
    return SourceTable(found[0], table.database, table.source_name, columns)


def column_of(source: SourceTable, table: Table, name: str) -> SourceColumn:
    """A column by its exact name. Raises `SyncError` where the table has none that this user may read."""
    if name in source.columns:
        return source.columns[name]
    raise SyncError(
        f"{table.qualified}: {source.schema}.{source.name} has no column {name!r} that this user may read; it"
        f" has {', '.join(source.columns)}. Correct the declaration, or give the column's source name"
    )


def refuse_unknown_exclusions(cursor: Cursor, source: SourceTable, table: Table) -> None:
    """Raises `SyncError` for an excluded name that no column has; one may be hidden from this user."""
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped",
        (source.oid,),
    )
    for name in sorted(table.exclude - {row[0] for row in cursor}):
        raise unknown_exclusion(table, f"{source.schema}.{source.name}", name, source.columns)


def unique_keys_of(cursor: Cursor, source: SourceTable) -> list[tuple[str, ...]]:
    """The names of the primary key's columns in their order, then those of the unique keys whose columns take
    no NULL, the shortest first; none of which the user may not read a column."""
    cursor.execute(
        "SELECT array_agg(a.attname::text ORDER BY k.place) FROM pg_index i"
        " CROSS JOIN unnest(i.indkey::int[]) WITH ORDINALITY AS k(attnum, place)"
        " LEFT JOIN pg_attribute a ON (a.attrelid, a.attnum) = (i.indrelid, k.attnum) AND a.attnotnull"
        # Not the columns that an index only includes, an index of some rows, or one over expressions.
        " WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid AND i.indpred IS NULL"
        " AND k.place <= i.indnkeyatts"
        " GROUP BY i.indexrelid, i.indisprimary, i.indnkeyatts HAVING bool_and(a.attname = ANY (%s))"
        " AND count(a.attname) = i.indnkeyatts"
        " ORDER BY NOT i.indisprimary, i.indnkeyatts, i.indexrelid::regclass::text",
        (source.oid, list(source.columns)),
    )
    return [tuple(names) for (names,) in cursor]


def estimated_rows(cursor: Cursor, source: SourceTable) -> int | None:
    """The planner's idea of the table's rows, its partitions' together; None where it has none."""
    cursor.execute(
        "SELECT sum(reltuples)::bigint FROM pg_class WHERE reltuples > 0 AND relkind IN ('r', 'm', 'f')"
        " AND oid IN (SELECT relid FROM pg_partition_tree(%(table)s) UNION SELECT %(table)s)",
        {"table": source.oid},
    )
    row = cursor.fetchone()
    return row[0] if row else None
