"""How Redshift says what the base asks: PostgreSQL 8's SQL, no indexes, and keys that nobody enforces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import psycopg2
from psycopg2.extras import execute_values, register_default_jsonb

from sync.connections.postgresql import postgresql_arguments
from sync.connections.urls import DatabaseUrl, parse
from sync.errors import SyncError
from sync.warehouses.changes import Comment, Completion
from sync.warehouses.contract import Capabilities, Hashing
from sync.warehouses.dbapi.dialect import INSERT, OPERATION, UPDATE, Dialect, Trouble
from sync.warehouses.fingerprint import HEX_DIGITS, Canonical
from sync.warehouses.redshift.types import MOST_TEXT_BYTES, TYPES
from sync.warehouses.schema import ColumnSchema, ForeignKey, TableSchema

SCHEMES = ("redshift", "redshift+psycopg2")
PORT = 5439
TRANSIENT = ("08", "53", "57P", "40", "55P03", "25P03")
VALUE = ("22", "23")
THERE = ("42710", "42P07", "42P16")  # a constraint or the like, a table, a second key
GONE = "42704"  # no such constraint
# Redshift's own errors have one SQLSTATE; their number is all of their message. This one: another transaction
# wrote to the same tables, and the two cannot be put in an order.
INTERNAL, SERIALIZABLE_VIOLATION = "XX000", "1023"
SESSION = (
    "SET TIME ZONE 'UTC'",
    "SET extra_float_digits TO 2",  # all digits of a double
)


class RedshiftDialect(Dialect):
    """See `dbapi.dialect.Dialect`. `url` begins with redshift:// or redshift+psycopg2://."""

    system = "redshift"
    types = TYPES
    capabilities = Capabilities(materialized_views=True, hashing=Hashing.MD5)
    placeholder = "%s"
    longest_own_text = MOST_TEXT_BYTES

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        self._cursors = count()

    def connect(self) -> Any:
        arguments = postgresql_arguments(self._url)
        if self._url.port is None:
            arguments["port"] = PORT
        connection = psycopg2.connect(**arguments)
        register_default_jsonb(connection, loads=str)  # a document's text, as a SUPER's is
        with connection.cursor() as cursor:
            for statement in SESSION:
                cursor.execute(statement)
        connection.commit()
        return connection

    @property
    def driver_error(self) -> type[Exception]:
        return psycopg2.Error

    def trouble(self, error: Exception) -> Trouble:
        code = getattr(error, "pgcode", None)
        if code is None:
            broken = isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError))
            return Trouble.TRANSIENT if broken else Trouble.PERMANENT
        if code.startswith(TRANSIENT) or (code == INTERNAL and _number(error) == SERIALIZABLE_VIOLATION):
            return Trouble.TRANSIENT
        return Trouble.VALUE if code.startswith(VALUE) else Trouble.PERMANENT

    def is_there(self, error: Exception) -> bool:
        return getattr(error, "pgcode", None) in THERE

    def is_gone(self, error: Exception) -> bool:
        return getattr(error, "pgcode", None) == GONE

    def cursor(self, connection: Any) -> Any:
        return connection.cursor(name=f"softcart_{next(self._cursors)}")

    def insert(self, cursor: Any, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A few rows; many come by COPY, see `staging.py`."""
        listed = ", ".join(map(self.quote, columns))
        execute_values(cursor, f"INSERT INTO {table} ({listed}) VALUES ".replace("%", "%%") + "%s", rows)

    def lock(self, table: str) -> str:
        """A transaction that begins with this waits for others instead of failing at its end; the lock is no
        moment from which on the transaction would see the tables."""
        return f"LOCK {table}"

    def role_exists(self, cursor: Any, role: str) -> bool:
        cursor.execute(f"SELECT 1 FROM pg_user WHERE usename = {self.literal(role)}")
        return cursor.fetchone() is not None

    def seconds_from_now(self, seconds: float) -> str:
        return f"GETDATE() + INTERVAL '{seconds:g} seconds'"

    # Definitions.

    def insert_first(self, table: str, columns: Sequence[str], values: Sequence[str]) -> str:
        """No key refuses a second row, so the lock does."""
        row = f"SELECT {', '.join(values)} WHERE NOT EXISTS (SELECT 1 FROM {table})"
        return f"LOCK {table}; INSERT INTO {table} {row}"

    def drop_not_null(self, table: str, column: str) -> Sequence[str]:
        """No column but those of the key was ever made NOT NULL."""
        return []

    def complete(self, schema: TableSchema, step: Completion) -> Sequence[str]:
        """The key is declared with the table, and NOT NULL cannot be added; there are no indexes."""
        if isinstance(step, (ForeignKey, Comment)):
            return super().complete(schema, step)
        return []

    # Rows.

    def differs(self, column: ColumnSchema, one: str, other: str) -> str:
        if column.type in ("real", "double precision"):
            one, other = f"CAST({one} AS VARCHAR(50))", f"CAST({other} AS VARCHAR(50))"
        elif column.type == "jsonb":
            one, other = f"JSON_SERIALIZE_TO_VARBYTE({one})", f"JSON_SERIALIZE_TO_VARBYTE({other})"
        elif column.type.startswith(("text", "character varying")):
            # To Redshift a text is equal to one with further spaces at its end.
            longer = f"OCTET_LENGTH({one}) <> OCTET_LENGTH({other})"
            return f"({longer} OR {super().differs(column, one, other)})"
        return super().differs(column, one, other)

    def merge(self, table: str, source: str, columns: Sequence[str], key: Sequence[str]) -> str:
        """Update and insert, in one message. MERGE takes more steps for it, and wants a table in which nobody
        else has columns."""
        listed, mark = ", ".join(map(self.quote, columns)), f"i.{self.quote(OPERATION)}"
        others = [f"{self.quote(name)} = i.{self.quote(name)}" for name in columns if name not in key]
        of_source = ", ".join(f"i.{self.quote(name)}" for name in columns)
        update = (
            f"UPDATE {table} SET {', '.join(others)} FROM {source} AS i"
            f" WHERE {mark} = '{UPDATE}' AND {self._matches(table, key)}; "
        )
        return (
            f"{update if others else ''}INSERT INTO {table} ({listed})"
            f" SELECT {of_source} FROM {source} AS i WHERE {mark} = '{INSERT}'"
        )

    def delete(self, table: str, source: str, key: Sequence[str]) -> str:
        return f"DELETE FROM {table} USING {source} AS i WHERE {self._matches(table, key)}"

    def _matches(self, table: str, key: Sequence[str]) -> str:
        return " AND ".join(f"{table}.{self.quote(name)} = i.{self.quote(name)}" for name in key)

    # Hashes.

    def canonical_text(self, form: Canonical, value: str) -> str:
        if form is Canonical.MICROSECONDS:
            epoch = "CAST('1970-01-01' AS TIMESTAMP)"
            return f"CAST(DATEDIFF('microsecond', {epoch}, CAST({value} AS TIMESTAMP)) AS VARCHAR(20))"
        return super().canonical_text(form, value)

    def hash_of(self, text: str) -> str:
        return f"STRTOL(SUBSTRING(MD5({text}), 1, {HEX_DIGITS}), 16)"


def parse_url(url: str) -> DatabaseUrl:
    """Raises `SyncError` for another scheme."""
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        raise SyncError(f"the URL of a Redshift begins with {' or '.join(f'{each}://' for each in SCHEMES)}")
    return parse(f"postgresql://{rest}")


def _number(error: Exception) -> str:
    primary = getattr(getattr(error, "diag", None), "message_primary", None) or ""
    return str(primary).strip()
