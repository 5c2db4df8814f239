"""Staging, which is PostgreSQL whatever the warehouse is, as the mirror and the verification read it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import count
from typing import TYPE_CHECKING, Any, BinaryIO

from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import sql
from sync.copytext import NULL, escape, line
from sync.errors import SyncError
from sync.types import CHARACTERS, parse_type
from sync.warehouses.contract import Chunks, Difference, Fingerprint, Hashing, Selection
from sync.warehouses.positions import StagingPosition
from sync.warehouses.postgresql.audited import refuse_unaudited
from sync.warehouses.postgresql.catalog import column_list, fetch, identifier, read_schemas, same_key, texts
from sync.warehouses.postgresql.hashes import bucket, read_fingerprint, row_hash
from sync.warehouses.postgresql.progress import read_progress, store_progress
from sync.warehouses.postgresql.ranges import in_range, key_after
from sync.warehouses.postgresql.sessions import transaction
from sync.warehouses.rolling import Progress
from sync.warehouses.schema import Row, TableName, TableSchema, parents_first
from sync.warehouses.scope import Scope

if TYPE_CHECKING:
    from sync.connections.psycopg import Connection, Cursor


class PostgreSQLStaging:
    """See `contract.Staging`; `connection` is one to staging in autocommit mode."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def snapshot(self) -> Iterator[StagingSnapshot]:
        with transaction(self._connection, "staging", snapshot=True) as cursor:
            yield StagingSnapshot(cursor)

    def progress(self) -> Mapping[TableName, Progress]:
        with postgresql_errors("staging"):
            return read_progress(self._connection)

    def store_progress(self, progress: Mapping[TableName, Progress]) -> None:
        with postgresql_errors("staging"):
            store_progress(self._connection, progress)


class StagingSnapshot:
    """See `contract.Snapshot`."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._names = count()

    def schemas(self, tables: Sequence[TableName]) -> dict[TableName, TableSchema]:
        with postgresql_errors("staging"):
            schemas = read_schemas(self._cursor, tables)
        for name in tables:
            if name not in schemas:
                raise SyncError(f"{name} is not in staging: build it before it is mirrored")
            if not schemas[name].key:
                raise SyncError(f"{name} has no primary key in staging: production's rows are matched by it")
        return parents_first(schemas)

    def positions(self, tables: Sequence[TableName]) -> dict[TableName, StagingPosition]:
        with postgresql_errors("staging"):
            return read_positions(self._cursor, tables)

    def refuse_unaudited(self, tables: Sequence[TableName]) -> None:
        with postgresql_errors("staging"):
            names = [name.table for name in tables]
            refuse_unaudited(self._cursor, names, "production keeps what it had")

    def copy(self, rows: Selection, sink: BinaryIO) -> int:
        with postgresql_errors("staging"):
            self._cursor.copy_expert(sql.SQL("COPY ({}) TO STDOUT").format(_select(rows)), sink)
            return self._cursor.rowcount

    def chunks(self, rows: Selection) -> Iterator[Sequence[Row]]:
        return self._fetch(_as_text(rows.schema, _select(rows), ["_deleted"] if rows.has_deleted else []))

    def moved_keys(self, schema: TableSchema, since: int) -> Iterator[Sequence[Row]]:
        return self._fetch(
            sql.SQL("SELECT {} FROM {} AS t WHERE _batch > {}").format(
                texts(schema.key), identifier(schema.name), sql.Literal(since)
            )
        )

    def key_after(self, schema: TableSchema, after: Row | None, rows: int) -> Row | None:
        with postgresql_errors("staging"):
            return key_after(self._cursor, schema, after, rows)

    def fingerprint(self, scope: Scope, hashing: Hashing) -> Fingerprint:
        with postgresql_errors(f"staging, {scope.schema.name}"):
            hashed = row_hash(scope.schema, hashing, scope.empty_text_is_null)
            return read_fingerprint(
                self._cursor, sql.SQL("SELECT {} AS _hash {}").format(hashed, _in_scope(scope))
            )

    def differences(
        self, scope: Scope, rows: Chunks, hashing: Hashing, buckets: Collection[int] | None, limit: int
    ) -> tuple[int, int, list[Difference]]:
        schema = scope.schema
        actual = sql.Identifier("pg_temp", f"actual_{next(self._names)}")
        expected = sql.SQL("SELECT {} {}").format(_expected(scope), _in_scope(scope))
        if buckets is not None:
            hashed = bucket(row_hash(schema, hashing, scope.empty_text_is_null))
            expected += sql.SQL(" AND {} = ANY({})").format(hashed, sql.Literal(list(buckets)))
        with postgresql_errors(f"staging, {schema.name}"):
            self._cursor.execute(
                sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                    actual, column_list(schema.column_names), identifier(schema.name)
                )
            )
            for chunk in rows:
                lines = BytesIO(b"".join(map(_line, chunk)))
                self._cursor.copy_expert(sql.SQL("COPY {} FROM STDIN").format(actual), lines)
            self._cursor.execute(sql.SQL("ANALYZE {}").format(actual))
            self._cursor.execute(sql.SQL("SELECT count(*) FROM ({}) AS e").format(expected))
            ((expected_rows,),) = self._cursor.fetchall()
            found = self._compare(schema, expected, actual, limit, has_scales=hashing is Hashing.RECORD)
            self._cursor.execute(sql.SQL("DROP TABLE {}").format(actual))
        different = found[0][0] if found else 0
        return (
            int(expected_rows),
            int(different),
            [Difference(tuple(key), here, there) for _, here, there, *key in found],
        )

    def _fetch(self, query: sql.Composable) -> Iterator[Sequence[Row]]:
        with postgresql_errors("staging"):
            yield from fetch(self._cursor, query)

    def _compare(
        self,
        schema: TableSchema,
        expected: sql.Composable,
        actual: sql.Composable,
        limit: int,
        has_scales: bool,
    ) -> list[tuple[Any, ...]]:
        """`has_scales`: production keeps 1.50 of a numeric without a scale apart from 1.5."""
        key = schema.key
        first = sql.Identifier(key[0])
        either = [sql.SQL("coalesce(i.{0}, t.{0})").format(sql.Identifier(name)) for name in key]
        self._cursor.execute(
            sql.SQL(
                "SELECT count(*) OVER (), i.{} IS NOT NULL, t.{} IS NOT NULL, {} FROM ({}) AS i"
                " FULL JOIN {} AS t ON {} WHERE ROW({})::record *<> ROW({})::record ORDER BY {} LIMIT {}"
            ).format(
                first,
                first,
                sql.SQL(", ").join(sql.SQL("{}::text").format(name) for name in either),
                expected,
                actual,
                same_key(key),
                _compared(schema, "i", has_scales),
                _compared(schema, "t", has_scales),
                sql.SQL(", ").join(either),
                sql.Literal(limit),
            )
        )
        return self._cursor.fetchall()


def _compared(schema: TableSchema, of: str, has_scales: bool) -> sql.Composable:
    """The columns by which rows are the same, byte for byte."""
    return sql.SQL(", ").join(
        sql.SQL("trim_scale({})" if column.type == "numeric" and not has_scales else "{}").format(
            sql.Identifier(of, column.name)
        )
        for column in schema.columns
    )


def read_positions(cursor: Cursor, tables: Sequence[TableName]) -> dict[TableName, StagingPosition]:
    """The positions of staging's tables at this moment, in one round trip."""
    selects = [
        sql.SQL(
            "SELECT {}, i.id::text, pg_relation_filenode({relation}), sync.table_batch({relation})"
            " FROM sync.identity i"
        ).format(sql.Literal(number), relation=sql.Literal(identifier(name).as_string(cursor)))
        for number, name in enumerate(tables)
    ]
    cursor.execute(sql.SQL(" UNION ALL ").join(selects))
    return {
        tables[number]: StagingPosition(identity, file, batch)
        for number, identity, file, batch in cursor.fetchall()
    }


