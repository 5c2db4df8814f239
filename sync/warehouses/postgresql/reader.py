"""Production on PostgreSQL as the verification reads it, at one moment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import sql
from sync.copytext import escape, line
from sync.state import is_prepared
from sync.warehouses.contract import Chunks, Fingerprint, Hashing
from sync.warehouses.positions import MirrorState, StagingPosition
from sync.warehouses.postgresql.catalog import column_list, fetch, identifier, read_schemas, same_key, texts
from sync.warehouses.postgresql.hashes import bucket, read_fingerprint, row_hash
from sync.warehouses.postgresql.ranges import in_range
from sync.warehouses.schema import Row, TableName, TableSchema
from sync.warehouses.scope import KeyRange

if TYPE_CHECKING:
    from sync.connections.psycopg import Cursor

STRATEGY = "batch"


class PostgreSQLReader:
    """See `contract.Reader`."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._left_out: dict[TableName, sql.Identifier] = {}
        self._within: dict[TableName, KeyRange] = {}

    def schemas(self, tables: Sequence[TableName]) -> Mapping[TableName, TableSchema]:
        with postgresql_errors("production"):
            return read_schemas(self._cursor, tables)

    def states(self) -> Mapping[TableName, MirrorState]:
        with postgresql_errors("production"):
            return read_states(self._cursor) if is_prepared(self._cursor) else {}

    def rejected(self, tables: Sequence[TableName]) -> Mapping[TableName, tuple[Row, ...]]:
        return {}

    def leave_out(self, schema: TableSchema, keys: Chunks) -> int:
        beside = self._left_out[schema.name] = sql.Identifier("pg_temp", f"moved_{len(self._left_out)}")
        rows = 0
        with postgresql_errors(f"production, {schema.name}"):
            self._cursor.execute(
                sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                    beside, column_list(schema.key), identifier(schema.name)
                )
            )
            for chunk in keys:
                # A part of a key is never NULL.
                lines = b"".join(line(escape(value or "") for value in key) for key in chunk)
                self._cursor.copy_expert(sql.SQL("COPY {} FROM STDIN").format(beside), BytesIO(lines))
                rows += len(chunk)
            self._cursor.execute(sql.SQL("ANALYZE {}").format(beside))
        return rows

    def within(self, schema: TableSchema, keys: KeyRange) -> None:
        self._within[schema.name] = keys

    def fingerprint(self, schema: TableSchema) -> Fingerprint:
        with postgresql_errors(f"production, {schema.name}"):
            hashed = row_hash(schema, Hashing.RECORD)
            return read_fingerprint(
                self._cursor, sql.SQL("SELECT {} AS _hash {}").format(hashed, self._compared(schema))
            )

    def rows(self, schema: TableSchema, buckets: Collection[int] | None) -> Iterator[Sequence[Row]]:
        query = sql.SQL("SELECT {} {}").format(texts(schema.column_names), self._compared(schema))
        if buckets is not None:
            hashed = bucket(row_hash(schema, Hashing.RECORD))
            query += sql.SQL(" AND {} = ANY({})").format(hashed, sql.Literal(list(buckets)))
        with postgresql_errors(f"production, {schema.name}"):
            yield from fetch(self._cursor, query)

    def rows_of(self, view: TableName) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        return self.query(sql.SQL("SELECT * FROM {}").format(identifier(view)))

    def query(self, statement: str | sql.Composable) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        with postgresql_errors("production"):
            self._cursor.execute(statement)
            return tuple(column.name for column in self._cursor.description or ()), self._cursor.fetchall()

    def exists(self, table: TableName) -> bool:
        with postgresql_errors("production"):
            self._cursor.execute("SELECT to_regclass(%s)", [identifier(table).as_string(self._cursor)])
            return self._cursor.fetchone() != (None,)

    def _compared(self, schema: TableSchema) -> sql.Composable:
        where = sql.SQL("FROM {} AS t WHERE {}").format(
            identifier(schema.name), in_range(schema, self._within.get(schema.name, KeyRange()))
        )
        if (beside := self._left_out.get(schema.name)) is None:
            return where
        return where + sql.SQL(" AND NOT EXISTS (SELECT FROM {} AS i WHERE {})").format(
            beside, same_key(schema.key)
        )


def read_states(cursor: Cursor) -> dict[TableName, MirrorState]:
    """Where the mirrored tables stand, in one round trip."""
    cursor.execute(
        "SELECT table_schema, table_name, position, rows FROM sync.tables WHERE strategy = %s", [STRATEGY]
    )
    return {
        TableName(schema, name): MirrorState(StagingPosition.parse(position), rows)
        for schema, name, position, rows in cursor.fetchall()
    }
