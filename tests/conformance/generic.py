"""PostgreSQL as a system of which nothing is known but SQL: DDL commits, no type is changed in place, it has
no materialized views, its rows come by INSERT and are hashed by MD5.

It holds the base of `sync/warehouses/dbapi` against a real server, with its locks, transactions and keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg2
from psycopg2.extras import execute_values

from sync.connections.postgresql import postgresql_arguments
from sync.connections.urls import parse
from sync.types import PgType
from sync.warehouses.contract import Capabilities, Hashing
from sync.warehouses.dbapi.dialect import Dialect, Trouble
from sync.warehouses.dbapi.types import TypeMapper, Unfit
from sync.warehouses.schema import ColumnSchema

LONGEST = 120  # of a varchar: longer values are refused by the server, row by row
TRANSIENT = ("08", "53", "57P", "40", "55P03", "25P03")
VALUE = ("22", "23")
THERE = ("42P07", "42710", "42P16")  # a table or an index, another object, a second primary key
GONE = "42704"  # no such constraint


def numeric(type_: PgType) -> str:
    if type_.length is None:
        raise Unfit("declare its precision and scale")
    return f"DECIMAL({type_.length}, {type_.scale})"


NATIVE: Mapping[str, Any] = {
    "smallint": lambda _: "SMALLINT",
    "integer": lambda _: "INTEGER",
    "bigint": lambda _: "BIGINT",
    "numeric": numeric,
    "real": lambda _: "REAL",
    "double precision": lambda _: "DOUBLE PRECISION",
    "boolean": lambda _: "BOOLEAN",
    "date": lambda _: "DATE",
    "timestamp": lambda _: "TIMESTAMP",
    "timestamptz": lambda _: "TIMESTAMP",
    "text": lambda _: "TEXT",
    "character varying": lambda type_: f"VARCHAR({min(type_.length or LONGEST, LONGEST)})",
    "bytea": lambda _: "BYTEA",
    "jsonb": lambda _: "TEXT",
}


class GenericDialect(Dialect):
    system = "generic"
    # Of a number that is written as one the server would lose the sign of -0.0.
    types = TypeMapper("generic", NATIVE, binds={"real": str, "double precision": str})
    placeholder = "%s"
    portion = 30
    capabilities = Capabilities(enforces_keys=True, hashing=Hashing.MD5)

    def __init__(self, url: str) -> None:
        self._url = parse(url)

    def connect(self) -> Any:
        arguments = {**postgresql_arguments(self._url), "options": "-c TimeZone=UTC"}
        return psycopg2.connect(**arguments)

    @property
    def driver_error(self) -> type[Exception]:
        return psycopg2.Error

    def trouble(self, error: Exception) -> Trouble:
        code = getattr(error, "pgcode", None)
        if code is None:
            broken = isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError))
            return Trouble.TRANSIENT if broken else Trouble.PERMANENT
        if code.startswith(TRANSIENT):
            return Trouble.TRANSIENT
        return Trouble.VALUE if code.startswith(VALUE) else Trouble.PERMANENT

    def is_there(self, error: Exception) -> bool:
        return getattr(error, "pgcode", None) in THERE

    def is_gone(self, error: Exception) -> bool:
        return getattr(error, "pgcode", None) == GONE

    def insert(self, cursor: Any, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        listed = ", ".join(map(self.quote, columns))
        execute_values(cursor, f"INSERT INTO {table} ({listed}) VALUES ".replace("%", "%%") + "%s", rows)

    def differs(self, column: ColumnSchema, one: str, other: str) -> str:
        if column.type in ("real", "double precision"):
            one, other = f"CAST({one} AS TEXT)", f"CAST({other} AS TEXT)"
        return super().differs(column, one, other)

    def hash_of(self, text: str) -> str:
        return f"CAST(('x' || LEFT(MD5({text}), 15))::BIT(60) AS BIGINT)"


class ByValueDialect(GenericDialect):
    """As a system that cannot hash."""

    system = "by_value"
    capabilities = Capabilities(enforces_keys=True)