def _select(rows: Selection) -> sql.Composable:
    columns, table = column_list(rows.schema.column_names, of="t"), identifier(rows.table)
    if rows.above is None:
        return sql.SQL("SELECT {} FROM {} AS t WHERE NOT t._deleted").format(columns, table)
    changed = sql.SQL("SELECT {}, t._deleted FROM {} AS t WHERE t._batch > {}").format(
        columns, table, sql.Literal(rows.above)
    )
    return changed + sql.SQL(" OR ") + _is_among(rows.schema, rows.again) if rows.again else changed


def _as_text(schema: TableSchema, query: sql.Composable, further: Sequence[str]) -> sql.Composable:
    return sql.SQL("SELECT {} FROM ({}) AS t").format(texts([*schema.column_names, *further]), query)


def _expected(scope: Scope) -> sql.Composable:
    """The columns as production should have them."""
    return sql.SQL(", ").join(
        sql.SQL("nullif(t.{0}, '') AS {0}" if is_text else "t.{0}").format(sql.Identifier(column.name))
        for column in scope.schema.columns
        for is_text in [scope.empty_text_is_null and parse_type(column.type).base in CHARACTERS]
    )


def _in_scope(scope: Scope) -> sql.Composable:
    where = sql.SQL("FROM {} AS t WHERE NOT t._deleted AND {}").format(
        identifier(scope.schema.name), in_range(scope.schema, scope.keys)
    )
    if scope.upto is not None:
        where += sql.SQL(" AND t._batch <= {}").format(sql.Literal(scope.upto))
    if scope.left_out:
        where += sql.SQL(" AND NOT ") + _is_among(scope.schema, scope.left_out)
    return where


def _is_among(schema: TableSchema, keys: Sequence[Row]) -> sql.Composable:
    """Whether the row of alias `t` has one of these keys."""
    types = {column.name: column.type for column in schema.columns}
    arrays = [
        sql.SQL("{}::text[]::{}[]").format(sql.Literal(list(values)), sql.SQL(types[name]))
        for name, values in zip(schema.key, zip(*keys, strict=True), strict=True)
    ]
    return sql.SQL("EXISTS (SELECT FROM unnest({}) AS i ({}) WHERE {})").format(
        sql.SQL(", ").join(arrays), column_list(schema.key), same_key(schema.key)
    )


def _line(row: Row) -> bytes:
    return line(NULL if value is None else escape(value) for value in row)
