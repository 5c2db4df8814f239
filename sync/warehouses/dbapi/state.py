"""The engine's own tables in a warehouse behind DB-API: identity, lease, states, work tables and
quarantine."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sync.warehouses.dbapi.dialect import PARAMETER, Dialect, Trouble
from sync.warehouses.dbapi.known import schema_of
from sync.warehouses.positions import MirrorState, StagingPosition
from sync.warehouses.schema import ColumnSchema, Row, TableName, TableSchema
from sync.warehouses.views import ViewState

LEASE = "production"
# A table's columns and their logical types, and its key.
OWN: dict[TableName, tuple[dict[str, str], tuple[str, ...]]] = {
    TableName("sync", "identity"): ({"id": "varchar(36)"}, ("id",)),
    TableName("sync", "leases"): (
        {"name": "varchar(60)", "token": "bigint", "holder": "varchar(36)", "expires_at": "timestamp"},
        ("name",),
    ),
    TableName("sync", "work"): (
        {"table_schema": "varchar(120)", "table_name": "varchar(120)", "token": "bigint"},
        ("table_schema", "table_name"),
    ),
    TableName("sync", "tables"): (
        {
            "table_schema": "varchar(120)",
            "table_name": "varchar(120)",
            "kind": "varchar(10)",
            "position": "varchar(200)",
            "rows": "bigint",
            "run_id": "varchar(60)",
            "synced_at": "timestamp",
            "definition": "text",
        },
        ("table_schema", "table_name"),
    ),
    TableName("quarantine", "rejected_rows"): (
        {
            "table_name": "varchar(250)",
            "key": "text",
            "reason": "text",
            "raw": "text",
            "batch": "bigint",
            "rejected_at": "timestamp",
        },
        (),
    ),
}


# Name, kind, position, rows and definition of each table and view.
Stored = list[tuple[TableName, str, str | None, int, dict[str, Any]]]


@dataclass(frozen=True)
class Rejection:
    """A row that the warehouse cannot hold: its key, why, and all its values."""

    key: Row
    reason: str
    values: Row


class OwnTables:
    """Reads and writes them on one connection; who writes commits."""

    def __init__(self, dialect: Dialect, connection: Any) -> None:
        self._dialect = dialect
        self._connection = connection
        self._made: set[str] = set()  # schemas that were asked for

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        cursor = self._connection.cursor()
        if values:
            cursor.execute(self._dialect.parametrized(statement), tuple(values))
        else:
            cursor.execute(statement)
        cursor.close()

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        cursor = self._connection.cursor()
        cursor.execute(statement)
        found = [tuple(row) for row in cursor.fetchall()]
        cursor.close()
        return found

    def name(self, table: str) -> str:
        """One of the engine's own tables in SQL."""
        return self._dialect.table(TableName("quarantine" if table == "rejected_rows" else "sync", table))

    def is_prepared(self) -> bool:
        return bool(self._dialect.exists(self._connection, self.name("rejected_rows")))

    def prepare(self) -> None:
        """Create what is missing; several callers may do so at once."""
        if self.is_prepared():
            return
        types = self._dialect.types
        for schema in ("sync", "quarantine"):
            self.create_schema(schema)
        for name, (columns, key) in OWN.items():
            listed = [
                (column, types.native_type(name, ColumnSchema(column, type_, True, False, None)))
                for column, type_ in columns.items()
            ]
            table = self._dialect.table(name)
            error = self._try(self._dialect.create_table(table, listed, key))
            if error and self._dialect.exists(self._connection, table) is None:
                raise error
        if self.identity() is None:
            self._insert_first("identity", f"'{uuid.uuid4()}'")
        if not self.rows(f"SELECT * FROM {self.name('leases')}"):
            now = self._dialect.seconds_from_now(0)
            self._insert_first("leases", f"'{LEASE}'", "0", "NULL", now)

    def _insert_first(self, table: str, *values: str) -> None:
        columns = list(OWN[TableName("sync", table)][0])
        self._try(self._dialect.insert_first(self.name(table), columns, values))

    def create_schema(self, schema: str) -> None:
        """Create a schema that may be there; what cannot be created shows when a table is made in it."""
        statement = self._dialect.create_schema(schema)
        if statement and schema not in self._made:
            self._try(statement)
            self._made.add(schema)

    def _try(self, statement: str) -> Exception | None:
        """What another pass may have done a moment before; returns how it failed."""
        try:
            self.run(statement)
            self._connection.commit()
        except self._dialect.driver_error as error:
            if self._dialect.trouble(error) is Trouble.TRANSIENT:
                raise
            self._connection.rollback()
            return error
        return None

    def identity(self) -> str | None:
        column = self._dialect.quote("id")
        found = self.rows(f"SELECT {column} FROM {self.name('identity')} ORDER BY {column}")
        return str(found[0][0]) if found else None

    def stored(self) -> Stored:
        """What is kept of each table and view."""
        columns = ", ".join(
            map(
                self._dialect.quote,
                ("table_schema", "table_name", "kind", "position", "rows", "definition"),
            )
        )
        return [
            (TableName(schema, table), kind, position, int(count or 0), json.loads(definition))
            for schema, table, kind, position, count, definition in self.rows(
                f"SELECT {columns} FROM {self.name('tables')}"
            )
        ]

    def states(self, stored: Stored) -> dict[TableName, MirrorState]:
        return {
            name: MirrorState(StagingPosition.parse(position), rows)
            for name, kind, position, rows, _ in stored
            if kind == "table" and position
        }

    def definitions(self, stored: Stored) -> dict[TableName, TableSchema]:
        """The schemas that the tables were given."""
        return {
            name: schema_of(name, definition) for name, kind, _, _, definition in stored if kind == "table"
        }

    def views(self, role: str | None, has_role: bool, stored: Stored) -> dict[TableName, ViewState]:
        return {
            name: ViewState(
                exists=self._dialect.exists(self._connection, self._dialect.table(name)) is not None,
                is_materialized=definition["materialized"],
                readable=not has_role or definition["granted"] == role,
                version=definition["version"],
                inputs=definition["inputs"],
                rows=rows,
            )
            for name, kind, _, rows, definition in stored
            if kind == "view"
        }

    def store(
        self, table: TableName, kind: str, position: str | None, rows: int, run_id: str, definition: object
    ) -> None:
        """Replace the row of a table or view."""
        self.forget(table)
        marks = ", ".join([PARAMETER] * 6)
        listed = ", ".join(map(self._dialect.quote, OWN[TableName("sync", "tables")][0]))
        self.run(
            f"INSERT INTO {self.name('tables')} ({listed}) VALUES"
            f" ({marks}, {self._dialect.seconds_from_now(0)}, {PARAMETER})",
            (*table, kind, position, rows, run_id, json.dumps(definition)),
        )

    def forget(self, table: TableName) -> None:
        self.run(f"DELETE FROM {self.name('tables')} WHERE {self._is(table)}")

    def rejected(self) -> dict[TableName, tuple[Row, ...]]:
        """The keys of the rows in quarantine."""
        columns = ", ".join(map(self._dialect.quote, ("table_name", "key")))
        found: defaultdict[TableName, list[Row]] = defaultdict(list)
        for table, key in self.rows(f"SELECT {columns} FROM {self.name('rejected_rows')}"):
            found[TableName(*table.split(".", 1))].append(tuple(json.loads(key)))
        return {name: tuple(keys) for name, keys in found.items()}

    def replace_rejected(self, table: TableName, rejections: Sequence[Rejection], batch: int) -> None:
        """Let the quarantine hold these rows of a table and no others."""
        name = self._dialect.literal(str(table))
        self.run(
            f"DELETE FROM {self.name('rejected_rows')} WHERE {self._dialect.quote('table_name')} = {name}"
        )
        if not rejections:
            return
        *columns, moment = OWN[TableName("quarantine", "rejected_rows")][0]
        cursor = self._connection.cursor()
        rows = [
            [
                str(table),
                json.dumps(rejection.key),
                self._shortened(rejection.reason),
                self._shortened(json.dumps(rejection.values)),
                batch,
            ]
            for rejection in rejections
        ]
        self._dialect.insert(cursor, self.name("rejected_rows"), columns, rows)
        cursor.close()
        self.run(
            f"UPDATE {self.name('rejected_rows')} SET {self._dialect.quote(moment)} ="
            f" {self._dialect.seconds_from_now(0)} WHERE {self._dialect.quote('table_name')} = {name}"
        )

    def _shortened(self, text: str) -> str:
        longest = self._dialect.longest_own_text
        return text if longest is None else text.encode()[:longest].decode(errors="ignore")

    def note_work(self, table: TableName, token: int) -> None:
        """Remember a work table before it is made, so that whoever comes next can drop it."""
        schema, name = map(self._dialect.literal, table)
        self.run(f"INSERT INTO {self.name('work')} VALUES ({schema}, {name}, {token})")

    def forget_work(self, table: TableName) -> None:
        self.run(f"DELETE FROM {self.name('work')} WHERE {self._is(table)}")

    def token(self) -> int:
        """The lease's token."""
        ((token,),) = self.rows(f"SELECT {self._dialect.quote('token')} FROM {self.name('leases')}")
        return int(token)

    def work(self) -> list[tuple[TableName, int]]:
        columns = ", ".join(map(self._dialect.quote, ("table_schema", "table_name", "token")))
        return [
            (TableName(schema, table), int(token))
            for schema, table, token in self.rows(f"SELECT {columns} FROM {self.name('work')}")
        ]

    def drop_work(self, table: TableName) -> None:
        """Drop a work table, which may not have been made or was dropped by another pass, and forget it;
        commits."""
        name = self._dialect.table(table)
        if self._dialect.exists(self._connection, name) is not None:
            error = self._try(f"DROP TABLE {name}")
            if error and self._dialect.exists(self._connection, name) is not None:
                raise error
        self.forget_work(table)
        self._connection.commit()

    def _is(self, table: TableName) -> str:
        schema, name = map(self._dialect.literal, table)
        quote = self._dialect.quote
        return f"{quote('table_schema')} = {schema} AND {quote('table_name')} = {name}"
