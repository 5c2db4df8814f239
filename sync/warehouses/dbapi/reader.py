"""A warehouse behind DB-API as the verification reads it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sync.warehouses.contract import Chunks, Fingerprint
from sync.warehouses.dbapi.dialect import Dialect
from sync.warehouses.dbapi.state import OwnTables
from sync.warehouses.dbapi.types import Unfit
from sync.warehouses.fingerprint import BUCKETS, Canonical, canonical
from sync.warehouses.positions import MirrorState
from sync.warehouses.schema import Row, TableName, TableSchema

FETCHED_ROWS = 5000


class DbApiReader:
    """See `contract.Reader`. Keys that are left out are in work tables, which the next pass drops where this
    process does not."""

    def __init__(self, dialect: Dialect, connection: Any, own: OwnTables) -> None:
        self._dialect = dialect
        self._connection = connection
        self._own = own
        self._left_out: dict[TableName, TableName] = {}

    def schemas(self, tables: Sequence[TableName]) -> Mapping[TableName, TableSchema]:
        with self._dialect.errors("production"):
            if not self._own.is_prepared():
                return {}
            known, found = self._own.definitions(self._own.stored()), {}
            for name in tables:
                columns = self._dialect.exists(self._connection, self._dialect.table(name))
                # Of one that a pass was about to load anew nothing is kept but its name.
                if columns is not None and name in known and known[name].columns:
                    kept = [column for column in known[name].columns if column.name in columns]
                    found[name] = replace(known[name], columns=tuple(kept))
            return found

    def states(self) -> Mapping[TableName, MirrorState]:
        with self._dialect.errors("production"):
            return self._own.states(self._own.stored()) if self._own.is_prepared() else {}

    def rejected(self, tables: Sequence[TableName]) -> Mapping[TableName, tuple[Row, ...]]:
        with self._dialect.errors("production"):
            return self._own.rejected() if self._own.is_prepared() else {}

    def leave_out(self, schema: TableSchema, keys: Chunks) -> int:
        name = TableName(schema.name.schema, f"_left_out_{uuid.uuid4().hex[:12]}")
        columns = [column for part in schema.key for column in schema.columns if column.name == part]
        typed = [(column.name, self._dialect.types.native_type(schema.name, column)) for column in columns]
        bind, rows = self._dialect.types.binder(columns, schema.key), 0
        with self._dialect.errors(f"production, {schema.name}"):
            # Not the next pass drops it, which may be on its way by now, but the one after that.
            self._own.note_work(name, self._own.token() + 2)
            self._connection.commit()
            self._own.run(self._dialect.create_work_table(self._dialect.table(name), typed))
            self._connection.commit()
            self._left_out[schema.name] = name
            for chunk in keys:
                if values := [bound for key in chunk if (bound := _bound(bind, key)) is not None]:
                    cursor = self._connection.cursor()
                    self._dialect.insert(cursor, self._dialect.table(name), schema.key, values)
                    cursor.close()
                    self._connection.commit()
                rows += len(chunk)
        return rows

    def close(self) -> None:
        """Drop the work tables."""
        with self._dialect.errors("production"):
            self._connection.rollback()
            for name in self._left_out.values():
                self._own.drop_work(name)

    def fingerprint(self, schema: TableSchema) -> Fingerprint:
        with self._dialect.errors(f"production, {schema.name}"):
            hashes = f"SELECT {self._hash(schema)} AS h {self._compared(schema)}"
            bucket = f"MOD(h, {BUCKETS})"
            total = f"SUM(CAST(h AS {self._dialect.whole_number}))"
            found = self._own.rows(
                f"SELECT {bucket}, COUNT(*), {total} FROM ({hashes}) AS q GROUP BY {bucket}"
            )
        return {int(number): (int(rows), int(total)) for number, rows, total in found}

    def rows(self, schema: TableSchema, buckets: Collection[int] | None) -> Iterator[Sequence[Row]]:
        listed = ", ".join(
            self._dialect.fetched(column, f"t.{self._dialect.quote(column.name)}")
            for column in schema.columns
        )
        statement = f"SELECT {listed} {self._compared(schema)}"
        if buckets is not None:
            statement += f" AND MOD({self._hash(schema)}, {BUCKETS}) IN ({', '.join(map(str, buckets))})"
        show = self._dialect.types.shower(schema.columns)
        with self._dialect.errors(f"production, {schema.name}"):
            cursor = self._dialect.cursor(self._connection)
            cursor.execute(statement)
            while found := cursor.fetchmany(FETCHED_ROWS):
                yield [show(row) for row in found]
            cursor.close()

    def rows_of(self, view: TableName) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        return self.query(f"SELECT * FROM {self._dialect.table(view)}")

    def query(self, statement: str) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        with self._dialect.errors("production"):
            cursor = self._connection.cursor()
            cursor.execute(self._dialect.spoken(statement))
            names = tuple(column[0] for column in cursor.description)
            rows = [tuple(row) for row in cursor.fetchall()]
            cursor.close()
        return names, rows

    def exists(self, table: TableName) -> bool:
        with self._dialect.errors("production"):
            return self._dialect.exists(self._connection, self._dialect.table(table)) is not None

    def _compared(self, schema: TableSchema) -> str:
        table, quote = self._dialect.table(schema.name), self._dialect.quote
        if schema.name not in self._left_out:
            return f"FROM {table} t WHERE 1 = 1"
        matches = " AND ".join(f"t.{quote(name)} = i.{quote(name)}" for name in schema.key)
        left_out = self._dialect.table(self._left_out[schema.name])
        return f"FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM {left_out} i WHERE {matches})"

    def _hash(self, schema: TableSchema) -> str:
        texts = []
        for column in schema.columns:
            form = canonical(column)
            assert form is not None, f"{schema.name}.{column.name} has no canonical form"
            value = f"t.{self._dialect.quote(column.name)}"
            if form is Canonical.DIGITS:
                value = self._dialect.digits(column, value)
            text = self._dialect.canonical_text(form, value)
            texts.append(self._dialect.length_prefixed(text))
        return self._dialect.hash_of(" || ".join(texts))


def _bound(bind: Callable[[Row], list[Any]], key: Row) -> list[Any] | None:
    """A key as the driver takes it, None for one that no row of the table can have."""
    try:
        return bind(key)
    except Unfit:
        return None
